export type { FileTensor, FileTensors } from './file-tensor.js'
export { Gguf } from './gguf.js'
export type { GgufBytes, GgufTensorEntry, GgufValue, GgufValueType } from './gguf.js'
export { type GgufFile, GgufTensor, readGguf, withGguf } from './gguf-tensors.js'
export { ggufHeader } from './gguf-header-writer.js'
export {
  ggufBytes,
  type GgufContent,
  ggufCopy,
  type GgufEntry,
  ggufNumbers,
  ggufTypeFor,
  writeGguf,
} from './gguf-writer.js'
export { type GgufType, ggufTypes, ggufTypesByName } from './gguf-types.js'
export { ProtobufReader, wire } from './protobuf.js'
export type { FileBytes } from './bytes-in-memory.js'
export { readSmallFile, withFileBytes } from '#file-bytes'
export { writeFileWhole } from './files.js'
export type { ForeignDtype, StoredArray, StoredArrays, StoredDtype } from './stored-dtypes.js'
export { DenseTensor, type StoredTensor } from './dense-tensor.js'
export {
  readSafetensors,
  type Safetensors,
  type SafetensorsTensor,
  withSafetensors,
} from './safetensors-read.js'
export { writeSafetensors } from './safetensors-write.js'
export { saveSafetensors, type SaveSafetensorsOptions } from './save-safetensors.js'
export { type ShardedSafetensors, withSafetensorsIndex } from './safetensors-index.js'
export type { Llama2cFile } from './llama2c.js'
export { openWeights, type Weights, weightsFile } from './open-weights.js'
