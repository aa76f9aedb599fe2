import { kindOf, UsageError } from '../../base/index.js'
import {
  alike,
  Expression,
  filterWeight,
  input,
  liftConstants,
  parameter,
  traced,
} from '../../kernels/index.js'
import { asCaller } from '../scope.js'
import type { AnyTensor, Tensor } from '../tensor.js'
import { type Captures, capturing } from './attention-capture.js'
import { type Condition, positions, type Positions } from './attention-positions.js'
import type { Scalar } from './elementwise.js'

/** What queries and keys become before their dot product; `cosineSimilarity` is one. */
export interface Similarity {
  readonly name: string
  /** Where none is given. */
  readonly scale: number
  /** f32 of the same axes. */
  prepare(x: Tensor): Tensor
}

/**
 * A score function: gets q·k × scale of one query and one key and gives the score that the softmax sees. It
 * is traced, not called for each number: write it with the methods of what it is given
 * (`score.mul(2).tanh()`), and read tensors through `capture`.
 */
export interface Score<A extends string = never> {
  (score: Scalar, at: Positions<A>): Scalar
  /** What the score is of; default: the dot product × scale. */
  readonly similarity?: Similarity
  /** For the compiler alone: the batch axes, beside `batch`, that it asks for. */
  readonly asks?: A
}

/**
 * A mask function: may this query attend to this key? Traced, as scores are. `Mask<'example'>` asks for the
 * position along a batch axis of that name, which the attention must have.
 */
export interface Mask<A extends string = never> {
  (at: Positions<A>): Condition
  /** For the compiler alone: the batch axes, beside `batch`, that it asks for. */
  readonly asks?: A
}

/**
 * A function on the filter: gets the normalized weight that one query gives one key, and gives the weight
 * that the key's value is mixed with. It is traced, as scores are. Rows need not sum to 1 afterwards. Keys
 * that the mask hides, and those whose score is −∞, keep a weight of 0 whatever it gives.
 */
export interface FilterFunction<A extends string = never> {
  (weight: Scalar, at: Positions<A>): Scalar
  /** For the compiler alone: the batch axes, beside `batch`, that it asks for. */
  readonly asks?: A
}

/** The functions that make one kind of attention another. */
export interface Functions {
  readonly score?: Score | undefined
  readonly mask?: Mask | undefined
  readonly filter?: FilterFunction | undefined
}

/**
 * What score, mask and filter became. Slots of tensors and parameters count in order of appearance; parameter
 * 0 is the scale.
 */
export interface Traced {
  readonly score: Scalar
  readonly mask: Condition | undefined
  readonly filter: Scalar | undefined
  /** The score and, where there are such, the mask and the filter. */
  readonly roots: readonly Expression[]
  readonly tensors: readonly AnyTensor[]
  readonly parameters: readonly number[]
  readonly kinds: readonly ('float' | 'integer')[]
}

const scaled = input(0).mul(parameter(0))

/** Runs the functions once, on expressions. */
export function trace(operation: string, { score, mask, filter }: Functions, scale: number): Traced {
  checkSimilarity(operation, score?.similarity)
  const made: Captures = { tensors: [], parameters: [scale], kinds: ['float'] }
  if (score !== undefined && typeof score !== 'function') throw other(operation, 'score', kindOf(score))
  if (mask !== undefined && typeof mask !== 'function') throw other(operation, 'mask', kindOf(mask))
  if (filter !== undefined && typeof filter !== 'function') throw other(operation, 'filter', kindOf(filter))
  const { tensors, parameters, kinds } = made
  let given = scaled
  if (score !== undefined) {
    const found = run(operation, 'score', 'float', made, score, () => score(scaled, positions))
    given = found === scaled ? scaled : remembered(score, found)
  }
  const allowed =
    mask &&
    remembered(
      mask,
      run(operation, 'mask', 'boolean', made, mask, () => mask(positions)),
    )
  const filtered = filter && traceFilter(operation, filter, made)
  const roots = [given, allowed, filtered].filter((root) => root !== undefined)
  return { score: given, mask: allowed, filter: filtered, roots, tensors, parameters, kinds }
}

/** Runs a function on the filter once, on expressions. */
export function traceFilter(operation: string, filter: FilterFunction, captures: Captures): Scalar {
  const found = run(operation, 'filter', 'float', captures, filter, () => filter(filterWeight, positions))
  return remembered(filter, found)
}

/** What one of the functions gives; its numbers go where what it captures goes. */
function run<K extends 'float' | 'boolean'>(
  operation: string,
  what: keyof Functions,
  kind: K,
  captures: Captures,
  written: object,
  work: () => Expression<K>,
): Expression<K> {
  const found: unknown = traced(
    operation,
    written,
    () => asCaller(() => capturing(captures, work)),
    (result) => (result instanceof Expression ? [result] : []),
  )
  if (!(found instanceof Expression)) throw other(operation, what, kindOf(found))
  if (found.kind !== kind) throw other(operation, what, `one that returns ${found.kind} numbers`)
  const lifted = liftConstants(found as Expression<K>, captures.parameters.length)
  captures.parameters.push(...lifted.parameters)
  captures.kinds.push(...lifted.kinds)
  return lifted.expression
}

function checkSimilarity(operation: string, similarity: unknown): void {
  if (similarity === undefined || typeof (similarity as Similarity | null)?.prepare === 'function') return
  throw new UsageError({
    operation,
    expected: 'a similarity that prepares queries and keys',
    found: typeof similarity === 'string' ? `'${similarity}'` : kindOf(similarity),
    hint: 'write Object.assign(score, { similarity: cosineSimilarity }), or leave it out',
  })
}

/** What each function gave when it was traced last. */
const traces = new WeakMap<Score | Mask | FilterFunction, Expression>()

/**
 * What the function gave before, where that says the same: what is the same object is not looked through
 * again.
 */
function remembered<E extends Expression>(traced: Score | Mask | FilterFunction, found: E): E {
  const before = traces.get(traced)
  if (before !== undefined && alike(before, found)) return before as E
  traces.set(traced, found)
  return found
}

function other(operation: string, what: keyof Functions, found: string): UsageError {
  const [expected, hint] =
    what === 'mask'
      ? ['a condition', 'compare: key.le(query)']
      : [
          'a number expression',
          what === 'score'
            ? 'use the methods of the score: score.mul(2)'
            : 'use the methods of the weight: weight.mul(2)',
        ]
  return new UsageError({ operation, expected: `a ${what} that returns ${expected}`, found, hint })
}
