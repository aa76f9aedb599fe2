export { createDecoder, type DecoderDefinition, readDecoder } from './decoder.js'
export { createTokenLabel } from './label.js'
export { DecodeStream } from './stream.js'
