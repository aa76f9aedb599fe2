import type { Dtype } from '../../base/index.js'
import type { Device } from '../../device/index.js'
import { attentionForward, type Launch, type Place } from '../../kernels/index.js'
import { arranged, physicalOrder } from '../layout.js'
import { outputOf, prepare, type Prepared, runPrepared } from '../prepared.js'
import { storedBytes } from '../storage.js'
import type { Axis, Tensor } from '../tensor.js'
import { type AttentionAxes, physicalAxes, type Walk } from './attention-axes.js'
import { type AttentionOperands, capturePlace, offsetAt, placeAt, sizesFor } from './attention-operands.js'
import { roundParameters } from './attention-positions.js'
import type { PreparedAttention } from './attention-prepared.js'

/** What an attention gives beside its output, in this order where it was asked for. */
const resultNames = ['largest', 'inverseSum', 'logSumExp', 'entropy', 'largestWeight', 'largestKey'] as const
type ResultName = (typeof resultNames)[number]

export interface AttentionResult extends Partial<Readonly<Record<ResultName, Tensor>>> {
  readonly output: Tensor
}

/** What to keep beside the output. */
export interface Kept {
  readonly statistics: boolean
  /** The largest score and the inverse sum of each row, which the gradient needs. */
  readonly forGradient: boolean
}

/** What is known of an attention once it was planned. */
export interface PlannedAttention {
  readonly prepared: PreparedAttention
  readonly axes: AttentionAxes
  readonly way: Walk
  readonly kept: readonly ResultName[]
}

/** What changes from call to call: addresses, and the numbers that score and mask read. */
interface ForwardValues {
  readonly query: number
  readonly key: number
  readonly value: number
  /** 0 where there is none. */
  readonly sink: number
  readonly captured: readonly number[]
  readonly parameters: readonly number[]
  /** The output, and then what is kept. */
  readonly results: readonly number[]
}

/** As the list that a prepared operation takes. */
function inOrder(operands: AttentionOperands, results: readonly { readonly address: number }[]): number[] {
  const { query, key, value, sink, captured, parameters } = operands
  const list = [query.address, key.address, value.address, sink?.address ?? 0]
  for (const { address } of captured) list.push(address)
  for (const parameter of parameters) list.push(parameter)
  for (const { address } of results) list.push(address)
  return list
}

/** What such a list says. */
function byName(
  [query, key, value, sink, ...more]: readonly number[],
  { captured, parameters }: AttentionOperands,
): ForwardValues {
  const [first, second] = [captured.length, captured.length + parameters.length]
  return {
    query: query!,
    key: key!,
    value: value!,
    sink: sink!,
    captured: more.slice(0, first),
    parameters: more.slice(first, second),
    results: more.slice(second),
  }
}

/**
 * Plans an attention for all with the same key: with operands of the same layouts, and the same score and
 * mask.
 */
export function planForward(
  device: Device,
  operands: AttentionOperands,
  { statistics, forGradient }: Kept,
): Prepared {
  const { axes, way, prepared, query, key, value, captured } = operands
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
  const kept = resultNames.filter((_, i) => (i < 2 ? forGradient : statistics))
  const row = arranged('f32', shape, rowAxes)
  const outputs = [
    output,
    ...kept.map((name) => (name === 'largestKey' ? { ...row, dtype: 'i32' as const } : row)),
  ]
  const { machine } = device.target
  const sizes = sizesFor(axes, way)
  const plan = prepared.plan(machine, statistics ? 'statistics' : 'forward', sizes, () =>
    attentionForward(machine, prepared.definition, sizes, statistics),
  )
  const count = inOrder(
    operands,
    outputs.map(() => ({ address: 0 })),
  ).length
  const launches = (list: readonly number[], allocate: (bytes: number) => number): Launch[] => {
    if (axes.heads === 0) return []
    const values = byName(list, operands)
    const workspace = plan.workspaceBytes > 0 ? allocate(plan.workspaceBytes) : 0
    const rowBytes = way.batch * axes.heads * axes.queries * device.floatBytes
    const spare = forGradient ? [] : [allocate(rowBytes), allocate(rowBytes)]
    return way.rounds.flatMap((round) => {
      const place = (
        { layout, dtype }: { readonly layout: readonly Axis[]; readonly dtype: Dtype },
        row: string,
        address: number,
      ): Place =>
        placeAt(layout, address + offsetAt(layout, storedBytes(device, dtype), way, round), row, way)
      const at = (name: ResultName): number => {
        const bytes = name === 'largestKey' ? 4 : device.floatBytes
        return values.results[kept.indexOf(name) + 1]! + offsetAt(row.layout, bytes, way, round)
      }
      return plan.launches(
        {
          query: place(query, 'query', values.query),
          key: place(key, 'key', values.key),
          value: place(value, 'key', values.value),
          output: place(output, 'query', values.results[0]!),
          ...(operands.sink === undefined ? {} : { sink: values.sink }),
          captures: captured.map((tensor, slot) => ({
            ...capturePlace(tensor, physicalOrder(tensor)),
            address: values.captured[slot]!,
          })),
          parameters: roundParameters(values.parameters, way, round),
          largest: forGradient ? at('largest') : spare[0]!,
          inverseSum: forGradient ? at('inverseSum') : spare[1]!,
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
  return prepare(device, operands.planKey, outputs, count, launches, note)
}

export function runForward(device: Device, planned: Prepared, operands: AttentionOperands): AttentionResult {
  const { kept } = planned.note as PlannedAttention
  const results = planned.outputs.map((_, i) => outputOf(device, planned, i))
  runPrepared(device, planned, inOrder(operands, results))
  const result: { -readonly [K in keyof AttentionResult]: AttentionResult[K] } = { output: results[0]! }
  kept.forEach((name, i) => (result[name] = results[i + 1]!))
  return result
}
