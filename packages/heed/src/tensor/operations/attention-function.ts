import { kindOf, UsageError } from '../../base/index.js'
import { alike, Expression, input, liftConstants, parameter, traced } from '../../kernels/index.js'
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
 * What a score and a mask became. Slots of tensors and parameters count in order of appearance; parameter 0
 * is the scale.
 */
export interface Traced {
  readonly score: Scalar
  readonly mask: Condition | undefined
  /** The score and, where there is one, the mask. */
  readonly roots: readonly Expression[]
  readonly tensors: readonly AnyTensor[]
  readonly parameters: readonly number[]
  readonly kinds: readonly ('float' | 'integer')[]
}

const scaled = input(0).mul(parameter(0))

/** Runs the two functions once, on expressions. */
export function trace(
  operation: string,
  score: Score | undefined,
  mask: Mask | undefined,
  scale: number,
): Traced {
  checkSimilarity(operation, score?.similarity)
  const made: Captures = { tensors: [], parameters: [scale], kinds: ['float'] }
  if (score !== undefined && typeof score !== 'function') throw other(operation, 'score', kindOf(score))
  if (mask !== undefined && typeof mask !== 'function') throw other(operation, 'mask', kindOf(mask))
  const { tensors, parameters, kinds } = made
  let given = scaled
  if (score !== undefined) {
    const found = run(operation, 'score', 'float', made, score, () => score(scaled, positions))
    given = found === scaled ? scaled : remembered(score, found)
  }
  if (mask === undefined) return { score: given, mask: undefined, roots: [given], tensors, parameters, kinds }
  const allowed = remembered(
    mask,
    run(operation, 'mask', 'boolean', made, mask, () => mask(positions)),
  )
  return { score: given, mask: allowed, roots: [given, allowed], tensors, parameters, kinds }
}

/** What one of the two functions gives; its numbers go where what it captures goes. */
function run<K extends 'float' | 'boolean'>(
  operation: string,
  what: 'score' | 'mask',
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
const traces = new WeakMap<Score | Mask, Expression>()

/**
 * What the function gave before, where that says the same: what is the same object is not looked through
 * again.
 */
function remembered<E extends Expression>(traced: Score | Mask, found: E): E {
  const before = traces.get(traced)
  if (before !== undefined && alike(before, found)) return before as E
  traces.set(traced, found)
  return found
}

function other(operation: string, what: 'score' | 'mask', found: string): UsageError {
  const [expected, hint] =
    what === 'mask'
      ? ['a condition', 'compare: key.le(query)']
      : ['a number expression', 'use the methods of the score: score.mul(2)']
  return new UsageError({ operation, expected: `a ${what} that returns ${expected}`, found, hint })
}
