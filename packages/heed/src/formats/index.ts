export { Gguf } from './gguf.js'
export type { GgufBytes, GgufTensor } from './gguf.js'
export { ProtobufReader, wire } from './protobuf.js'
