import { describe, expect, test } from 'vitest'
import type { Device } from '../device/index.js'
import { activate, type Activation, softplus, type Tensor, withDevice } from '../tensor/index.js'
import {
  alibiSlopes,
  applyRotary,
  debertaBucketOf,
  embed,
  type Embedding,
  feedForward,
  linear,
  type Linear,
  rotaryFrequencies,
  type RotaryScaling,
  rotaryTable,
  type Sequence,
  sinusoidalTable,
  t5BucketOf,
} from './index.js'
import {
  checkReference,
  constant,
  deviceTitle,
  expectClose,
  readReference,
  referenceCases,
  type ReferenceCase,
  referenceDevices,
  type ReferenceLayer,
} from './testing/reference.js'

// Activations, linear maps, look-ups and positions against the numbers of another implementation.

const cases = referenceCases('layers')
const named = (pattern: RegExp): ReferenceCase[] => cases.filter(({ name }) => pattern.test(name))

const activations: Readonly<Record<string, Activation>> = {
  'gelu-exact': 'gelu',
  'gelu-tanh': 'gelu-tanh',
  'gelu-quick': 'gelu-quick',
  silu: 'silu',
  relu: 'relu',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
}

const sequence = ['batch', 'position', 'width']

/** How a case of the file is computed here; undefined for a case of another test. */
function layerOf({ name, inputs }: ReferenceCase): ReferenceLayer | undefined {
  const activation = activations[name]
  if (activation !== undefined || name === 'softplus') {
    const apply = (x: Tensor): Tensor => (activation === undefined ? softplus(x) : activate(x, activation))
    return { axes: { x: ['element'], output: ['element'] }, run: ({ x }) => ({ output: apply(x!) }) }
  }
  if (name === 'swiglu' || name === 'geglu-tanh')
    return {
      axes: {
        x: sequence,
        output: sequence,
        gate_weight: ['hidden', 'width'],
        up_weight: ['hidden', 'width'],
        down_weight: ['width', 'hidden'],
      },
      run: ({ x, gate_weight, up_weight, down_weight }) => ({
        output: feedForward(
          {
            gate: { weight: gate_weight },
            up: { weight: up_weight },
            down: { weight: down_weight },
          } as never,
          x as unknown as Sequence,
          { activation: name === 'swiglu' ? 'silu' : 'gelu-tanh' },
        ) as unknown as Tensor,
      }),
    }
  if (name.startsWith('linear'))
    return {
      axes: {
        x: sequence,
        weight: ['hidden', 'width'],
        bias: ['hidden'],
        output: ['batch', 'position', 'hidden'],
      },
      run: ({ x, weight, bias }) => {
        const parameters = (bias === undefined ? { weight } : { weight, bias }) as unknown as Linear<
          'width',
          'hidden'
        >
        return { output: linear(parameters, x as unknown as Sequence, 'width') as unknown as Tensor }
      },
    }
  if (name.startsWith('embedding'))
    return {
      axes: { table: ['vocabulary', 'width'], ids: ['batch', 'position'], output: sequence },
      run: ({ table, ids }) => ({
        output: embed({ weight: table } as unknown as Embedding, ids as Tensor) as unknown as Tensor,
      }),
    }
  if (name.startsWith('rotary') && 'x' in inputs) {
    const vectors = ['batch', 'head', 'position', 'width']
    return {
      axes: { x: vectors, positions: ['position'], frequencies: ['pair'], output: vectors },
      run: ({ x, positions }, reference) => ({
        output: applyRotary(
          x!,
          'position',
          rotaryTable(201, {
            width: constant(reference, 'rotated_width'),
            base: constant(reference, 'base'),
            scaling: scalingOf(reference),
            pairs: constant<'half' | 'interleaved'>(reference, 'layout'),
          }),
          positions as unknown as Tensor<'position'>,
        ),
      }),
    }
  }
  return undefined
}

function scalingOf(reference: ReferenceCase): RotaryScaling | undefined {
  const scaling = constant<RotaryScaling>(reference, 'scaling')
  return 'type' in scaling ? scaling : undefined
}

const layers = cases.flatMap((reference) => {
  const layer = layerOf(reference)
  return layer === undefined ? [] : [{ reference, layer, name: reference.name }]
})

describe.skipIf(cases.length === 0)(
  'layers equal PyTorch, forward and every gradient (set HEED_SHARED to run)',
  () => {
    describe.each(referenceDevices.map((device): [string, Device] => [deviceTitle(device), device]))(
      'on %s',
      (_, device) => {
        test.each(layers)('$name', ({ reference, layer }) =>
          checkReference('layers', reference, layer, device),
        )
      },
    )
  },
)

describe.skipIf(cases.length === 0)('tables equal the reference (set HEED_SHARED to run)', () => {
  const device = referenceDevices[0]!
  /** Each table of a case, with its name in parts. */
  const checkTables = (
    reference: ReferenceCase,
    compute: (parts: string[], name: string) => ArrayLike<number>,
  ): void =>
    withDevice(device, () => {
      const numbers = readReference('layers', reference)
      const names = Object.keys(reference.outputs).filter((name) => name !== 'distance')
      expect(names.length).toBeGreaterThan(0)
      for (const name of names)
        expectClose(
          `${reference.name}: ${name}`,
          compute(name.split('_'), name),
          numbers.values(name),
          reference.tolerance?.[name] ?? 0,
        )
    })

  test.each(named(/^sinusoidal/))('$name', (reference) => {
    const [length, width] = Object.values(reference.outputs)[0]! as [number, number]
    checkTables(reference, (_, name) =>
      sinusoidalTable(length, width, {
        arrangement: name === 'interleaved' ? 'interleaved' : 'halves',
        frequencies: name.endsWith('last_10000') ? 'endpoint' : 'paper',
      }).values(),
    )
  })

  test.each(named(/^rotary.*table$/))('$name', (reference) => {
    const [length, pairs] = reference.outputs['cos']! as [number, number]
    const options = {
      width: 2 * pairs,
      base: constant(reference, 'base'),
      scaling: scalingOf(reference),
    }
    const table = rotaryTable(length, options)
    const { radiansPerPosition, magnitude } = rotaryFrequencies(options)
    expect(magnitude).toBeCloseTo(constant(reference, 'cos_sin_factor'), 12)
    const found: Record<string, ArrayLike<number>> = {
      cos: table.cosine.values(),
      sin: table.sine.values(),
      frequencies: radiansPerPosition,
    }
    checkTables(reference, (_, name) => found[name]!)
  })

  test.each(named(/^rotary.*-(half|interleaved)$/))('$name: frequencies', (reference) => {
    const { radiansPerPosition, magnitude } = rotaryFrequencies({
      width: constant(reference, 'rotated_width'),
      base: constant(reference, 'base'),
      scaling: scalingOf(reference),
    })
    const expected = withDevice(device, () => readReference('layers', reference).values('frequencies'))
    expectClose(reference.name, radiansPerPosition, expected, 1e-7)
    expect(magnitude).toBeCloseTo(constant(reference, 'cos_sin_factor'), 12)
  })

  test.each(named(/^t5-buckets/))('$name', (reference) => {
    const distances = withDevice(device, () => readReference('layers', reference).values('distance'))
    checkTables(reference, ([kind, buckets, maximumDistance]) =>
      distances.map((distance) =>
        t5BucketOf(distance, {
          bidirectional: kind === 'bidirectional',
          buckets: Number(buckets),
          maximumDistance: Number(maximumDistance),
        }),
      ),
    )
  })

  test.each(named(/^deberta-buckets/))('$name', (reference) => {
    const distances = withDevice(device, () => readReference('layers', reference).values('distance'))
    checkTables(reference, ([, buckets, maximumDistance]) =>
      distances.map((distance) =>
        debertaBucketOf(distance, {
          buckets: Number(buckets),
          maximumDistance: Number(maximumDistance),
        }),
      ),
    )
  })

  test.each(named(/^alibi-slopes/))('$name', (reference) => {
    checkTables(reference, ([, heads]) => alibiSlopes(Number(heads)).values())
  })
})
