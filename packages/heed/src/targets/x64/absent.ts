/**
 * What stands in machine code's place where a bundler writes for browsers: the same names, and why there is
 * none.
 */
import { TargetError } from '../../base/index.js'
import type * as x64 from './index.js'

const reason = 'a browser runs no machine code'

export const bindSource: typeof x64.bindSource = ''
export const cacheFolder: typeof x64.cacheFolder = () => undefined
export const nativeCode: typeof x64.nativeCode = () => reason
export const printX64: typeof x64.printX64 = absent
export const processor: typeof x64.processor = absent
export const x64Refusal: typeof x64.x64Refusal = () => reason
export const x64Widths: typeof x64.x64Widths = () => []
export const x64Target: typeof x64.x64Target = absent

function absent(): never {
  throw new TargetError({
    operation: 'x64',
    expected: 'a system that runs machine code',
    found: reason,
    hint: 'use the wasm target',
  })
}
