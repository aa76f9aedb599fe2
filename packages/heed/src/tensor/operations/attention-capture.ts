import { DtypeError, ShapeError, StateError, UsageError } from '../../base/index.js'
import { Capture, Expression, integer, nodesOf, parameter } from '../../kernels/index.js'
import { physicalOrder } from '../layout.js'
import { type AnyTensor, isTensor, type Tensor } from '../tensor.js'
import type { AttentionAxes } from './attention-axes.js'
import { type BatchAxes, type Integer, positionOf, type Positions } from './attention-positions.js'
import type { Scalar } from './elementwise.js'

/**
 * Makes a tensor readable inside a score or a mask: `capture(slope).at({ head })`. f32 tensors give floats,
 * and gradients flow to them where a score reads them. i32 tensors are captured as
 * `capture(documents, 'integer')`, and give whole numbers.
 *
 * @throws DtypeError if the tensor holds neither, or the other of the two
 * @throws UsageError if it is no tensor
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
  if (kind !== 'float' && kind !== 'integer') {
    throw new UsageError({
      operation: 'capture',
      expected: "'float' or 'integer'",
      found: String(kind),
      hint: "write capture(tensor) for f32, capture(tensor, 'integer') for i32",
    })
  }
  checkTensor('capture', 'tensor', tensor)
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

/** @throws UsageError unless `value` is a tensor */
export function checkTensor(operation: string, name: string, value: unknown): void {
  if (isTensor(value)) return
  throw new UsageError({
    operation,
    expected: `${name} as a tensor`,
    found: value === null ? 'null' : typeof value,
    hint: 'make one with tensor(values, { axis: size })',
  })
}

/** A tensor that scores and masks read. Made by `capture`. */
export class Captured<A extends string, K extends 'float' | 'integer' = 'float'> {
  readonly tensor: Tensor<A>
  readonly kind: K

  constructor(tensor: Tensor<A>, kind: K) {
    this.tensor = tensor
    this.kind = kind
  }

  /**
   * The element at these positions, one for each axis of the tensor. An axis that is read at the position of
   * its own name (`{ head }`; `query` at `queryRow`) has the attention's size. Of an axis of another name,
   * read at a bare position (`{ place: key }`), every position exists: it may be longer. What is computed
   * (`key.sub(query).add(8)`) is clamped to the axis.
   *
   * @throws StateError outside of a score or mask
   * @throws UsageError if an axis has no index, an index no axis, or it is no whole number
   */
  at(indices: Readonly<Record<A, Integer | number>>): Expression<K> {
    const { tensor } = this
    const order = physicalOrder(tensor)
    const given = typeof indices === 'object' && indices !== null ? Object.keys(indices) : []
    if (given.length !== order.length || !order.every((name) => given.includes(name))) {
      throw new UsageError({
        operation: 'capture.at',
        expected: `an index for each of the axes ${order.join(', ') || '(none)'}`,
        found: given.join(', ') || 'none',
        hint: 'name every axis of the captured tensor once',
      })
    }
    for (const { name, size } of tensor.layout) checkConstant(name, size, indices[name as A])
    const slot = recordCapture(tensor)
    return new Capture(slot, this.kind, order.length).at(...order.map((name) => indices[name as A]))
  }

  /**
   * The element of this query and key: every axis read by its own name, `query` by rows, batch axes of any
   * name; axes of size 1 are broadcast. Any other axis has the size that the attention's axis of this name
   * has.
   */
  along(at: Positions<BatchAxes<A>>): Expression<K> {
    const given = at as Readonly<Record<string, Integer | undefined>>
    const position = (name: string): Integer =>
      given[name === 'query' ? 'queryRow' : name] ?? positionOf(name)
    return this.at(
      Object.fromEntries(
        this.tensor.layout.map(({ name, size }) => [name, size === 1 ? 0 : position(name)]),
      ) as Record<A, Integer | number>,
    )
  }
}

/** @throws ShapeError for an index that is a plain number and not in the axis */
function checkConstant(axis: string, size: number, index: Integer | number): void {
  const constant = index instanceof Expression && index.operation === 'constant' ? index.value : index
  if (typeof constant !== 'number' || (constant >= 0 && constant < size) || !Number.isInteger(constant))
    return
  throw new ShapeError({
    operation: 'capture.at',
    axis,
    expected:
      size === 0
        ? `an axis '${axis}' with something to read`
        : `an index of axis '${axis}' in 0 … ${size - 1}`,
    found: String(constant),
    hint: 'read what the tensor has',
  })
}

/**
 * A number inside a score or a mask that is given at launch, so that another one is no other kernel: the size
 * of a window, a cap. Numbers that are written plainly are given so as well, as long as there are few; this
 * says it of one that would be a constant, such as 0 or 1.
 *
 * @throws StateError outside of a score or mask
 * @throws UsageError for a number that is none, or, as 'integer', no whole number of 32 bits
 */
export function adjustable(value: number): Scalar
export function adjustable<K extends 'float' | 'integer'>(value: number, kind: K): Expression<K>
export function adjustable(
  value: number,
  kind: 'float' | 'integer' = 'float',
): Expression<'float' | 'integer'> {
  const captures = running('adjustable')
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new UsageError({
      operation: 'adjustable',
      expected: 'a number',
      found: String(value),
      hint: 'give the number itself; tensors are read through capture()',
    })
  }
  if (kind === 'integer') integer(value) // refuses what is no whole number of 32 bits
  captures.parameters.push(value)
  captures.kinds.push(kind)
  return parameter(captures.parameters.length - 1, kind)
}

/** What the functions that are being traced have asked for so far. */
export interface Captures {
  readonly tensors: AnyTensor[]
  readonly parameters: number[]
  readonly kinds: ('float' | 'integer')[]
}

let current: Captures | undefined

/** Runs `work` with what it captures going there. */
export function capturing<T>(captures: Captures, work: () => T): T {
  const outer = current
  current = captures
  try {
    return work()
  } finally {
    current = outer
  }
}

function running(operation: string): Captures {
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

/**
 * Sees to it that captured tensors have the sizes of the axes that they are read along, and that the
 * attention has these axes.
 *
 * @throws ShapeError
 */
export function checkCaptures(
  operation: string,
  { roots, tensors }: { readonly roots: readonly Expression[]; readonly tensors: readonly AnyTensor[] },
  axes: AttentionAxes,
): void {
  const lengths = new Map(axes.batch.map(({ name, size }) => [name, size]))
  lengths.set('head', axes.heads).set('queryRow', axes.queries).set('key', axes.keys)
  if (!lengths.has('batch')) lengths.set('batch', 1)
  for (const node of nodesOf(roots)) {
    if (node.operation === 'index' && node.value !== 'query' && !lengths.has(node.value as string))
      throw unknownAxis(operation, node.value as string, axes)
    if (node.operation !== 'capture') continue
    const tensor = tensors[node.value as number]!
    const order = physicalOrder(tensor)
    node.operands.forEach((operand, i) => {
      const name = order[i]!
      const { size } = tensor.layout.find((axis) => axis.name === name)!
      checkRead(operation, { name, size }, operand, lengths, axes)
    })
  }
}

/** One axis of a captured tensor, read at `index`. */
function checkRead(
  operation: string,
  { name, size }: { readonly name: string; readonly size: number },
  index: Expression,
  lengths: ReadonlyMap<string, number>,
  { queries, keys }: AttentionAxes,
): void {
  const refuse = (expected: string, found: string, hint: string): never => {
    throw new ShapeError({ operation, axis: name, expected, found, hint })
  }
  if (index.operation !== 'index') {
    if (size === 0)
      refuse(`axis '${name}' of a captured tensor with something to read`, '0', 'leave the tensor out')
    return
  }
  const along = index.value as string
  if (along === 'query') {
    if (queries === 0 || keys === 0) return
    if (queries > keys && name !== 'query')
      refuse(
        `axis '${name}' of a captured tensor read at positions from 0 on`,
        `'query', whose first position is ${keys - queries}, as there are ${queries} queries and ${keys} keys`,
        'write query.max(0), or give the queries a tensor of their own',
      )
    if (size < keys || (name === 'query' && queries !== keys && size === queries))
      refuse(
        `axis '${name}' of a captured tensor of size ${keys}, as it is read at 'query', the position among the keys`,
        String(size),
        'write queryRow to count the queries from 0',
      )
    return
  }
  const length = lengths.get(along)!
  const same = along === name || (along === 'queryRow' && name === 'query')
  if (same ? size === length : size >= length) return
  refuse(
    `axis '${name}' of a captured tensor of size ${length}, as it is read along '${along}'`,
    String(size),
    size === 1
      ? 'write 0 as its index where it is the same for all'
      : size > length
        ? `cut it to the ${length} that the attention has: slice(x, '${name}', first, end)`
        : 'give it an element for each',
  )
}

function unknownAxis(operation: string, axis: string, { batch, headed }: AttentionAxes): ShapeError {
  const names = [...batch.map(({ name }) => name), ...(headed ? ['head'] : []), 'query', 'key']
  return new ShapeError({
    operation,
    axis,
    expected: `score and mask to read along axes of the attention: ${names.join(', ')}`,
    found: `'${axis}'`,
    hint: `rename the axis of the captured tensor, or write at({ ${axis}: … }) with an index for it`,
  })
}
