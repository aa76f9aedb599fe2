export { cacheFolder, type CacheEnvironment } from './code-cache.js'
export { type Native, nativeCode } from './native.js'
export { type Processor, processor, x64Refusal, x64Widths } from './processor.js'
export { type X64Options, x64Target } from './x64.js'
