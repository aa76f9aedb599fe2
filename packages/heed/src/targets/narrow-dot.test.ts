import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Builder, kernel, type Term } from '../kernels/index.js'
import { interpreter } from './index.js'
import { launch, type Variant, variants } from './testing/launch.js'
import { nativeCode, processor, x64Target, x64Widths } from './x64/index.js'

const native = nativeCode()

const all: readonly Variant[] = [
  { name: 'interpreter', lanes: 1, target: () => interpreter },
  ...variants,
  ...x64Widths().map((width) => ({
    name: `x64, ${width} bits, dots written out`,
    lanes: width / 32,
    target: () => x64Target({ width, dots: new Set() }),
  })),
  // Not chosen on every processor that has it.
  ...(typeof native !== 'string' && processor(native).bf16
    ? [
        {
          name: 'x64, 512 bits, pairs of bf16',
          lanes: 16,
          target: () => x64Target({ width: 512, dots: new Set(['bytes', 'halves']) }),
        },
      ]
    : []),
]

const [a, b, c, out] = [1024, 4096, 8192, 16384] as const
type Name = 'dotBytes' | 'dotSevenBits' | 'dotShorts' | 'dotHalves'

/**
 * Applies one of them to bits a and b and sums c, vector by vector; b as a vector, or one element of it for
 * all lanes.
 */
function apply(
  variant: Variant,
  name: Name,
  bits: readonly [readonly number[], readonly number[]],
  sums: readonly number[],
  chain = false,
): number[] {
  const floats = name === 'dotHalves'
  const wide = variant.target(true).machine.floatBytes === 8 && floats
  const count = Math.ceil(sums.length / variant.lanes) * variant.lanes
  const source = kernel(
    'dots',
    { a: 'i32*', b: 'i32*', c: floats ? 'f32*' : 'i32*', out: floats ? 'f32*' : 'i32*', count: 'i32' },
    (k, p) => {
      const dot = (sum: unknown, x: Term<'ivector'>, y: Term<'ivector'>): Term<'ivector'> =>
        (k as Builder)[name](sum as never, x, y) as never
      k.loop(0, p.count, k.lanes, (i) => {
        const [x, y] = [k.load(p.a.at(i)), k.load(p.b.at(i))]
        const sum = k.variable(k.load(p.c.at(i) as never) as Term<'ivector'>)
        sum.set(dot(sum.get(), x, y))
        // Again with an element for all lanes, in place and not.
        if (chain) {
          sum.set(dot(sum.get(), x, k.loadBroadcast(p.b)))
          const more = dot(sum.get(), y.and(0x7f7f7f7f), k.loadBroadcast(p.b))
          k.store(p.out.at(p.count).at(i) as never, more)
        }
        k.store(p.out.at(i) as never, sum.get())
      })
    },
  )
  const heap = launch(source, variant, [a, b, c, out, count], ({ i32, f32 }) => {
    i32.set(bits[0], a / 4)
    i32.set(bits[1], b / 4)
    if (wide) new Float64Array(i32.buffer).set(sums, c / 8)
    else (floats ? f32 : i32).set(sums, c / 4)
  })
  const read = (from: number): number[] =>
    wide
      ? [...new Float64Array(heap.i32.buffer).subarray(out / 8 + from, out / 8 + from + sums.length)]
      : [...(floats ? heap.f32 : heap.i32).subarray(out / 4 + from, out / 4 + from + sums.length)]
  return chain ? [...read(0), ...read(count)] : read(0)
}

const plain = {
  dotBytes: (x: number, y: number, sum: number): number => {
    const [unsigned, signed] = [new Uint8Array(words([x])), new Int8Array(words([y]))]
    return unsigned.reduce((total, byte, i) => (total + byte * signed[i]!) | 0, sum)
  },
  dotSevenBits: (x: number, y: number, sum: number): number => plain.dotBytes(x, y, sum),
  dotShorts: (x: number, y: number, sum: number): number => {
    const [left, right] = [new Int16Array(words([x])), new Int16Array(words([y]))]
    return left.reduce((total, short, i) => (total + short * right[i]!) | 0, sum)
  },
}

/** The bits that an operand may have: the first one of `dotSevenBits` seven of each byte. */
function within(name: Name, side: number): number {
  return name === 'dotSevenBits' && side === 0 ? 0x7f7f7f7f : -1
}

function words(values: readonly number[]): ArrayBuffer {
  return Int32Array.from(values).buffer
}

const edges = [
  0,
  -1,
  1,
  0x7f7f7f7f,
  0x80808080 | 0,
  0xff80ff7f | 0,
  0x7fff7fff,
  0x80008000 | 0,
  0x80007fff | 0,
  0xffff0001 | 0,
  0x01020304,
  -(2 ** 31),
  2 ** 31 - 1,
]
const word = fc.oneof(fc.integer(), fc.constantFrom(...edges))

describe.each(all)('$name', (variant) => {
  test.each(['dotBytes', 'dotSevenBits', 'dotShorts'] as const)('%s is exact, and wraps', (name) => {
    const pairs = edges.flatMap((x) => edges.map((y) => [x, y] as const))
    const sums = pairs.map((_, i) => edges[(i * 5) % edges.length]!)
    const [x, y] = [0, 1].map((side) => pairs.map((pair) => pair[side]! & within(name, side))) as [
      number[],
      number[],
    ]
    expect(apply(variant, name, [x, y], sums)).toEqual(x.map((_, i) => plain[name](x[i]!, y[i]!, sums[i]!)))
  })

  test.each(['dotBytes', 'dotSevenBits', 'dotShorts'] as const)(
    '%s of anything, and of one element for all lanes',
    (name) => {
      fc.assert(
        fc.property(fc.array(fc.tuple(word, word, word), { minLength: 1, maxLength: 40 }), (cases) => {
          const [x, y, sums] = [0, 1, 2].map((part) =>
            cases.map((each) => each[part]! & within(name, part)),
          ) as [number[], number[], number[]]
          const first = sums.map((sum, i) => {
            const once = plain[name](x[i]!, y[i]!, sum)
            return plain[name](x[i]!, y[0]!, once)
          })
          const more = first.map((sum, i) => plain[name](y[i]! & 0x7f7f7f7f, y[0]!, sum))
          expect(apply(variant, name, [x, y], sums, true)).toEqual([...first, ...more])
        }),
        { numRuns: 40 },
      )
    },
  )

  const { fused, floatBytes, dots } = variant.target(true).machine
  /** The number that 16 bits stand for. */
  const half = (bits: number): number => new Float32Array(words([bits << 16]))[0]!
  const rounded = floatBytes === 8 ? (x: number): number => x : Math.fround
  /**
   * The upper product first; a product of two bf16 numbers is exact in f64, and in f32 where it is no
   * subnormal.
   */
  const step = (x: number, y: number, sum: number): number => rounded((fused ? x * y : rounded(x * y)) + sum)

  test('dotHalves adds the upper product, then the lower one', () => {
    // Exponents near each other, so that no sum in f64 is rounded.
    const number = fc
      .tuple(fc.boolean(), fc.integer({ min: 121, max: 133 }), fc.nat(127))
      .map(([sign, exponent, fraction]) => (Number(sign) << 15) | (exponent << 7) | fraction)
    const pair = fc.tuple(number, number).map(([high, low]) => (high << 16) | low)
    const sum = fc.integer({ min: -(2 ** 23), max: 2 ** 23 }).map((x) => x / 2 ** 16)
    fc.assert(
      fc.property(fc.array(fc.tuple(pair, pair, sum), { minLength: 1, maxLength: 40 }), (cases) => {
        const [x, y, sums] = [0, 1, 2].map((part) => cases.map((each) => each[part]!)) as [
          number[],
          number[],
          number[],
        ]
        const expected = sums.map((sum, i) => {
          const upper = step(half(x[i]! >>> 16), half(y[i]! >>> 16), sum)
          return step(half(x[i]! & 0xffff), half(y[i]! & 0xffff), upper)
        })
        expect(apply(variant, 'dotHalves', [x, y], sums)).toEqual(expected)
      }),
      { numRuns: 100 },
    )
  })

  test('dotHalves of infinities, NaN, zeros and subnormals', () => {
    const [infinity, nan, one, least, smallest] = [0x7f80, 0x7fc0, 0x3f80, 0x0001, 0x0080]
    const pairs = [
      [infinity, one, 0],
      [infinity, 0, 0],
      [infinity | 0x8000, one, Infinity],
      [nan, one, 1],
      [0x8000, one, -0],
      [least, one, 1],
      [smallest, smallest, 0],
      [least, one, 0],
    ] as const
    const found = apply(
      variant,
      'dotHalves',
      [pairs.map(([x]) => x), pairs.map(([, y]) => y)],
      pairs.map(([, , sum]) => sum),
    )
    expect(found.slice(0, 6)).toEqual([Infinity, NaN, NaN, NaN, expect.closeTo(0), 1])
    // Below the least float, and the least of bf16: an instruction takes it for 0.
    if (floatBytes === 4) expect(found[6]).toBe(0)
    expect(found[7]).toBe(dots.has('halves') ? 0 : half(least))
  })
})
