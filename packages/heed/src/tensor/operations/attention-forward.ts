import type { Device } from '../../device/index.js'
import type { Launch, Place } from '../../kernels/index.js'
import { arranged, physicalOrder } from '../layout.js'
import { outputOf, prepare, type Prepared, runPrepared } from '../prepared.js'
import type { AnyTensor, Tensor } from '../tensor.js'
import { type AttentionAxes, physicalAxes, type Walk, walk } from './attention-axes.js'
import { type AttentionOperands, capturePlace, offsetAt, placeAt, sizesFor } from './attention-operands.js'
import type { PreparedAttention } from './attention-prepared.js'

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
  return prepare(device, planKey, outputs, count, launches, note)
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
