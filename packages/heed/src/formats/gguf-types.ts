/**
 * The types of GGUF's tensors: how many numbers a block has, how many bytes it takes, and what they mean.
 * Source: ggml.h (enum ggml_type) and ggml-common.h.
 */
import { bf16ArrayToF32, f16ArrayToF32 } from '../base/index.js'
import {
  type Dequantize,
  dequantizeQ1_0,
  dequantizeQ2_0,
  dequantizeQ4_0,
  dequantizeQ4_1,
  dequantizeQ5_0,
  dequantizeQ5_1,
  dequantizeQ8_0,
  dequantizeQ8_1,
} from './gguf-blocks.js'
import {
  dequantizeIQ4_NL,
  dequantizeIQ4_XS,
  dequantizeMXFP4,
  dequantizeNVFP4,
  dequantizeTQ1_0,
  dequantizeTQ2_0,
} from './gguf-codebook-blocks.js'
import {
  dequantizeIQ1_M,
  dequantizeIQ1_S,
  dequantizeIQ2_S,
  dequantizeIQ2_XS,
  dequantizeIQ2_XXS,
  dequantizeIQ3_S,
  dequantizeIQ3_XXS,
} from './gguf-grid-blocks.js'
import {
  dequantizeQ2_K,
  dequantizeQ3_K,
  dequantizeQ4_K,
  dequantizeQ5_K,
  dequantizeQ6_K,
  dequantizeQ8_K,
} from './gguf-k-blocks.js'

/** A type of numbers in a GGUF file. */
export interface GgufType {
  readonly name: string
  /** What the file writes for it. */
  readonly number: number
  /** Numbers of a block: rows are whole blocks. */
  readonly weights: number
  /** What a block takes. */
  readonly bytes: number
  readonly dequantize: Dequantize
}

const rows: readonly (readonly [string, number, number, number, Dequantize])[] = [
  ['F32', 0, 1, 4, plain(Float32Array)],
  ['F16', 1, 1, 2, (bytes, target) => void f16ArrayToF32(arrayOf(Uint16Array, bytes, target.length), target)],
  ['Q4_0', 2, 32, 18, dequantizeQ4_0],
  ['Q4_1', 3, 32, 20, dequantizeQ4_1],
  ['Q5_0', 6, 32, 22, dequantizeQ5_0],
  ['Q5_1', 7, 32, 24, dequantizeQ5_1],
  ['Q8_0', 8, 32, 34, dequantizeQ8_0],
  ['Q8_1', 9, 32, 36, dequantizeQ8_1],
  ['Q2_K', 10, 256, 84, dequantizeQ2_K],
  ['Q3_K', 11, 256, 110, dequantizeQ3_K],
  ['Q4_K', 12, 256, 144, dequantizeQ4_K],
  ['Q5_K', 13, 256, 176, dequantizeQ5_K],
  ['Q6_K', 14, 256, 210, dequantizeQ6_K],
  ['Q8_K', 15, 256, 292, dequantizeQ8_K],
  ['IQ2_XXS', 16, 256, 66, dequantizeIQ2_XXS],
  ['IQ2_XS', 17, 256, 74, dequantizeIQ2_XS],
  ['IQ3_XXS', 18, 256, 98, dequantizeIQ3_XXS],
  ['IQ1_S', 19, 256, 50, dequantizeIQ1_S],
  ['IQ4_NL', 20, 32, 18, dequantizeIQ4_NL],
  ['IQ3_S', 21, 256, 110, dequantizeIQ3_S],
  ['IQ2_S', 22, 256, 82, dequantizeIQ2_S],
  ['IQ4_XS', 23, 256, 136, dequantizeIQ4_XS],
  ['I8', 24, 1, 1, plain(Int8Array)],
  ['I16', 25, 1, 2, plain(Int16Array)],
  ['I32', 26, 1, 4, plain(Int32Array)],
  ['I64', 27, 1, 8, (bytes, target) => fromI64(arrayOf(BigInt64Array, bytes, target.length), target)],
  ['F64', 28, 1, 8, plain(Float64Array)],
  ['IQ1_M', 29, 256, 56, dequantizeIQ1_M],
  [
    'BF16',
    30,
    1,
    2,
    (bytes, target) => void bf16ArrayToF32(arrayOf(Uint16Array, bytes, target.length), target),
  ],
  ['TQ1_0', 34, 256, 54, dequantizeTQ1_0],
  ['TQ2_0', 35, 256, 66, dequantizeTQ2_0],
  ['MXFP4', 39, 32, 17, dequantizeMXFP4],
  ['NVFP4', 40, 64, 36, dequantizeNVFP4],
  ['Q1_0', 41, 128, 18, dequantizeQ1_0],
  ['Q2_0', 42, 64, 18, dequantizeQ2_0],
]

const types: readonly GgufType[] = rows.map(([name, number, weights, bytes, dequantize]) => ({
  name,
  number,
  weights,
  bytes,
  dequantize,
}))

/** By the number that a file writes. */
export const ggufTypes: ReadonlyMap<number, GgufType> = new Map(types.map((type) => [type.number, type]))

/** By name, as ggml spells it: `Q4_K`. */
export const ggufTypesByName: ReadonlyMap<string, GgufType> = new Map(types.map((type) => [type.name, type]))

interface ArrayType<T> {
  readonly BYTES_PER_ELEMENT: number
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T
}

/** The numbers at the beginning of `bytes`: a view where they are aligned, a copy where not. */
function arrayOf<T>(type: ArrayType<T>, bytes: Uint8Array, length: number): T {
  const width = type.BYTES_PER_ELEMENT
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice(0, length * width)
  return new type(aligned.buffer, aligned.byteOffset, length)
}

/** Numbers as JavaScript has them, rounded to f32. */
function plain(type: ArrayType<ArrayLike<number>>): Dequantize {
  return (bytes, target) => target.set(arrayOf(type, bytes, target.length))
}

function fromI64(numbers: BigInt64Array, target: Float32Array): void {
  for (let i = 0; i < target.length; i++) target[i] = Number(numbers[i])
}
