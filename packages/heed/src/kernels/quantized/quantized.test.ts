import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  interpreter,
  nativeCode,
  processor,
  type Target,
  wasmFeatures,
  wasmTarget,
  x64Target,
  x64Widths,
} from '../../targets/index.js'
import { erf } from '../../targets/interpreter/mathematics.js'
import { activations } from '../expression/index.js'
import type { MatmulActivation } from '../matmul/index.js'
import { plainMatmul } from '../matmul/plain.js'
import { Arena } from '../testing/arena.js'
import { numbersFrom } from '../testing/variants.js'
import { groupDepth, multiplicationFor, type WeightFormat } from './format.js'
import {
  packedShape,
  type PackedWeights,
  planPackWeights,
  planQuantizedProduct,
  planUnpackColumns,
  weightFormats,
} from './index.js'
import { quantizeColumn, quantizeRow } from './plain.js'

const { relaxed } = wasmFeatures()
const native = nativeCode()
const targets: Readonly<Record<string, Target>> = {
  interpreter,
  ...Object.fromEntries(
    ([4, 8] as const).map((lanes) => [`wasm, ${lanes} lanes`, wasmTarget({ lanes, relaxed, shared: true })]),
  ),
  ...Object.fromEntries(
    x64Widths().flatMap((width) => [
      [`x64, ${width} bits`, x64Target({ width })],
      [`x64, ${width} bits, without dots`, x64Target({ width, dots: new Set() })],
    ]),
  ),
  // Not chosen on every processor that has it.
  ...(typeof native !== 'string' &&
    processor(native).bf16 && {
      'x64, pairs of bf16': x64Target({ width: 512, dots: new Set(['bytes', 'halves']) }),
    }),
}

/** Mostly small numbers, with some large ones among them, as activations have. */
function numbers(count: number, seed: number): number[] {
  const next = numbersFrom(seed)
  return Array.from({ length: count }, () => Math.fround((next() * 2 - 1) * (next() < 0.02 ? 20 : 1)))
}

interface Case {
  readonly format: WeightFormat
  readonly m: number
  readonly n: number
  readonly k: number
  readonly seed: number
  /** The matrix lies column by column. */
  readonly turned: boolean
  readonly bias: boolean
  readonly residual: boolean
  readonly scale: number
  readonly activation: MatmulActivation
}

/** Packs k × n numbers in [place][column] order. */
function pack(arena: Arena, { format, n, k, turned }: Case, weights: readonly number[]): PackedWeights {
  const { machine } = arena.target
  const { bytes } = packedShape(format, machine, n, k)
  const packed = { machine, format, columns: n, depth: k, address: arena.allocate(bytes) }
  const laid = turned ? weights.map((_, i) => weights[(i % k) * n + Math.floor(i / k)]!) : weights
  const source = arena.floats(laid)
  arena.run(turned ? planPackWeights(packed, source, 1, k) : planPackWeights(packed, source, n, 1))
  return packed
}

/** What packed weights stand for, in [column][place] order. */
function unpack(arena: Arena, packed: PackedWeights): number[] {
  const { columns, depth } = packed
  const numbers = arena.integers(Array.from({ length: columns }, (_, i) => i))
  const target = arena.allocate(columns * depth * arena.floatBytes)
  arena.run(planUnpackColumns(packed, numbers, columns, target))
  return arena.read(target, columns * depth)
}

const columnOf = (weights: readonly number[], { n, k }: Case, column: number): number[] =>
  Array.from({ length: k }, (_, place) => weights[place * n + column]!)

/** Whether a quotient lies so near the middle of two whole numbers that f32 may round it to either. */
const undecided = (value: number, scale: number): boolean =>
  scale !== 0 && Math.abs(Math.abs((value / scale) % 1) - 0.5) < 1e-4

function checkPacking(given: Case, weights: readonly number[], unpacked: readonly number[]): void {
  for (let column = 0; column < given.n; column++) {
    const from = columnOf(weights, given, column)
    const found = unpacked.slice(column * given.k, (column + 1) * given.k)
    const plain = quantizeColumn(given.format, from)
    if (given.format === 'int4') {
      // Several scales may be about as good: what counts is the error.
      for (let start = 0; start < given.k; start += groupDepth) {
        const group = from.slice(start, start + groupDepth)
        const off = (values: readonly number[]): number =>
          group.reduce((sum, value, i) => sum + (values[start + i]! - value) ** 2, 0)
        // The scale itself is rounded, to eight bits.
        const most = group.reduce((sum, value) => Math.max(sum, value ** 2), 0) * 2 ** -16
        if (!(off(found) <= off(plain.values) * 1.05 + group.length * most))
          expect.fail(`group at ${start} of column ${column}: ${off(found)} instead of ${off(plain.values)}`)
      }
      continue
    }
    const scale = plain.scales[0]!
    found.forEach((value, place) => {
      const bound = undecided(from[place]!, scale) ? scale * 1.001 : Math.abs(plain.values[place]!) * 1e-6
      if (!(Math.abs(value - plain.values[place]!) <= bound))
        expect.fail(`${value} instead of ${plain.values[place]} for ${from[place]}`)
    })
  }
}

const [guard, sentinel] = [16, 12345.5]

/**
 * Runs a case, and holds each element of C to the definition, in f64, and what lies around C to what it was.
 */
function check(arena: Arena, given: Case): number[] {
  arena.reset()
  const { format, m, n, k, seed, scale, activation } = given
  const weights = numbers(k * n, seed)
  const rows = numbers(m * k, seed + 1)
  const [bias, residual] = [numbers(n, seed + 2), numbers(m * n, seed + 3)]
  const packed = pack(arena, given, weights)
  const unpacked = unpack(arena, packed)
  checkPacking(given, weights, unpacked)

  const block = arena.floats(Array.from({ length: m * n + 2 * guard }, () => sentinel))
  const c = block + guard * arena.floatBytes
  arena.run(
    planQuantizedProduct(
      {
        weights: packed,
        a: arena.floats(rows),
        aRow: k,
        m,
        c,
        cRow: n,
        scale,
        activation,
        ...(given.bias && { bias: { address: arena.floats(bias), row: 0, column: 1 } }),
        ...(given.residual && { residual: { address: arena.floats(residual), row: n, column: 1 } }),
      },
      (bytes) => arena.allocate(bytes),
    ),
  )
  const found = arena.read(block, m * n + 2 * guard)
  expect(found.slice(0, guard)).toEqual(Array.from({ length: guard }, () => sentinel))
  expect(found.slice(guard + m * n)).toEqual(Array.from({ length: guard }, () => sentinel))

  const { machine } = arena.target
  const rounded = Array.from({ length: m }, (_, r) =>
    quantizeRow(format, multiplicationFor(format, machine), rows.slice(r * k, (r + 1) * k)),
  )
  const a = rounded.flatMap(({ values }) => values)
  /** For each row, which activations may have been rounded to the other side, and how far that is. */
  const doubts = rounded.map(({ scales, whole }, r) =>
    whole.flatMap((_, place) => {
      const step = scales.length === 1 ? scales[0]! : scales[Math.floor(place / groupDepth)]!
      const integers =
        multiplicationFor(format, machine) === 'bytes' || multiplicationFor(format, machine) === 'shorts'
      return integers && undecided(rows[r * k + place]!, step) ? [{ place, step }] : []
    }),
  )
  const heap = new Float64Array([
    ...a,
    ...unpacked,
    ...bias,
    ...residual,
    ...Array.from({ length: m * n }, () => 0),
  ])
  const at = [a.length, unpacked.length, bias.length, residual.length].reduce<number[]>(
    (starts, length) => [...starts, starts[starts.length - 1]! + length],
    [0],
  )
  const epsilon = arena.floatBytes === 8 ? 2 ** -52 : 2 ** -23
  plainMatmul(
    {
      a: at[0]!,
      b: at[1]!,
      c: at[4]!,
      batch: [],
      m: [{ size: m, a: k, b: 0, c: n, residual: n }],
      n: [{ size: n, a: 0, b: k, c: 1, bias: 1, residual: 1 }],
      k: [{ size: k, a: 1, b: 1, c: 0 }],
      scale,
      activation,
      ...(given.bias && { bias: at[2]! }),
      ...(given.residual && { residual: at[3]! }),
    },
    heap,
    erf,
    (index, value, magnitude) => {
      const [row, column] = [Math.floor((index - at[4]!) / n), (index - at[4]!) % n]
      const doubt = doubts[row]!.reduce(
        (sum, { place, step }) => sum + step * Math.abs(unpacked[column * k + place]!),
        0,
      )
      const roundings = format === 'bf16' ? k + 2 : 4 + k / groupDepth
      // An activation is nowhere steeper than 1.2.
      const bound =
        1.2 * (epsilon * 2 * roundings * magnitude + doubt * Math.abs(scale)) +
        epsilon * 16 * (1 + Math.abs(value))
      const result = found[guard + index - at[4]!]!
      if (!(Math.abs(result - value) <= bound))
        expect.fail(`row ${row}, column ${column}: ${result} instead of ${value}, bound ${bound}`)
    },
  )
  return found
}

const size = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 48, 65)
const cases: fc.Arbitrary<Case> = fc.record({
  format: fc.constantFrom(...weightFormats),
  m: size,
  n: size,
  k: fc.constantFrom(1, 2, 3, 4, 7, 8, 31, 32, 33, 64, 65, 100, 510),
  seed: fc.integer(),
  turned: fc.boolean(),
  bias: fc.boolean(),
  residual: fc.boolean(),
  scale: fc.constantFrom(1, -0.5),
  activation: fc.constantFrom<MatmulActivation>(
    'none',
    'none',
    ...(Object.keys(activations) as MatmulActivation[]),
  ),
})

const plainCase = { turned: false, bias: false, residual: false, scale: 1, activation: 'none' } as const

describe.each(Object.entries(targets))('quantized weights on %s', (_, target) => {
  const arena = new Arena(target, 1 << 24)

  test('products of any size', () => {
    fc.assert(
      fc.property(cases, (given) => void check(arena, given)),
      { numRuns: 60 },
    )
  })

  test.each(weightFormats)('%s: many rows, odd sizes', (format) => {
    check(arena, { ...plainCase, format, m: 101, n: 70, k: 75, seed: 1, bias: true })
    check(arena, { ...plainCase, format, m: 6, n: 130, k: 257, seed: 2, turned: true })
  })

  test.each(weightFormats)('%s: zeros, and what is not finite', (format) => {
    arena.reset()
    const given: Case = { ...plainCase, format, m: 2, n: 2, k: 40, seed: 0 }
    const weights = numbers(80, 3).map((value, i) => (i % 2 === 0 ? 0 : value))
    const packed = pack(arena, given, weights)
    const product = (rows: readonly number[]): number[] => {
      const c = arena.allocate(4 * arena.floatBytes)
      const request = { weights: packed, a: arena.floats(rows), aRow: 40, m: 2, c, cRow: 2 }
      arena.run(planQuantizedProduct(request, (bytes) => arena.allocate(bytes)))
      return arena.read(c, 4)
    }
    // A column of zeros, a row of zeros.
    const half = product(Array.from({ length: 80 }, (_, i) => (i < 40 ? 0 : 0.5)))
    expect(half.slice(0, 3)).toEqual([0, 0, 0])
    expect(half[3]).not.toBe(0)
    // A row that is not finite is the only one that is not.
    for (const fault of [NaN, Infinity, -Infinity]) {
      const faulty = product(Array.from({ length: 80 }, (_, i) => (i === 7 ? fault : 0.5)))
      expect(Number.isFinite(faulty[1])).toBe(false)
      expect(faulty.slice(2)).toEqual(half.slice(2))
    }
  })

  test('the same bits however tasks are shared out', () => {
    for (const format of weightFormats) {
      const given: Case = {
        ...plainCase,
        format,
        m: 13,
        n: 150,
        k: 96,
        seed: 5,
        bias: true,
        activation: 'gelu',
      }
      const once = check(arena, given)
      arena.grain = 1
      expect(check(arena, given)).toEqual(once)
      arena.grain = Infinity
    }
  })
})
