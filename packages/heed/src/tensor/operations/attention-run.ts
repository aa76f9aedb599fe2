import { ShapeError } from '../../base/index.js'
import type { Device } from '../../device/index.js'
import {
  attentionBackward,
  type AttentionDefinition,
  attentionDefinition,
  attentionForward,
  type AttentionSizes,
  type BackwardPlaces,
  captureGradientSlots,
  type CapturePlace,
  type Expression,
  type ForwardPlaces,
  keyOf,
  type Launch,
  type Machine,
  nodesOf,
  type Place,
  type Plan,
} from '../../kernels/index.js'
import { heapView } from '../create.js'
import { execute } from '../execute.js'
import { arranged, emptyArranged, physicalOrder, shapeOf } from '../layout.js'
import { outputOf, prepare as prepareOperation, type Prepared, runPrepared } from '../prepared.js'
import { storedBytes } from '../storage.js'
import { type AnyTensor, type Axis, hasAxis, type Tensor } from '../tensor.js'
import { type AttentionAxes, physicalAxes, strideIn, strideOf, type Walk, walk } from './attention-axes.js'
import type { Traced } from './attention-function.js'
import { arrange } from './copy.js'
import { sum } from './reduction.js'

/** A traced definition made ready: plans are remembered by sizes. */
export class PreparedAttention {
  readonly definition: AttentionDefinition
  /** Whether score or mask ask for the position along 'batch'. */
  readonly batchNamed: boolean
  readonly #reads: readonly { readonly slot: number; readonly axis: number; readonly along: string }[]
  readonly #plans = new WeakMap<Machine, Map<string, unknown>>()
  #slots: readonly number[] | undefined

  constructor(definition: AttentionDefinition) {
    this.definition = definition
    const { score, mask } = definition
    const nodes = nodesOf(mask === undefined ? [score] : ([score, mask] as Expression[]))
    this.batchNamed = nodes.some(({ operation, value }) => operation === 'index' && value === 'batch')
    this.#reads = nodes
      .filter(({ operation }) => operation === 'capture')
      .flatMap(({ value, operands }) =>
        operands.flatMap((operand, axis) =>
          operand.operation === 'index' && operand.value !== 'query'
            ? [{ slot: value as number, axis, along: operand.value as string }]
            : [],
        ),
      )
  }

  /** Slots of the captured float tensors that the score reads. */
  get slots(): readonly number[] {
    return (this.#slots ??= captureGradientSlots(this.definition))
  }

  forward(machine: Machine, sizes: AttentionSizes, statistics: boolean): Plan<ForwardPlaces> {
    return this.#plan(machine, `${statistics ? 'statistics' : 'forward'} ${sizesKey(sizes)}`, () =>
      attentionForward(machine, this.definition, sizes, statistics),
    )
  }

  backward(machine: Machine, sizes: AttentionSizes, slots: readonly number[]): Plan<BackwardPlaces> {
    return this.#plan(machine, `backward ${sizesKey(sizes)} ${slots.join()}`, () =>
      attentionBackward(machine, this.definition, sizes, slots),
    )
  }

  #plan<P>(machine: Machine, key: string, make: () => Plan<P>): Plan<P> {
    let plans = this.#plans.get(machine)
    if (plans === undefined) this.#plans.set(machine, (plans = new Map()))
    let plan = plans.get(key) as Plan<P> | undefined
    if (plan === undefined) {
      if (plans.size >= remembered) plans.clear()
      plans.set(key, (plan = make()))
    }
    return plan
  }

  /** Sees to it that captured tensors are as long as the axes they are read along. */
  check(operation: string, captured: readonly AnyTensor[], axes: AttentionAxes): void {
    const lengths: Readonly<Record<string, number>> = {
      batch: axes.batch.find(({ name }) => name === 'batch')?.size ?? 1,
      head: axes.heads,
      queryRow: axes.queries,
      key: axes.keys,
    }
    for (const { slot, axis, along } of this.#reads) {
      const tensor = captured[slot]!
      const name = physicalOrder(tensor)[axis]!
      const { size } = tensor.layout.find((other) => other.name === name)!
      if (size >= lengths[along]!) continue
      throw new ShapeError({
        operation,
        axis: name,
        expected: `axis '${name}' of a captured tensor of size ${lengths[along]}, as it is read along '${along}'`,
        found: String(size),
        hint: 'write 0 as its index where it is the same for all',
      })
    }
  }
}

/** How many definitions, and plans of each, are kept. */
const remembered = 512
const prepared = new Map<string, PreparedAttention>()

function sizesKey({ batch, heads, kvHeads, queries, keys }: AttentionSizes): string {
  return `${batch} ${heads} ${kvHeads} ${queries} ${keys}`
}

/** The definition that was traced, made ready once for all traces that are equal. */
export function prepare(
  { score, mask, tensors, kinds }: Traced,
  { width, valueWidth }: { readonly width: number; readonly valueWidth: number },
  sink: boolean,
): PreparedAttention {
  const captures = tensors.map((tensor) => {
    const order = physicalOrder(tensor)
    const last = order[order.length - 1]
    return {
      kind: tensor.dtype === 'f32' ? ('float' as const) : ('integer' as const),
      rank: order.length,
      contiguous: last !== undefined && strideOf(tensor, last) === 1,
    }
  })
  const roots = mask === undefined ? [score] : [score, mask]
  const key = `${width} ${valueWidth} ${sink} ${captures.map(({ kind, rank, contiguous }) => `${kind}${rank}${contiguous}`).join()} ${kinds.join()} ${keyOf(roots)}`
  let known = prepared.get(key)
  if (known === undefined) {
    if (prepared.size >= remembered) prepared.clear()
    known = new PreparedAttention(
      attentionDefinition({ width, valueWidth, score, mask, captures, parameters: kinds, sink }),
    )
    prepared.set(key, known)
  }
  return known
}

/** What an attention ran on. */
export interface AttentionOperands {
  readonly prepared: PreparedAttention
  readonly axes: AttentionAxes
  /** Adjacent along the width. */
  readonly query: AnyTensor
  readonly key: AnyTensor
  readonly value: AnyTensor
  /** Contiguous. */
  readonly sink: AnyTensor | undefined
  readonly captured: readonly AnyTensor[]
  readonly parameters: readonly number[]
}

/** What an attention gives beside its output, in this order where it was asked for. */
const resultNames = ['largest', 'scale', 'logSumExp', 'entropy', 'largestWeight', 'largestKey'] as const
type ResultName = (typeof resultNames)[number]

export interface AttentionResult extends Partial<Readonly<Record<ResultName, Tensor>>> {
  readonly way: Walk
  readonly output: Tensor
}

/** What to keep beside the output. */
export interface Kept {
  readonly statistics: boolean
  /** The largest score and the scale of each row, for the gradient. */
  readonly rows: boolean
}

/** What is known of an attention once it was planned. */
export interface PlannedAttention {
  readonly prepared: PreparedAttention
  readonly axes: AttentionAxes
  readonly way: Walk
  readonly kept: readonly ResultName[]
}

/** Plans an attention for all with the same key: with operands of the same layouts, and the same score and mask. */
export function planForward(
  device: Device,
  planKey: string,
  operands: AttentionOperands,
  { statistics, rows }: Kept,
): Prepared {
  const { axes, prepared, query, key, value, captured, parameters } = operands
  const way = walk(axes.batch, [query, key, value], prepared.batchNamed)
  const shape: Record<string, number> = {}
  for (const { name, size } of axes.batch) shape[name] = size
  if (axes.headed) shape.head = axes.heads
  shape.query = axes.queries
  const headNames = axes.headed ? ['head'] : []
  const rowAxes = physicalAxes(way, [...headNames, 'query'])
  const output = arranged(
    'f32',
    { ...shape, width: axes.valueWidth },
    physicalAxes(way, ['query', ...headNames, 'width']),
  )
  const kept = resultNames.filter((_, i) => (i < 2 ? rows : statistics))
  const row = arranged('f32', shape, rowAxes)
  const outputs = [
    output,
    ...kept.map((name) => (name === 'largestKey' ? { ...row, dtype: 'i32' as const } : row)),
  ]
  const plan = prepared.forward(device.target.machine, sizesFor(axes, way), statistics)
  const addresses = captured.length + 4
  const count = addresses + parameters.length + outputs.length
  const launches = (values: readonly number[], allocate: (bytes: number) => number): Launch[] => {
    if (axes.heads === 0) return []
    const results = values.slice(addresses + parameters.length)
    const workspace = plan.workspaceBytes > 0 ? allocate(plan.workspaceBytes) : 0
    const rowBytes = way.batch * axes.heads * axes.queries * device.floatBytes
    const spare = rows ? [] : [allocate(rowBytes), allocate(rowBytes)]
    return way.rounds.flatMap((round) => {
      const place = (tensor: AnyTensor, row: string, slot: number): Place =>
        placeAt(
          tensor.layout,
          values[slot]! + offsetAt(tensor.layout, device.floatBytes, way, round),
          row,
          way,
        )
      const at = (name: ResultName): number => {
        const bytes = name === 'largestKey' ? 4 : device.floatBytes
        return results[kept.indexOf(name) + 1]! + offsetAt(row.layout, bytes, way, round)
      }
      return plan.launches(
        {
          query: place(query, 'query', 0),
          key: place(key, 'key', 1),
          value: place(value, 'key', 2),
          output: placeAt(
            output.layout,
            results[0]! + offsetAt(output.layout, device.floatBytes, way, round),
            'query',
            way,
          ),
          ...(operands.sink === undefined ? {} : { sink: values[3]! }),
          captures: captured.map((tensor, slot) => ({
            ...capturePlace(tensor, physicalOrder(tensor)),
            address: values[4 + slot]!,
          })),
          parameters: values.slice(addresses, addresses + parameters.length),
          largest: rows ? at('largest') : spare[0]!,
          scale: rows ? at('scale') : spare[1]!,
          ...(statistics && {
            statistics: {
              logSumExp: at('logSumExp'),
              entropy: at('entropy'),
              largestWeight: at('largestWeight'),
              largestKey: at('largestKey'),
            },
          }),
        },
        workspace,
      )
    })
  }
  const note: PlannedAttention = { prepared, axes, way, kept }
  return prepareOperation(device, planKey, outputs, count, launches, note)
}

export function runForward(device: Device, planned: Prepared, operands: AttentionOperands): AttentionResult {
  const { way, kept } = planned.note as PlannedAttention
  const { query, key, value, sink, captured, parameters } = operands
  const values = [query.address, key.address, value.address, sink?.address ?? 0]
  for (const { address } of captured) values.push(address)
  values.push(...parameters)
  const results = planned.outputs.map((_, i) => outputOf(device, planned, i))
  for (const { address } of results) values.push(address)
  runPrepared(device, planned, values)
  const result: { -readonly [K in keyof AttentionResult]: AttentionResult[K] } = { way, output: results[0]! }
  kept.forEach((name, i) => (result[name] = results[i + 1]!))
  return result
}

export function sizesFor({ heads, kvHeads, queries, keys }: AttentionAxes, { batch }: Walk): AttentionSizes {
  return { batch, heads, kvHeads, queries, keys }
}

/** Bytes to the first element of this round of the loops. */
function offsetAt(layout: readonly Axis[], bytes: number, { loops }: Walk, round: readonly number[]): number {
  let offset = 0
  for (let i = 0; i < loops.length; i++) offset += round[i]! * strideIn(layout, loops[i]!.name)
  return offset * bytes
}

/** Byte address of a tensor's first element in this round of the loops. */
export function addressAt(tensor: AnyTensor, way: Walk, round: readonly number[]): number {
  return tensor.address + offsetAt(tensor.layout, storedBytes(tensor.device, tensor.dtype), way, round)
}

function placeAt(layout: readonly Axis[], address: number, row: string, { inner }: Walk): Place {
  const last = inner[inner.length - 1]
  return {
    address,
    batch: last === undefined ? 0 : strideIn(layout, last.name),
    head: strideIn(layout, 'head'),
    row: strideIn(layout, row),
  }
}

export function placeOf(tensor: AnyTensor, row: string, way: Walk, round: readonly number[]): Place {
  return placeAt(tensor.layout, addressAt(tensor, way, round), row, way)
}

export function capturePlace(tensor: AnyTensor, order: readonly string[]): CapturePlace {
  const axes = order.map((name) => tensor.layout.find((axis) => axis.name === name)!)
  return {
    address: tensor.address,
    strides: axes.map(({ stride }) => stride),
    sizes: axes.map(({ size }) => size),
  }
}

function operandPlaces(
  { query, key, value, sink, captured, parameters }: AttentionOperands,
  way: Walk,
  round: readonly number[],
  output: AnyTensor,
): Omit<ForwardPlaces, 'largest' | 'scale' | 'statistics'> {
  return {
    query: placeOf(query, 'query', way, round),
    key: placeOf(key, 'key', way, round),
    value: placeOf(value, 'key', way, round),
    output: placeOf(output, 'query', way, round),
    ...(sink === undefined ? {} : { sink: sink.address }),
    captures: captured.map((tensor) => capturePlace(tensor, physicalOrder(tensor))),
    parameters,
  }
}

/** What the backward pass needs of the forward one. */
export interface KeptResult {
  readonly way: Walk
  readonly output: Tensor
  readonly largest: Tensor
  readonly scale: Tensor
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

/** The gradients of everything that went into an attention, from that of its output. */
export function runBackward(
  device: Device,
  operands: AttentionOperands,
  result: KeptResult,
  outputGradient: Tensor,
  wanted: WantedGradients,
): AttentionGradients {
  const { axes, prepared, query, key, value, sink, captured } = operands
  const { way } = result
  const upstream = followable(outputGradient, way, result.output)
  const gradientOf = (tensor: AnyTensor, heads: number): Tensor => emptyGradient(tensor, axes, heads, way)
  const queryGradient = gradientOf(query, axes.heads)
  const keyGradient = gradientOf(key, axes.kvHeads)
  const valueGradient = gradientOf(value, axes.kvHeads)
  const sinkGradient =
    sink !== undefined && wanted.sink
      ? emptyArranged(device, 'f32', { round: way.rounds.length, head: axes.heads })
      : undefined
  const slots = prepared.slots.filter((slot) => wanted.captured[slot])
  const capturedGradients = captured.map((tensor, slot) =>
    slots.includes(slot) ? zerosLike(tensor) : undefined,
  )
  const rounds = axes.heads === 0 ? [] : way.rounds
  const plan = prepared.backward(device.target.machine, sizesFor(axes, way), slots)
  execute(device, (allocate) => {
    const workspace = plan.workspaceBytes > 0 ? allocate(plan.workspaceBytes) : 0
    return rounds.flatMap((round, number) =>
      plan.launches(
        {
          ...operandPlaces(operands, way, round, result.output),
          largest: addressAt(result.largest, way, round),
          scale: addressAt(result.scale, way, round),
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

/** The gradient of the output so that the kernels can follow it: adjacent along the width, batch axes as in the output. */
function followable(gradient: Tensor, way: Walk, output: AnyTensor): Tensor {
  const steps = way.inner.every(
    (axis, i) =>
      i === 0 || strideOf(gradient, way.inner[i - 1]!.name) === axis.size * strideOf(gradient, axis.name),
  )
  return steps && isAdjacent(gradient) ? gradient : arrange(gradient, physicalOrder(output))
}

/** Room for a gradient, with the batch axes and heads that its tensor lacks, where the kernels write one for each. */
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

/** Whether the numbers of one row lie one after the other. */
export function isAdjacent(tensor: AnyTensor): boolean {
  const { size, stride } = tensor.layout.find(({ name }) => name === 'width')!
  return size === 1 || stride === 1
}

/** The tensor, or a copy whose rows the kernels can read. */
export function adjacent<T extends AnyTensor>(tensor: T): T | Tensor {
  if (isAdjacent(tensor)) return tensor
  return arrange(tensor, [...physicalOrder(tensor).filter((name) => name !== 'width'), 'width'])
}
