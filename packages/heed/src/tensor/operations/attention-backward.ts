import type { Device } from '../../device/index.js'
import { attentionBackward, captureGradientSlots, type ForwardPlaces } from '../../kernels/index.js'
import { heapView } from '../create.js'
import { execute } from '../execute.js'
import { emptyArranged, physicalOrder, shapeOf } from '../layout.js'
import { type AnyTensor, hasAxis, type Tensor } from '../tensor.js'
import { type AttentionAxes, physicalAxes, strideOf, type Walk } from './attention-axes.js'
import {
  addressAt,
  type AttentionOperands,
  capturePlace,
  isAdjacent,
  placeOf,
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

/** The gradients of everything that went into an attention, from that of its output. */
export function runBackward(
  device: Device,
  operands: AttentionOperands,
  result: KeptResult,
  outputGradient: Tensor,
  wanted: WantedGradients,
): AttentionGradients {
  const { axes, way, prepared, query, key, value, sink, captured } = operands
  const upstream = followable(outputGradient, way, result.output)
  const gradientOf = (tensor: AnyTensor, heads: number): Tensor => emptyGradient(tensor, axes, heads, way)
  const queryGradient = gradientOf(query, axes.heads)
  const keyGradient = gradientOf(key, axes.kvHeads)
  const valueGradient = gradientOf(value, axes.kvHeads)
  const sinkGradient =
    sink !== undefined && wanted.sink
      ? emptyArranged(device, 'f32', { round: way.rounds.length, head: axes.heads })
      : undefined
  const slots = capturedSlots(prepared).filter((slot) => wanted.captured[slot])
  const capturedGradients = captured.map((tensor, slot) =>
    slots.includes(slot) ? zerosLike(tensor) : undefined,
  )
  const rounds = axes.heads === 0 ? [] : way.rounds
  const { machine } = device.target
  const sizes = sizesFor(axes, way)
  const plan = prepared.plan(machine, `backward ${slots.join()}`, sizes, () =>
    attentionBackward(machine, prepared.definition, sizes, slots),
  )
  execute(device, (allocate) => {
    const workspace = plan.workspaceBytes > 0 ? allocate(plan.workspaceBytes) : 0
    return rounds.flatMap((round, number) =>
      plan.launches(
        {
          ...operandPlaces(operands, round, result.output),
          largest: addressAt(result.largest, way, round),
          inverseSum: addressAt(result.inverseSum, way, round),
          upstream: placeOf(upstream, 'query', way, round),
          queryGradient: placeOf(queryGradient, 'query', way, round),
          keyGradient: placeOf(keyGradient, 'key', way, round),
          valueGradient: placeOf(valueGradient, 'key', way, round),
          ...(sinkGradient === undefined
            ? {}
            : { sinkGradient: sinkGradient.address + number * axes.heads * device.floatBytes }),
          captureGradients: capturedGradients.map((gradient, slot) =>
            gradient === undefined ? undefined : capturePlace(gradient, physicalOrder(captured[slot]!)),
          ),
        },
        workspace,
      ),
    )
  })
  return {
    query: sumTo(queryGradient, query),
    key: sumTo(keyGradient, key),
    value: sumTo(valueGradient, value),
    sink: sinkGradient === undefined ? undefined : (sum(sinkGradient, 'round' as never) as Tensor),
    captured: capturedGradients,
  }
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
 * Room for a gradient, with the batch axes and heads that its tensor lacks, where the kernels write one for
 * each.
 */
function emptyGradient(tensor: AnyTensor, axes: AttentionAxes, heads: number, way: Walk): Tensor {
  const shape: Record<string, number> = {}
  for (const { name, size } of axes.batch) shape[name] = size
  if (heads > 1) shape.head = heads
  for (const { name, size } of tensor.layout) shape[name] = size
  const batch = new Set(axes.batch.map(({ name }) => name))
  const rest = physicalOrder(tensor).filter((name) => !batch.has(name))
  if (heads > 1 && !rest.includes('head')) rest.unshift('head')
  return emptyArranged(tensor.device, 'f32', shape, physicalAxes(way, rest))
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

function operandPlaces(
  { way, query, key, value, sink, captured, parameters }: AttentionOperands,
  round: readonly number[],
  output: AnyTensor,
): Omit<ForwardPlaces, 'largest' | 'inverseSum' | 'statistics'> {
  return {
    query: placeOf(query, 'query', way, round),
    key: placeOf(key, 'key', way, round),
    value: placeOf(value, 'key', way, round),
    output: placeOf(output, 'query', way, round),
    ...(sink === undefined ? {} : { sink: sink.address }),
    captures: captured.map((tensor) => capturePlace(tensor, physicalOrder(tensor))),
    parameters: roundParameters(parameters, way, round),
  }
}
