import type { Dtype, Shape } from '../base/index.js'
import type { Tensor } from '../tensor/index.js'

/** A tensor in a file of weights, of whatever format. Its numbers are read when they are asked for. */
export interface FileTensor {
  /** The number format: heed's name of it, or the file's own (`Q4_K`, `f8_e4m3`). */
  readonly dtype: string
  /** Sizes, the outermost in memory first (row-major), whatever order the file writes them in. */
  readonly shape: readonly number[]
  /** What it takes in the file. */
  readonly byteLength: number
  /** The bytes as the file has them. */
  bytes(): Uint8Array
  /** The numbers in f32, row-major. */
  toFloat32(): Float32Array
  /** The numbers as a tensor of named axes; these may split or join the file's. */
  toTensor<A extends string>(shape: Shape<A>, dtype?: Dtype): Tensor<A>
}

/** The tensors of a file or of a folder's files, by name, in the order of the file. */
export interface FileTensors {
  readonly format: 'safetensors' | 'gguf' | 'llama2.c'
  readonly tensors: ReadonlyMap<string, FileTensor>
}
