import { DtypeError, StateError, UsageError } from '../../base/index.js'
import {
  alike,
  Capture,
  Expression,
  index,
  input,
  integer,
  liftConstants,
  parameter,
} from '../../kernels/index.js'
import { physicalOrder } from '../layout.js'
import type { AnyTensor, Tensor } from '../tensor.js'
import type { Scalar } from './elementwise.js'

/** A whole number inside a score or a mask: a position, or what is computed from it. */
export type Integer = Expression<'integer'>
/** A condition inside a score or a mask. */
export type Condition = Expression<'boolean'>

/**
 * Where a score stands. `query` and `key` are aligned at the end: query row i stands at position i + keys − queries (which is negative for
 * the first rows where there are more queries than keys), key j at j. `queryRow` is i itself, for tensors with an axis of query rows.
 */
export interface Positions {
  readonly batch: Integer
  readonly head: Integer
  readonly query: Integer
  readonly key: Integer
  readonly queryRow: Integer
}

/**
 * A score function: gets q·k × scale of one query and one key and gives the score that the softmax sees. It is traced, not called for each
 * number: write it with the methods of what it is given (`score.mul(2).tanh()`), and read tensors through `capture`.
 */
export interface Score {
  (score: Scalar, at: Positions): Scalar
  /** With `'cosine'` queries and keys are brought to length 1 first, and the scale is 1 unless one is given. Default: the dot product. */
  readonly similarity?: 'dot' | 'cosine'
}

/** A mask function: may this query attend to this key? Traced, as scores are. */
export type Mask = (at: Positions) => Condition

/** The axes that a captured tensor can be read along by their own names. */
export type PositionAxis = 'batch' | 'head' | 'query' | 'key'

/**
 * Makes a tensor readable inside a score or a mask: `capture(slope).at({ head })`. f32 tensors give floats, and gradients flow to them
 * where a score reads them; i32 tensors, captured as `capture(documents, 'integer')`, give whole numbers.
 *
 * @throws DtypeError if the tensor holds neither, or the other of the two
 */
export function capture<A extends string>(tensor: Tensor<A>): Captured<A>
export function capture<A extends string, K extends 'float' | 'integer'>(
  tensor: Tensor<A>,
  kind: K,
): Captured<A, K>
export function capture<A extends string>(
  tensor: Tensor<A>,
  kind: 'float' | 'integer' = 'float',
): Captured<A, 'float' | 'integer'> {
  const dtype = kind === 'float' ? 'f32' : 'i32'
  if (tensor.dtype !== dtype) {
    throw new DtypeError({
      operation: 'capture',
      expected: `an ${dtype} tensor to read as ${kind}`,
      found: tensor.describe(),
      hint:
        tensor.dtype === 'i32'
          ? "write capture(tensor, 'integer')"
          : tensor.dtype === 'f32'
            ? 'write capture(tensor)'
            : `convert it with cast(x, '${dtype}')`,
    })
  }
  return new Captured(tensor, kind)
}

/** What the compiler says of a tensor that is read along an axis with no position of that name. */
export type NoPosition<A extends string> = `no position along '${A}': write at({ … })`

/** A tensor that scores and masks read. Made by `capture`. */
export class Captured<A extends string, K extends 'float' | 'integer' = 'float'> {
  readonly tensor: Tensor<A>
  readonly kind: K

  constructor(tensor: Tensor<A>, kind: K) {
    this.tensor = tensor
    this.kind = kind
  }

  /**
   * The element at these positions, one for each axis of the tensor. A bare position (`head`) must be within the axis, computed ones
   * (`key.sub(query).add(8)`) are clamped to it.
   *
   * @throws StateError outside of a score or mask
   * @throws UsageError if an axis has no index or an index no axis
   */
  at(indices: Readonly<Record<A, Integer | number>>): Expression<K> {
    const { tensor } = this
    const order = physicalOrder(tensor)
    const given = Object.keys(indices)
    if (given.length !== order.length || !order.every((name) => given.includes(name))) {
      throw new UsageError({
        operation: 'capture.at',
        expected: `an index for each of the axes ${order.join(', ') || '(none)'}`,
        found: given.join(', ') || 'none',
        hint: 'name every axis of the captured tensor once',
      })
    }
    const slot = recordCapture(tensor)
    return new Capture(slot, this.kind, order.length).at(...order.map((name) => indices[name as A]))
  }

  /** The element of this query and key: every axis read by its own name, `query` by rows; axes of size 1 are broadcast. */
  along(
    at: Exclude<A, PositionAxis> extends never ? Positions : NoPosition<Exclude<A, PositionAxis>>,
  ): Expression<K> {
    const { batch, head, queryRow, key } = at as Positions
    const byName: Readonly<Record<string, Integer>> = { batch, head, query: queryRow, key }
    return this.at(
      Object.fromEntries(
        this.tensor.layout.map(({ name, size }) => [name, size === 1 ? 0 : byName[name]!]),
      ) as Record<A, Integer | number>,
    )
  }
}

/**
 * A number inside a score or a mask that may change from call to call without another kernel being compiled: the size of a window, a cap. (Plain
 * floats in a score may change as well; a plain whole number becomes a constant of the kernel.)
 */
export function adjustable(value: number): Scalar
export function adjustable<K extends 'float' | 'integer'>(value: number, kind: K): Expression<K>
export function adjustable(
  value: number,
  kind: 'float' | 'integer' = 'float',
): Expression<'float' | 'integer'> {
  const trace = running('adjustable')
  if (kind === 'integer') integer(value) // refuses what is no whole number of 32 bits
  trace.parameters.push(value)
  trace.kinds.push(kind)
  return parameter(trace.parameters.length - 1, kind)
}

/** What a score and a mask became. Slots of tensors and parameters count in order of appearance; parameter 0 is the scale. */
export interface Traced {
  readonly score: Scalar
  readonly mask: Condition | undefined
  /** The score and, where there is one, the mask. */
  readonly roots: readonly Expression[]
  readonly tensors: readonly AnyTensor[]
  readonly parameters: readonly number[]
  readonly kinds: readonly ('float' | 'integer')[]
}

interface Trace {
  readonly tensors: AnyTensor[]
  readonly parameters: number[]
  readonly kinds: ('float' | 'integer')[]
}

let current: Trace | undefined

function running(operation: string): Trace {
  if (current !== undefined) return current
  throw new StateError({
    operation,
    expected: 'a call inside a score or mask function',
    found: 'a call outside',
    hint: 'move it into the function that attention() traces',
  })
}

function recordCapture(tensor: AnyTensor): number {
  const { tensors } = running('capture.at')
  const known = tensors.indexOf(tensor)
  return known >= 0 ? known : tensors.push(tensor) - 1
}

const positions: Positions = {
  batch: index('batch'),
  head: index('head'),
  query: index('query'),
  key: index('key'),
  queryRow: index('queryRow'),
}
const scaled = input(0).mul(parameter(0))

/** Runs the two functions once, on expressions. */
export function trace(
  operation: string,
  score: Score | undefined,
  mask: Mask | undefined,
  scale: number,
): Traced {
  const outer = current
  const made: Trace = { tensors: [], parameters: [scale], kinds: ['float'] }
  current = made
  try {
    let traced = score === undefined ? scaled : score(scaled, positions)
    let allowed = mask?.(positions)
    if (mask !== undefined) {
      refuseOther(operation, 'mask', 'boolean', 'a condition', allowed)
      allowed = remembered(mask, allowed!)
    }
    if (score !== undefined && traced !== scaled) {
      refuseOther(operation, 'score', 'float', 'a number expression', traced)
      const lifted = liftConstants(traced, made.parameters.length)
      made.parameters.push(...lifted.parameters)
      made.kinds.push(...lifted.parameters.map(() => 'float' as const))
      traced = remembered(score, lifted.expression)
    }
    return {
      ...made,
      score: traced,
      mask: allowed,
      roots: allowed === undefined ? [traced] : [traced, allowed],
    }
  } finally {
    current = outer
  }
}

/** What each function gave when it was traced last. */
const traces = new WeakMap<Score | Mask, Expression>()

/** What the function gave before, where that says the same: what is the same object is not looked through again. */
function remembered<E extends Expression>(traced: Score | Mask, found: E): E {
  const before = traces.get(traced)
  if (before !== undefined && alike(before, found)) return before as E
  traces.set(traced, found)
  return found
}

function refuseOther(operation: string, what: string, kind: string, expected: string, found: unknown): void {
  if (found instanceof Expression && found.kind === kind) return
  throw new UsageError({
    operation,
    expected: `a ${what} that returns ${expected}`,
    found: found instanceof Expression ? `one that returns ${found.kind} numbers` : typeof found,
    hint: what === 'mask' ? 'compare: key.le(query)' : 'use the methods of the score: score.mul(2)',
  })
}
