import type { Device } from '../../device/index.js'
import {
  attentionBackward,
  captureGradientSlots,
  type CapturePlace,
  type Launch,
  type Place,
} from '../../kernels/index.js'
import { heapView } from '../create.js'
import { arranged, emptyArranged, physicalOrder, shapeOf } from '../layout.js'
import { layoutNumber, outputOf, prepare, type Prepared, preparedFor, runPrepared } from '../prepared.js'
import { storedBytes } from '../storage.js'
import { type AnyTensor, hasAxis, type Tensor } from '../tensor.js'
import { type AttentionAxes, physicalAxes, strideOf, type Walk } from './attention-axes.js'
import {
  type AttentionOperands,
  capturePlace,
  isAdjacent,
  offsetAt,
  placeAt,
  sizesFor,
} from './attention-operands.js'
import { roundParameters } from './attention-positions.js'
import type { PreparedAttention } from './attention-prepared.js'
import { arrange } from './copy.js'
import { sum } from './reduction.js'

/** What the backward pass needs of the forward one. */
export interface KeptResult {
  readonly output: Tensor
  readonly largest: Tensor
  readonly inverseSum: Tensor
}

/** Which gradients are wanted. */
export interface WantedGradients {
  readonly sink: boolean
  /** By slot. */
  readonly captured: readonly boolean[]
}

export interface AttentionGradients {
  readonly query: Tensor
  readonly key: Tensor
  readonly value: Tensor
  readonly sink: Tensor | undefined
  /** By slot; `undefined` where the score does not read the tensor, or it is not wanted. */
  readonly captured: readonly (Tensor | undefined)[]
}

const slotsKnown = new WeakMap<PreparedAttention, readonly number[]>()

/** Slots of the captured float tensors that the score reads. */
export function capturedSlots(prepared: PreparedAttention): readonly number[] {
  let slots = slotsKnown.get(prepared)
  if (slots === undefined) slotsKnown.set(prepared, (slots = captureGradientSlots(prepared.definition)))
  return slots
}

/** What changes from call to call: addresses, of what isn't there 0. */
const addressNames = [
  'query',
  'key',
  'value',
  'sink',
  'output',
  'largest',
  'inverseSum',
  'upstream',
  'queryGradient',
  'keyGradient',
  'valueGradient',
  'sinkGradient',
] as const
type Addresses = Readonly<Record<(typeof addressNames)[number], number>>

/** And by slot what score and mask read, and where the gradients of it go. */
interface BackwardValues extends Addresses {
  readonly captured: readonly number[]
  readonly capturedGradients: readonly number[]
  readonly parameters: readonly number[]
}

/** As the list that a prepared operation takes. */
function inOrder(values: BackwardValues): number[] {
  const list = addressNames.map((name) => values[name])
  list.push(...values.captured, ...values.capturedGradients, ...values.parameters)
  return list
}

/** What such a list says, where so many tensors are captured. */
function byName(list: readonly number[], captured: number): BackwardValues {
  const start = addressNames.length
  return {
    ...(Object.fromEntries(addressNames.map((name, i) => [name, list[i]!])) as Addresses),
    captured: list.slice(start, start + captured),
    capturedGradients: list.slice(start + captured, start + 2 * captured),
    parameters: list.slice(start + 2 * captured),
  }
}

/** The gradients of everything that went into an attention, from that of its output. */
export function runBackward(
  device: Device,
  operands: AttentionOperands,
  result: KeptResult,
  outputGradient: Tensor,
  wanted: WantedGradients,
): AttentionGradients {
  const { way, prepared, query, key, value, sink, captured, parameters } = operands
  const upstream = followable(outputGradient, way, result.output)
  const slots = capturedSlots(prepared).filter((slot) => wanted.captured[slot])
  const capturedGradients = captured.map((tensor, slot) =>
    slots.includes(slot) ? zerosLike(tensor) : undefined,
  )
  const wantsSink = sink !== undefined && wanted.sink
  const planKey = `${operands.planKey} backward ${layoutNumber(upstream)} ${wantsSink} ${slots.join()}`
  const planned =
    preparedFor(device, planKey) ??
    planBackward(device, planKey, operands, result, upstream, wantsSink, slots)
  const [queryGradient, keyGradient, valueGradient, sinkGradient] = planned.outputs.map((_, i) =>
    outputOf(device, planned, i),
  ) as [Tensor, Tensor, Tensor, Tensor | undefined]
  const list = inOrder({
    query: query.address,
    key: key.address,
    value: value.address,
    sink: sink?.address ?? 0,
    output: result.output.address,
    largest: result.largest.address,
    inverseSum: result.inverseSum.address,
    upstream: upstream.address,
    queryGradient: queryGradient.address,
    keyGradient: keyGradient.address,
    valueGradient: valueGradient.address,
    sinkGradient: sinkGradient?.address ?? 0,
    captured: captured.map(({ address }) => address),
    capturedGradients: capturedGradients.map((gradient) => gradient?.address ?? 0),
    parameters,
  })
  runPrepared(device, planned, list)
  return {
    query: sumTo(queryGradient, query),
    key: sumTo(keyGradient, key),
    value: sumTo(valueGradient, value),
    sink: sinkGradient === undefined ? undefined : (sum(sinkGradient, 'round' as never) as Tensor),
    captured: capturedGradients,
  }
}

/** Plans the backward pass of all attentions with the same key. */
function planBackward(
  device: Device,
  planKey: string,
  operands: AttentionOperands,
  result: KeptResult,
  upstream: AnyTensor,
  wantsSink: boolean,
  slots: readonly number[],
): Prepared {
  const { axes, way, prepared, query, key, value, sink, captured, parameters } = operands
  const ofQuery = gradientOf(query, axes, axes.heads, way)
  const ofKey = gradientOf(key, axes, axes.kvHeads, way)
  const ofValue = gradientOf(value, axes, axes.kvHeads, way)
  const ofSink = wantsSink ? [arranged('f32', { round: way.rounds.length, head: axes.heads })] : []
  const rounds = axes.heads === 0 ? [] : way.rounds
  const { machine } = device.target
  const sizes = sizesFor(axes, way)
  const plan = attentionBackward(machine, prepared.definition, sizes, slots)
  const count = addressNames.length + 2 * captured.length + parameters.length
  const launches = (list: readonly number[], allocate: (bytes: number) => number): Launch[] => {
    const values = byName(list, captured.length)
    const workspace = plan.workspaceBytes > 0 ? allocate(plan.workspaceBytes) : 0
    return rounds.flatMap((round, number) => {
      const at = ({ layout, dtype }: Stored, address: number): number =>
        address + offsetAt(layout, storedBytes(device, dtype), way, round)
      const place = (tensor: Stored, row: 'query' | 'key', address: number): Place =>
        placeAt(tensor.layout, at(tensor, address), row, way)
      return plan.launches(
        {
          query: place(query, 'query', values.query),
          key: place(key, 'key', values.key),
          value: place(value, 'key', values.value),
          output: place(result.output, 'query', values.output),
          ...(sink === undefined ? {} : { sink: values.sink }),
          captures: captured.map((tensor, slot) => ({
            ...capturePlace(tensor, physicalOrder(tensor)),
            address: values.captured[slot]!,
          })),
          parameters: roundParameters(values.parameters, way, round),
          largest: at(result.largest, values.largest),
          inverseSum: at(result.inverseSum, values.inverseSum),
          upstream: place(upstream, 'query', values.upstream),
          queryGradient: place(ofQuery, 'query', values.queryGradient),
          keyGradient: place(ofKey, 'key', values.keyGradient),
          valueGradient: place(ofValue, 'key', values.valueGradient),
          ...(wantsSink && {
            sinkGradient: values.sinkGradient + number * axes.heads * device.floatBytes,
          }),
          captureGradients: captured.map((tensor, slot) =>
            slots.includes(slot)
              ? { ...likeGradient(tensor), address: values.capturedGradients[slot]! }
              : undefined,
          ),
        },
        workspace,
      )
    })
  }
  return prepare(device, planKey, [ofQuery, ofKey, ofValue, ...ofSink], count, launches)
}

type Stored = Pick<AnyTensor, 'layout' | 'dtype'>

/** Where the gradient of a captured tensor lies, as `zerosLike` makes it. */
function likeGradient(tensor: AnyTensor): Omit<CapturePlace, 'address'> {
  const order = physicalOrder(tensor)
  const { layout } = arranged('f32', shapeOf(tensor), order)
  const axes = order.map((name) => layout.find((axis) => axis.name === name)!)
  return { strides: axes.map(({ stride }) => stride), sizes: axes.map(({ size }) => size) }
}

/**
 * The gradient of the output so that the kernels can follow it: adjacent along the width, batch axes as in
 * the output.
 */
function followable(gradient: Tensor, way: Walk, output: AnyTensor): Tensor {
  const steps = way.inner.every(
    (axis, i) =>
      i === 0 || strideOf(gradient, way.inner[i - 1]!.name) === axis.size * strideOf(gradient, axis.name),
  )
  return steps && isAdjacent(gradient) ? gradient : arrange(gradient, physicalOrder(output))
}

/**
 * What a gradient is made of, with the batch axes and heads that its tensor lacks, where the kernels write
 * one for each.
 */
function gradientOf(
  tensor: AnyTensor,
  axes: AttentionAxes,
  heads: number,
  way: Walk,
): ReturnType<typeof arranged> {
  const shape: Record<string, number> = {}
  for (const { name, size } of axes.batch) shape[name] = size
  if (heads > 1) shape.head = heads
  for (const { name, size } of tensor.layout) shape[name] = size
  const batch = new Set(axes.batch.map(({ name }) => name))
  const rest = physicalOrder(tensor).filter((name) => !batch.has(name))
  if (heads > 1 && !rest.includes('head')) rest.unshift('head')
  return arranged('f32', shape, physicalAxes(way, rest))
}

/** Sums over the axes that a tensor lacks. */
function sumTo(gradient: Tensor, tensor: AnyTensor): Tensor {
  const over = gradient.axes.filter((name) => !hasAxis(tensor, name))
  return over.length === 0 ? gradient : (sum(gradient, over as never) as Tensor)
}

export function zerosLike(tensor: AnyTensor): Tensor {
  const shape = shapeOf(tensor)
  const result = emptyArranged(tensor.device, 'f32', shape, physicalOrder(tensor))
  heapView(result).fill(0)
  return result
}
