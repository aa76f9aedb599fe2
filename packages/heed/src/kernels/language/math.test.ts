import { describe, expect, test } from 'vitest'
import { bitsAt, randomKey } from '../../base/index.js'
import type { Instruction, Machine, MathOperation } from './ir.js'
import { assemble, kernel } from './kernel.js'
import { bounds, exactly, expanded, forms, names, patterns, worst } from '../../targets/testing/accuracy.js'

/** Where a function, its definition or its parts begin or end. */
const landmarks = [
  [0, 2 ** -149, 2 ** -126, 2 ** -125, 2 ** -24, 2 ** -12, 0.1, 0.5, Math.SQRT1_2, 1, Math.SQRT2, 2],
  // exp: results become subnormal, 0, infinite
  [Math.LN2 / 2, Math.LN2, 87.33654, 103.27893, 103.97208, 104, 88.72284, 89],
  // tanh and erf become 1; sin and cos change their reduction
  [3.93, 9.02, 800, 2 ** 17, 2 ** 22, 2 ** 23, 2 ** 24, 2 ** 31, 2 ** 32, 3.4028234e38, Infinity],
].flat()
const multiplesOfPi = Array.from({ length: 1200 }, (_, i) => (i + 1) * (Math.PI / 4))
/** Floats that lie unusually close to multiples of π / 2. */
const hardAngles = [1.5707964, 3.1415927, 201.06194, 254.46901, 16367173, 6.2468969e35, 7.6155756e17]

function around(value: number, distance: number): Float32Array {
  const middle = new Int32Array(new Float32Array([value]).buffer)[0]!
  return patterns(middle - distance, 1, 2 * distance + 1)
}
function mirrored(values: Float32Array): readonly number[] {
  return [...values, ...values.map((value) => -value)]
}

const key = randomKey(Number(process.env['HEED_SEED'] ?? 1), 'math.test')
const random = new Float32Array(Int32Array.from({ length: 40_000 }, (_, i) => bitsAt(key, i)).buffer)
const samples = new Float32Array([
  ...patterns(0, 2 ** 16, Infinity),
  ...patterns(bitsAt(key, random.length) % 65521, 65521, Infinity),
  ...random,
  ...landmarks.flatMap((value) => mirrored(around(value, 64))),
  ...multiplesOfPi.flatMap((value) => mirrored(around(value, 1))),
  ...hardAngles.flatMap((value) => mirrored(around(value, 1))),
  // positions
  ...Array.from({ length: 2 ** 13 }, (_, i) => 16 * i + (i % 16)),
  2 ** 17,
])

describe.each(names)('%s', (name) => {
  const { ulp, absolute } = bounds[name]
  const exact = exactly(name, samples)

  test.each(forms)(
    'is within its bound over all floats: $target, $lanes lanes, relaxed $relaxed, scalar $scalar',
    (form) => {
      const found = worst(samples, expanded(name, form)(samples), exact)
      expect(found.wrong).toEqual([])
      expect(found.ulp, `at ${found.ulpAt}`).toBeLessThanOrEqual(ulp)
      expect(found.absolute, `at ${found.absoluteAt}`).toBeLessThanOrEqual(absolute ?? Infinity)
    },
  )

  test('gives the same bits for scalars and for vectors of any length', () => {
    for (const relaxed of new Set(forms.map((form) => form.relaxed))) {
      const [first, ...others] = forms
        .filter((form) => form.relaxed === relaxed)
        .map((form) => bitsOf(expanded(name, form)(samples)))
      for (const other of others) expect(Buffer.compare(other, first!)).toBe(0)
    }
  })
})

/** With every NaN alike: WebAssembly leaves their signs and payloads open. */
function bitsOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.map((value) => (Number.isNaN(value) ? NaN : value)).buffer)
}

describe.each(forms)('in whole: $target, $lanes lanes, relaxed $relaxed, scalar $scalar', (form) => {
  test.each(['tanh', 'erf', 'sin', 'cos'] as const)('%s never leaves −1 … 1', (name) => {
    const results = expanded(name, form)(samples)
    expect(results.every((value) => Number.isNaN(value) || Math.abs(value) <= 1)).toBe(true)
  })
  test.each([
    ['exp', 0, 1],
    ['exp', -0, 1],
    ['exp', -Infinity, 0],
    ['log', 1, 0],
    ['tanh', Infinity, 1],
    ['tanh', -20, -1],
    ['erf', Infinity, 1],
    ['erf', -5, -1],
    ['rsqrt', 4, 0.5],
    ['sin', -0, -0],
    ['cos', 0, 1],
    ['cos', -0, 1],
    ['cos', 2 ** -13, 1],
  ] as const)('%s(%d) is %d', (name, x, value) => {
    expect(expanded(name, form)(new Float32Array([x]))[0]).toBe(value)
  })
})

describe('length', () => {
  const machine: Machine = {
    name: 'test',
    lanes: 8,
    registers: 16,
    floatBytes: 4,
    math: false,
    fused: true,
    dots: new Set(),
  }
  /**
   * Instructions that become some of a machine's: constants stay in registers, and bits are only looked at.
   */
  function count(name: MathOperation): number {
    const source = kernel('length', { x: 'f32*' }, (k, { x }) => k.store(x, k.math(name, k.load(x))))
    const counts = (instruction: Instruction): boolean =>
      instruction.op !== 'constant' &&
      !(instruction.op === 'convert' && ['toBits', 'fromBits', 'broadcast'].includes(instruction.name))
    return assemble(source, machine).body.filter(counts).length - 2
  }
  test('exp takes 16 instructions where multiply-adds are fused', () => {
    expect(count('exp')).toBe(16)
  })
})
