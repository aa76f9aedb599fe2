import { describe, test } from 'vitest'
import type { Device } from '../device/index.js'
import { collect } from '../observe/index.js'
import type { AnyTensor, Mask, Tensor } from '../tensor/index.js'
import {
  allOf,
  type AttentionParameters,
  causal,
  crossAttention,
  type CrossAttentionOptions,
  type Linear,
  padding,
  selfAttention,
  type Sequence,
} from './index.js'
import {
  checkReference,
  constant,
  deviceTitle,
  type NamedTensors,
  referenceCases,
  type ReferenceCase,
  referenceDevices,
  type ReferenceLayer,
} from './testing/reference.js'

// Whole attention layers against the numbers of another implementation: output, filter, and the gradient of
// every weight.

const cases = referenceCases('attention').filter(
  (reference) => 'kind' in reference && reference.kind === 'layer',
)
const sequence = ['batch', 'position', 'width']
const axes = {
  ...Object.fromEntries(
    ['query', 'key', 'value'].flatMap((role) => [
      [`${role}_weight`, ['out', 'width']],
      [`${role}_bias`, ['out']],
    ]),
  ),
  output_weight: ['width', 'in'],
  output_bias: ['width'],
  x: sequence,
  memory: sequence,
  key_padding: ['batch', 'key'],
  output: sequence,
  filter: ['batch', 'head', 'query', 'key'],
}

function parametersOf(inputs: NamedTensors, heads: number): AttentionParameters {
  const project = (role: string): Linear<'width', 'head' | 'headWidth'> => {
    const heady = (x: Tensor): AnyTensor => x.split('out', { head: heads, headWidth: x.size('out') / heads })
    const [weight, bias] = [inputs[`${role}_weight`]!, inputs[`${role}_bias`]]
    return { weight: heady(weight), ...(bias && { bias: heady(bias) }) } as never
  }
  const [weight, bias] = [inputs['output_weight']!, inputs['output_bias']]
  const joined: AnyTensor = weight.split('in', { head: heads, headWidth: weight.size('in') / heads })
  return {
    query: project('query'),
    key: project('key'),
    value: project('value'),
    output: { weight: joined, ...(bias && { bias }) } as never,
  }
}

function run(inputs: NamedTensors, reference: ReferenceCase): Sequence {
  const real = padding(inputs['key_padding'] as AnyTensor as Tensor<'batch' | 'key'>)
  const mask: Mask = constant<boolean>(reference, 'causal') ? allOf(causal, real) : real
  const options: CrossAttentionOptions<'batch'> = { mask }
  const parameters = parametersOf(inputs, constant(reference, 'heads'))
  const x = inputs['x'] as AnyTensor as Sequence
  const memory = inputs['memory'] as AnyTensor as Sequence | undefined
  return memory === undefined
    ? selfAttention(parameters, x, options)
    : crossAttention(parameters, x, memory, options)
}

/** Output and its gradients from the fused path; the filter from a run that looks at it. */
const fused: ReferenceLayer = {
  axes,
  run: (inputs, reference) => {
    const { values } = collect(['filter'], () => run(inputs, reference))
    return { output: run(inputs, reference) as AnyTensor as Tensor, filter: values.get('filter')! }
  },
}

const watched: ReferenceLayer = {
  axes,
  run: (inputs, reference) => {
    const { result, values } = collect(['filter'], () => run(inputs, reference))
    return { output: result as AnyTensor as Tensor, filter: values.get('filter')! }
  },
}

describe.skipIf(cases.length === 0)(
  'attention layers equal PyTorch, forward and every gradient (set HEED_SHARED to run)',
  () => {
    describe.each(referenceDevices.map((device): [string, Device] => [deviceTitle(device), device]))(
      'on %s',
      (_, device) => {
        test.each(cases)('$name, fused', (reference) => checkReference('attention', reference, fused, device))
        test.each(cases)('$name, watched', (reference) =>
          checkReference('attention', reference, watched, device),
        )
      },
    )
  },
)
