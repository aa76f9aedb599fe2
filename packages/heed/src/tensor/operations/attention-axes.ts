import { type Dtype, DtypeError, ShapeError } from '../../base/index.js'
import type { StoredFloat } from '../../kernels/index.js'
import { type AnyTensor, type Axis, axisOf, hasAxis } from '../tensor.js'

interface NamedSize {
  readonly name: string
  readonly size: number
}

/** The axes of one attention, read off its tensors. */
export interface AttentionAxes {
  /** All axes but head, query, key and width, in the order of the output. */
  readonly batch: readonly NamedSize[]
  /** Whether any of the tensors has heads. */
  readonly headed: boolean
  readonly heads: number
  readonly kvHeads: number
  readonly queries: number
  readonly keys: number
  readonly width: number
  readonly valueWidth: number
}

const own: ReadonlySet<string> = new Set(['head', 'query', 'key', 'width'])

const named =
  "a query has the axes query and width, a key or value key and width: x.rename({ position: 'query' })"

/**
 * What the tensors of an attention have in common; without a value, that of the scores alone.
 *
 * @throws ShapeError where an axis is missing, stands where it must not, or has two sizes
 * @throws DtypeError for tensors that are not f32, f16 or bf16
 */
export function attentionAxes(
  operation: string,
  query: AnyTensor,
  key: AnyTensor,
  value?: AnyTensor,
): AttentionAxes {
  const tensors = value === undefined ? [query, key] : [query, key, value]
  const given: [string, AnyTensor, string, string][] = [
    ['query', query, 'query', 'key'],
    ['key', key, 'key', 'query'],
    ...(value === undefined ? [] : [['value', value, 'key', 'query'] as [string, AnyTensor, string, string]]),
  ]
  for (const [name, tensor, wanted, refused] of given) {
    if (!isStoredFloat(tensor.dtype)) {
      throw new DtypeError({
        operation,
        expected: `${name} as a tensor of f32, f16 or bf16`,
        found: tensor.dtype,
        hint: "convert it with cast(x, 'f32')",
      })
    }
    axisOf(operation, tensor, wanted, named)
    axisOf(operation, tensor, 'width', named)
    if (hasAxis(tensor, refused)) {
      throw new ShapeError({
        operation,
        axis: refused,
        expected: `${name} without an axis '${refused}'`,
        found: tensor.layout.map((axis) => axis.name).join(', '),
        hint: named,
      })
    }
  }
  const size = (tensor: AnyTensor, axis: string): number => axisOf(operation, tensor, axis).size
  const [width, keys] = [size(query, 'width'), size(key, 'key')]
  agree(operation, 'width', width, size(key, 'width'), 'query and key need the same width')
  if (value !== undefined) agree(operation, 'key', keys, size(value, 'key'), 'give each key one value')
  const batch: NamedSize[] = []
  for (const { layout } of tensors) {
    for (const { name, size } of layout) {
      if (own.has(name)) continue
      const known = batch.find((other) => other.name === name)
      if (known === undefined) batch.push({ name, size })
      else agree(operation, name, known.size, size, 'rename the axis if it means something else')
    }
  }
  const heads = tensors.map((tensor) => tensor.layout.find(({ name }) => name === 'head')?.size)
  const kvHeads = heads[1] ?? heads[2] ?? 1
  if (heads[1] !== undefined && heads[2] !== undefined)
    agree(operation, 'head', heads[1], heads[2], 'key and value need the same heads')
  const queryHeads = heads[0] ?? kvHeads
  if (kvHeads === 0 ? queryHeads !== 0 : queryHeads % kvHeads !== 0) {
    throw new ShapeError({
      operation,
      axis: 'head',
      expected: `as many query heads as ${kvHeads} key/value heads, or a multiple`,
      found: String(queryHeads),
      hint: 'give each key/value head the same number of query heads',
    })
  }
  return {
    batch,
    headed: heads.some((count) => count !== undefined),
    heads: queryHeads,
    kvHeads,
    queries: size(query, 'query'),
    keys,
    width,
    valueWidth: value === undefined ? width : size(value, 'width'),
  }
}

function agree(operation: string, axis: string, expected: number, found: number, hint: string): void {
  if (expected !== found) {
    throw new ShapeError({
      operation,
      axis,
      expected: `axis '${axis}' of size ${expected}`,
      found: String(found),
      hint,
    })
  }
}

/** Whether attention reads it: half precision is widened as it is loaded. */
export function isStoredFloat(dtype: Dtype): dtype is StoredFloat {
  return dtype === 'f32' || dtype === 'f16' || dtype === 'bf16'
}

/**
 * The way through the batch axes: some of them as the kernels' batch, and the rest one position after the
 * other.
 */
export interface Walk {
  /**
   * The axes that are the kernels' batch, outermost first; they lie one inside the other in every operand.
   */
  readonly inner: readonly NamedSize[]
  readonly batch: number
  readonly loops: readonly NamedSize[]
  /** For each round of the loops, its position along each of them. */
  readonly rounds: readonly (readonly number[])[]
  /** Which of the loops score and mask ask for: these positions are given at launch. */
  readonly given: readonly number[]
}

/**
 * The kernels' batch is as many neighbouring axes as lie one inside the other in every operand, or, where it
 * has more positions, one of those that score or mask ask for.
 */
export function walk(
  batch: readonly NamedSize[],
  operands: readonly AnyTensor[],
  asked: ReadonlySet<string>,
): Walk {
  const alone = batch.filter(({ name }) => asked.has(name)).toSorted((a, b) => b.size - a.size)[0]
  const run =
    asked.size === 0
      ? largestRun(batch, operands)
      : largestRun(
          batch.filter(({ name }) => !asked.has(name)),
          operands,
        )
  const inner = alone !== undefined && alone.size >= count(run) ? [alone] : run
  const loops = batch.filter((axis) => !inner.includes(axis))
  let rounds: number[][] = [[]]
  for (const { size } of loops)
    rounds = rounds.flatMap((round) => Array.from({ length: size }, (_, i) => [...round, i]))
  const given = loops.flatMap(({ name, size }, i) => (asked.has(name) && size !== 1 ? [i] : []))
  return { inner, loops, rounds, given, batch: count(inner) }
}

function largestRun(batch: readonly NamedSize[], operands: readonly AnyTensor[]): readonly NamedSize[] {
  if (batch.length <= 1) return batch
  const longer = batch.filter(({ size }) => size !== 1)
  let best: readonly NamedSize[] = []
  for (let start = 0; start < longer.length;) {
    let end = start + 1
    while (end < longer.length && operands.every((tensor) => within(tensor, longer[end - 1]!, longer[end]!)))
      end++
    const run = longer.slice(start, end)
    if (best.length === 0 || count(run) > count(best)) best = run
    start = end
  }
  return best
}

function count(axes: readonly NamedSize[]): number {
  return axes.reduce((product, { size }) => product * size, 1)
}

function within(tensor: AnyTensor, outer: NamedSize, inner: NamedSize): boolean {
  return strideOf(tensor, outer.name) === inner.size * strideOf(tensor, inner.name)
}

/** Elements between neighbours along an axis; 0 where the tensor lacks it. */
export function strideOf({ layout }: AnyTensor, name: string): number {
  return strideIn(layout, name)
}

export function strideIn(layout: readonly Axis[], name: string): number {
  return layout.find((axis) => axis.name === name)?.stride ?? 0
}

/** The names of the axes as rows of one attention lie: loops, the kernels' batch, and then `rest`. */
export function physicalAxes({ loops, inner }: Walk, rest: readonly string[]): string[] {
  return [...loops, ...inner].map(({ name }) => name).concat(rest)
}
