import { describe, expect, test } from 'vitest'
import { valueAndGrad } from '../autograd/index.js'
import type { Device } from '../device/index.js'
import {
  type AnyTensor,
  attention,
  attentionFilter,
  attentionWithStatistics,
  mixValues,
  scope,
  sum,
  type Tensor,
  withDevice,
} from '../tensor/index.js'
import { attentionCaseAxes as axes, type AttentionCase, attentionCaseOptions } from './testing/attention.js'
import {
  deviceTitle,
  expectClose,
  type NamedTensors,
  readReference,
  referenceCases,
  referenceDevices,
  type ReferenceNumbers,
} from './testing/reference.js'

// Attention with the ready-made scores and masks against the numbers of another implementation: output,
// statistics, filter and every gradient, by the fused path and by the plain one. In f64 to 2e-7 of the
// largest number, which is what rounding the reference to f32 took; in f32 within the tolerance that each
// case states.

const cases = (referenceCases('attention') as AttentionCase[]).filter(({ kind }) => kind !== 'layer')

type Query = Tensor<'batch' | 'head' | 'query' | 'width'>
type Key = Tensor<'batch' | 'head' | 'key' | 'width'>

function operands(inputs: NamedTensors): [Query, Key, Key] {
  return ['q', 'k', 'v'].map((name) => inputs[name] as AnyTensor) as [Query, Key, Key]
}

const paths = {
  fused(reference: AttentionCase, inputs: NamedTensors): Query {
    return attention(...operands(inputs), attentionCaseOptions(reference, inputs))
  },
  plain(reference: AttentionCase, inputs: NamedTensors): Query {
    const [query, key, value] = operands(inputs)
    return mixValues(attentionFilter(query, key, attentionCaseOptions(reference, inputs)), value)
  },
}

/** One case on one device, with what its numbers may be off by. */
class Comparison {
  readonly reference: AttentionCase
  readonly numbers: ReferenceNumbers
  readonly inputs: NamedTensors
  readonly device: Device
  readonly compared: Set<string> = new Set()

  constructor(reference: AttentionCase, device: Device) {
    this.reference = reference
    this.device = device
    this.numbers = readReference('attention', reference)
    this.inputs = Object.fromEntries(
      Object.keys(reference.inputs).map((name) => [name, this.numbers.tensor(name, axes[name]!) as Tensor]),
    )
  }

  compare(name: string, found: AnyTensor, order: readonly string[] = axes[name]!): void {
    const expected = this.numbers.values(name)
    const largest = expected.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0)
    // A row's sum has no tolerance of its own in the cases; it is one minus the sink's share.
    const tolerance =
      this.device.floatBytes === 8
        ? 2e-7 * Math.max(largest, 1)
        : (this.reference.tolerance[name] ?? this.reference.tolerance['largest_weight']!)
    expectClose(`${this.reference.name}: ${name}`, (found as Tensor).values(order), expected, tolerance)
    this.compared.add(name)
  }
}

function checkGradients(comparison: Comparison, path: keyof typeof paths): void {
  const { reference, inputs, numbers } = comparison
  const wanted = Object.keys(reference.outputs).filter((name) => name.startsWith('d_'))
  const model = Object.fromEntries(wanted.map((name) => [name.slice(2), inputs[name.slice(2)]!]))
  const upstream = numbers.tensor('d_output', axes['d_output']!) as AnyTensor as Query
  const loss = (changed: NamedTensors): Tensor<never> => {
    const output = paths[path](reference, { ...inputs, ...changed })
    comparison.compare('output', output)
    return sum(output.mul(upstream))
  }
  const { gradient } = valueAndGrad(loss)(model)
  for (const name of wanted) comparison.compare(name, gradient[name.slice(2)]!, axes[name.slice(2)]!)
}

const on = (reference: AttentionCase, device: Device, work: (comparison: Comparison) => void): void =>
  withDevice(device, () => scope(() => work(new Comparison(reference, device))))

describe.skipIf(cases.length === 0)('attention equals PyTorch (set HEED_SHARED to run)', () => {
  describe.each(referenceDevices.map((device): [string, Device] => [deviceTitle(device), device]))(
    'on %s',
    (_, device) => {
      test.each(cases)('$name: output and gradients, fused', (reference) =>
        on(reference, device, (comparison) => checkGradients(comparison, 'fused')),
      )
      test.each(cases)('$name: output and gradients, plain', (reference) =>
        on(reference, device, (comparison) => checkGradients(comparison, 'plain')),
      )
      test.each(cases)('$name: statistics and filter', (reference) =>
        on(reference, device, (comparison) => {
          const { inputs, numbers, compared } = comparison
          const [query, key, value] = operands(inputs)
          const options = attentionCaseOptions(reference, inputs)
          const found = attentionWithStatistics(query, key, value, options)
          comparison.compare('output', found.output)
          comparison.compare('log_sum_exp', found.logSumExp)
          comparison.compare('entropy', found.entropy)
          comparison.compare('largest_weight', found.largestWeight)
          const clear = numbers.values('largest_margin').map((margin) => margin > 1e-5)
          const keys = (all: ArrayLike<number>): number[] => Array.from(all).filter((_, i) => clear[i])
          expect(keys(found.largestKey.values(axes['largest_key'] as never))).toEqual(
            keys(numbers.values('largest_key')),
          )
          const filter = attentionFilter(query, key, options)
          if ('filter' in reference.outputs) comparison.compare('filter', filter)
          if ('row_sum' in reference.outputs) comparison.compare('row_sum', sum(filter, 'key'))
          // Nothing that the case holds is passed over.
          const rest = Object.keys(reference.outputs).filter(
            (name) => !name.startsWith('d_') && !compared.has(name),
          )
          expect(rest.sort()).toEqual(['largest_key', 'largest_margin'])
        }),
      )
    },
  )
})
