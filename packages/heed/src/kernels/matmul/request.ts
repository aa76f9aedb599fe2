import type { Activation } from '../expression/index.js'
import type { Machine } from '../language/index.js'

/**
 * One axis of a matrix product: its size, and the distance in elements between neighbours along it in each
 * operand; 0 where the operand lacks the axis or is broadcast along it.
 */
export interface MatmulAxis {
  readonly size: number
  readonly a: number
  readonly b: number
  readonly c: number
  readonly bias?: number
  readonly residual?: number
}

/** What may follow the sum. */
export type MatmulActivation = 'none' | Activation

/**
 * C[batch…, m…, n…] = activation(scale · Σ_k A[batch…, m…, k…] · B[batch…, k…, n…] + bias) + residual.
 *
 * Operands are addresses in the heap, of f32 elements. An axis of `batch` is in A, B and C; `m` is not in B,
 * `n` is not in A, `k` is not in C; each list may be empty. C must not overlap any other operand, nor itself
 * (no two index tuples may mean the same element).
 */
export interface MatmulRequest {
  readonly machine: Machine
  readonly a: number
  readonly b: number
  readonly c: number
  readonly batch: readonly MatmulAxis[]
  readonly m: readonly MatmulAxis[]
  readonly n: readonly MatmulAxis[]
  readonly k: readonly MatmulAxis[]
  readonly scale?: number
  /** Address; strides are the axes' `bias`. */
  readonly bias?: number
  readonly activation?: MatmulActivation
  /** Address; strides are the axes' `residual`. */
  readonly residual?: number
  /**
   * The address of B in the form that `matmulPackedB` names, made once by `planPackB`; B itself is then not
   * read.
   */
  readonly packedB?: number
  /**
   * Each row of C has the same bits however many rows there are: sums go along k in one order, and in blocks
   * that B's sizes alone say.
   */
  readonly steady?: boolean
}
