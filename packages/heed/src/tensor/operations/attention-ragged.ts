import { BoundedMap, checkNames, inWords, ShapeError } from '../../base/index.js'
import { attentionForwardRagged, type Expression, nodesOf, type RaggedSequence } from '../../kernels/index.js'
import { arranged, physicalOrder, sameDevice } from '../layout.js'
import { expressionNumber, layoutNumber } from '../prepared.js'
import { allOrNothing } from '../scope.js'
import { Storage, storedBytes } from '../storage.js'
import { tracked } from '../tape.js'
import { type AnyTensor, axisOf, Tensor } from '../tensor.js'
import {
  attention,
  attentionNames,
  type AttentionOptions,
  readySink,
  scaleOf,
  storedOf,
} from './attention.js'
import { type AttentionAxes, attentionAxes, physicalAxes, strideOf, walk } from './attention-axes.js'
import { checkCaptures } from './attention-capture.js'
import { trace, type Traced } from './attention-function.js'
import { adjacent, capturePlace, isAdjacent } from './attention-operands.js'
import { type PreparedAttention, preparedAttention } from './attention-prepared.js'
import { concat } from './concat.js'
import { slice } from './movement.js'

const operation = 'attentionRagged'

/** Some positions of a tensor along an axis, one after the other. */
export interface Stretch<A extends string = string> {
  readonly tensor: Tensor<A>
  readonly start: number
  readonly length: number
}

type Operand = 'head' | 'key' | 'width'

/**
 * Attention of several sequences that don't see each other, each with as many queries and keys as it has, and
 * nothing of any other: for each what `attention` gives it alone. Masks and scores see positions within the
 * sequence.
 *
 * - query: head query width; the queries of all sequences, one after the other; batch axes have size 1
 * - queries: how many each sequence has
 * - keys, values: for each sequence where its keys and its values stand along `key`, in tensors of head key
 *   width, all of one dtype
 * - result: head query width, as the queries
 *
 * It is one launch for all sequences of like form. Where a gradient is wanted, or the score is of another
 * similarity, or score, mask or filter read a tensor by query or key, the sequences are gone through one by
 * one.
 *
 * @throws ShapeError where the lengths do not fit; and as `attention` does
 */
export function attentionRagged<Q extends string = never, K extends string = never>(
  query: Tensor<Q | 'query' | 'width'>,
  queries: readonly number[],
  keys: readonly Stretch<K | 'key' | 'width'>[],
  values: readonly Stretch<K | 'key' | 'width'>[],
  options: AttentionOptions = {},
): Tensor<Q | 'query' | 'width'> {
  checkNames(operation, options, attentionNames)
  return allOrNothing(() => {
    const sequences = {
      query: query as AnyTensor as Tensor<'query' | 'width'>,
      queries,
      keys: keys as unknown as readonly Stretch<Operand>[],
      values: values as unknown as readonly Stretch<Operand>[],
    }
    checkLengths(sequences)
    return (fused(sequences, options) ?? oneByOne(sequences, options)) as AnyTensor as Tensor<
      Q | 'query' | 'width'
    >
  })
}

interface Sequences {
  readonly query: Tensor<'query' | 'width'>
  readonly queries: readonly number[]
  readonly keys: readonly Stretch<Operand>[]
  readonly values: readonly Stretch<Operand>[]
}

/** What the fused kernel computes, written plainly. */
function oneByOne({ query, queries, keys, values }: Sequences, options: AttentionOptions): Tensor {
  const part = ({ tensor, start, length }: Stretch<Operand>): Tensor<Operand> =>
    slice(tensor, 'key', start, start + length)
  let start = 0
  const outputs = queries.map((count, i) => {
    const own = slice(query, 'query', start, (start += count))
    return attention(own, part(keys[i]!), part(values[i]!), options) as AnyTensor as Tensor
  })
  return outputs.length === 1 ? outputs[0]! : concat(outputs, 'query')
}

function fused(sequences: Sequences, options: AttentionOptions): Tensor | undefined {
  const { score, sink } = options
  const { queries, keys, values } = sequences
  if (sequences.query.elements === 0 || score?.similarity !== undefined) return undefined
  const { size: width } = axisOf(operation, sequences.query, 'width')
  const sources = new Set<AnyTensor>()
  for (const { tensor } of keys) sources.add(tensor)
  for (const { tensor } of values) sources.add(tensor)
  for (const tensor of sources) axisOf(operation, tensor, 'width')
  const query = adjacent(sequences.query)
  const traced = trace(operation, options, scaleOf(operation, options, width))
  if (readsByPosition(traced.roots)) return undefined
  const all = [query, ...sources, ...traced.tensors, ...(sink === undefined ? [] : [sink])]
  if (tracked(all) || ![...sources].every(isAdjacent)) return undefined
  const device = sameDevice(operation, all)
  const { prepared, axes, layout } = prepareRagged(sequences, query, traced, sink !== undefined)
  if (width === 0 || axes.heads === 0) return undefined
  const ready = sink && readySink(operation, sink, axes.heads)
  const output = new Tensor(new Storage(device, 'f32', layout.elements), layout.layout)
  const list: RaggedSequence[] = []
  const [queryRow, outputRow] = [strideOf(query, 'query'), strideOf(output, 'query')]
  let [from, to] = [query.address, output.address]
  const queryBytes = queryRow * storedBytes(device, query.dtype)
  const outputBytes = outputRow * device.floatBytes
  const stored = storedBytes(device, keys[0]!.tensor.dtype)
  const storedValue = storedBytes(device, values[0]!.tensor.dtype)
  for (let i = 0; i < queries.length; i++) {
    const [key, value, count] = [keys[i]!, values[i]!, queries[i]!]
    const [keyRow, valueRow] = [strideOf(key.tensor, 'key'), strideOf(value.tensor, 'key')]
    list.push({
      queries: count,
      keys: key.length,
      query: from,
      output: to,
      key: key.tensor.address + key.start * keyRow * stored,
      keyHead: strideOf(key.tensor, 'head'),
      keyRow,
      value: value.tensor.address + value.start * valueRow * storedValue,
      valueHead: strideOf(value.tensor, 'head'),
      valueRow,
    })
    from += count * queryBytes
    to += count * outputBytes
  }
  const workspace: number[] = []
  const allocate = (bytes: number): number => {
    const address = device.heap.allocate(bytes)
    workspace.push(address)
    return address
  }
  try {
    const steps = attentionForwardRagged(device.target.machine, {
      definition: prepared.definition,
      heads: axes.heads,
      kvHeads: axes.kvHeads,
      queryHead: strideOf(query, 'head'),
      queryRow,
      outputHead: strideOf(output, 'head'),
      outputRow,
      sequences: list,
      ...(ready && { sink: ready.address }),
      captures: traced.tensors.map((tensor) => capturePlace(tensor, physicalOrder(tensor))),
      parameters: traced.parameters,
      allocate,
      write: (address, words) => device.heap.i32.set(words, address >>> 2),
    })
    for (const launches of steps) device.launchTogether(launches.length, (i) => launches[i]!)
  } finally {
    for (const address of workspace) device.heap.free(address)
  }
  return output
}

/** Whether score, mask or filter read a tensor by positions, of which each sequence has its own. */
function readsByPosition(roots: readonly Expression[]): boolean {
  return nodesOf(roots).some(
    (node) =>
      node.operation === 'capture' && nodesOf(node.operands).some(({ value }) => byPosition.has(value)),
  )
}
const byPosition: ReadonlySet<unknown> = new Set(['query', 'queryRow', 'key'])

interface PreparedRagged {
  readonly prepared: PreparedAttention
  readonly axes: AttentionAxes
}

/** So many definitions are kept. */
const definitions = new BoundedMap<string, PreparedAttention>(512)

/** What was traced made ready, once for all lengths; and the layout of the output. */
function prepareRagged(
  { keys, values }: Sequences,
  query: AnyTensor,
  traced: Traced,
  sink: boolean,
): PreparedRagged & { readonly layout: ReturnType<typeof arranged> } {
  const [key, value] = [keys[0]!.tensor, values[0]!.tensor]
  const axes = attentionAxes(operation, query, key, value)
  const { batch, headed, heads, queries, width, valueWidth } = axes
  const way = walk(batch, [query, key, value], new Set())
  const stored = storedOf([query, key, value])
  let text = `${expressionNumber(traced.roots)} ${traced.kinds.join()} ${sink} ${width} ${valueWidth} ${heads} ${Object.values(stored).join()}`
  for (const tensor of traced.tensors) text += ` ${layoutNumber(tensor)}`
  let prepared = definitions.get(text)
  if (prepared === undefined) {
    checkCaptures(operation, traced, axes)
    prepared = preparedAttention(traced, axes, way, sink, stored)
    definitions.set(text, prepared)
  }
  const shape: Record<string, number> = {}
  for (const { name, size } of batch) shape[name] = size
  if (headed) shape.head = heads
  const layout = arranged(
    'f32',
    { ...shape, query: queries, width: valueWidth },
    physicalAxes(way, ['query', ...(headed ? ['head'] : []), 'width']),
  )
  return { prepared, axes, layout }
}

/**
 * @throws ShapeError unless each sequence has as many queries, keys and values as it says, and no batch axis
 * has several positions
 */
function checkLengths({ query, queries, keys, values }: Sequences): void {
  const refuse: Refuse = (axis, expected, found) => {
    throw new ShapeError({
      operation,
      axis,
      expected,
      found,
      hint: 'say for each sequence how many positions it has, and where they stand',
    })
  }
  for (const list of [queries, keys, values] as readonly unknown[])
    if (!Array.isArray(list))
      refuse('key', 'lists: lengths, and stretches of keys and of values', inWords(list))
  const several = [query, keys[0]?.tensor, values[0]?.tensor]
    .flatMap((tensor) => tensor?.layout ?? [])
    .find(({ name, size }) => !own.has(name) && size !== 1)
  if (several !== undefined)
    refuse(
      several.name,
      `axis '${several.name}' of size 1: the sequences stand one after the other`,
      String(several.size),
    )
  if (keys.length !== queries.length || values.length !== queries.length)
    refuse('key', `keys and values of ${queries.length} sequences`, `${keys.length} and ${values.length}`)
  const total = queries.reduce((sum, count) => sum + count, 0)
  const { size } = axisOf(operation, query, 'query')
  if (total !== size || !queries.every((count) => Number.isInteger(count) && count >= 0))
    refuse('query', `lengths whose sum is ${size}`, queries.join(' + ') || 'none')
  for (let i = 0; i < keys.length; i++) {
    const [key, value] = [keys[i]!, values[i]!]
    if (key.length !== value.length)
      refuse('key', `as many values as keys of sequence ${i}, ${key.length}`, String(value.length))
    checkStretch(i, key, keys[0]!.tensor, refuse)
    checkStretch(i, value, values[0]!.tensor, refuse)
  }
}

type Refuse = (axis: string, expected: string, found: string) => never

function checkStretch(
  sequence: number,
  { tensor, start, length }: Stretch<Operand>,
  first: AnyTensor,
  refuse: Refuse,
): void {
  const { size } = axisOf(operation, tensor, 'key')
  if (!(start >= 0 && length >= 0 && start + length <= size))
    refuse('key', `positions within ${size} of sequence ${sequence}`, `${start} … ${start + length}`)
  if (tensor === first) return
  const { layout } = tensor
  let same = tensor.dtype === first.dtype && layout.length === first.layout.length
  for (let i = 0; same && i < layout.length; i++) {
    const [axis, other] = [layout[i]!, first.layout[i]!]
    same = axis.name === other.name && (axis.name === 'key' || axis.size === other.size)
  }
  if (!same)
    refuse(
      'key',
      `sequences alike, but for their lengths: ${(first as Tensor).describe()}`,
      tensor.describe(),
    )
}

const own: ReadonlySet<string> = new Set(['head', 'query', 'key', 'width'])
