import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type {
  BinaryOperation,
  Builder,
  Comparison,
  IntVector,
  Mask,
  Term,
  Type,
  Vector,
} from '../kernels/index.js'
import { kernel } from '../kernels/index.js'
import {
  variants,
  base,
  f,
  launch,
  apply,
  applyInt,
  floats,
  others,
  ints,
  divisors,
  type Heap,
} from './testing/launch.js'

describe.each(variants)('$name', (variant) => {
  describe.each([true, false])('scalar %s', (scalar) => {
    const floatCases: [string, BinaryOperation, (a: number, b: number) => number][] = [
      ['add', 'add', (a, b) => f(a + b)],
      ['sub', 'sub', (a, b) => f(a - b)],
      ['mul', 'mul', (a, b) => f(a * b)],
      ['div', 'div', (a, b) => f(a / b)],
      ['min', 'min', (a, b) => (b < a ? b : a)],
      ['max', 'max', (a, b) => (a < b ? b : a)],
    ]
    test.each(floatCases)('floats: %s', (_, name, plain) => {
      const [a, b] = [floats.map(f), others.map(f)]
      expect(apply(variant, 'float', scalar, [a, b], (k, x, y) => k.binary(name, x, y))).toEqual(
        a.map((x, i) => plain(x, b[i]!)),
      )
    })

    const intCases: [string, BinaryOperation, (a: number, b: number) => number][] = [
      ['add', 'add', (a, b) => (a + b) | 0],
      ['sub', 'sub', (a, b) => (a - b) | 0],
      ['mul', 'mul', Math.imul],
      ['div', 'div', (a, b) => (a / b) | 0],
      ['rem', 'rem', (a, b) => (a % b) | 0],
      ['min', 'min', Math.min],
      ['max', 'max', Math.max],
      ['and', 'and', (a, b) => a & b],
      ['or', 'or', (a, b) => a | b],
      ['xor', 'xor', (a, b) => a ^ b],
      ['shl', 'shl', (a, b) => a << b],
      ['shr', 'shr', (a, b) => a >> b],
      ['ushr', 'ushr', (a, b) => (a >>> b) | 0],
    ]
    test.each(intCases)('integers: %s', (_, name, plain) => {
      expect(applyInt(variant, 'int', scalar, [ints, divisors], (k, x, y) => k.binary(name, x, y))).toEqual(
        ints.map((x, i) => plain(x, divisors[i]!)),
      )
    })
    test.each(intCases)('integers: %s with a constant', (_, name, plain) => {
      for (const constant of [1, 3, -1, -4, 8]) {
        const y = (k: Builder): Term<Type> =>
          (scalar ? k.int(constant) : k.intVector(constant)) as unknown as Term<Type>
        expect(applyInt(variant, 'int', scalar, [ints], (k, x) => k.binary(name, x, y(k)))).toEqual(
          ints.map((x) => plain(x, constant)),
        )
      }
    })
    test('shifts by a number known at run time', () => {
      expect(
        applyInt(variant, 'int', scalar, [ints], (k, x) =>
          k.binary('shl', x, k.operand(x.type, k.loadScalar(pointer(k)).add(3) as never)),
        ),
      ).toEqual(ints.map((x) => x << 3))
    })

    const unaryCases: [string, (x: number) => number][] = [
      ['neg', (x) => -x],
      ['abs', Math.abs],
      ['sqrt', (x) => f(Math.sqrt(x))],
      ['floor', Math.floor],
      ['ceil', Math.ceil],
      [
        'round',
        (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : x < 0 && x >= -0.5 ? -0 : Math.round(x)),
      ],
    ]
    test.each(unaryCases)('floats: %s', (name, plain) => {
      const a = floats.map(f)
      expect(apply(variant, 'float', scalar, [a], (k, x) => k.unary(name as 'neg', x))).toEqual(a.map(plain))
    })
    test.each([
      ['neg', (x: number) => -x | 0],
      ['abs', (x: number) => Math.abs(x) | 0],
      ['not', (x: number) => ~x],
    ] as const)('integers: %s', (name, plain) => {
      expect(applyInt(variant, 'int', scalar, [ints], (k, x) => k.unary(name, x))).toEqual(ints.map(plain))
    })

    const comparisons: [Comparison, (a: number, b: number) => boolean][] = [
      ['eq', (a, b) => a === b],
      ['ne', (a, b) => a !== b],
      ['lt', (a, b) => a < b],
      ['le', (a, b) => a <= b],
      ['gt', (a, b) => a > b],
      ['ge', (a, b) => a >= b],
    ]
    test.each(comparisons)('%s and select', (name, plain) => {
      const [a, b] = [floats.map(f), others.map(f)]
      expect(
        apply(variant, 'float', scalar, [a, b], (k, x, y) => k.select(k.compare(name, x, y) as Mask, x, y)),
      ).toEqual(a.map((x, i) => (plain(x, b[i]!) ? x : b[i]!)))
      expect(
        applyInt(variant, 'int', scalar, [ints, divisors], (k, x, y) =>
          k.select(k.compare(name, x, y) as Mask, x, y),
        ),
      ).toEqual(ints.map((x, i) => (plain(x, divisors[i]!) ? x : divisors[i]!)))
    })
    test('conditions: and, or, xor, not, comparisons', () => {
      const conditions: [(p: Mask, q: Mask) => Mask, (p: boolean, q: boolean) => boolean][] = [
        [(p, q) => p.and(q), (p, q) => p && q],
        [(p, q) => p.or(q), (p, q) => p || q],
        [(p, q) => p.xor(q), (p, q) => p !== q],
        [(p, q) => p.not().and(q), (p, q) => !p && q],
        [(p, q) => p.eq(q), (p, q) => p === q],
        [(p, q) => p.lt(q), (p, q) => !p && q],
        [(p, q) => p.ge(q), (p, q) => p || !q],
      ]
      for (const [write, plain] of conditions) {
        const result = applyInt(variant, 'int', scalar, [ints, divisors], (k, x, y) =>
          write(
            k.compare('gt', x, k.operand(x.type, 2)) as Mask,
            k.compare('lt', y, k.operand(y.type, 3)) as Mask,
          ).select(x, y),
        )
        expect(result).toEqual(ints.map((x, i) => (plain(x > 2, divisors[i]! < 3) ? x : divisors[i]!)))
      }
    })
    test('conversions', () => {
      const a = floats.map(f)
      const inRange = a.map((x) => (Math.abs(x) < 2 ** 31 ? x : 0))
      expect(apply(variant, 'int', scalar, [ints], (k, x) => k.convert('toFloat', x))).toEqual(ints.map(f))
      expect(applyInt(variant, 'float', scalar, [inRange], (k, x) => k.convert('toInt', x))).toEqual(
        inRange.map((x) => Math.trunc(x) | 0),
      )
      expect(applyInt(variant, 'float', scalar, [a], (k, x) => k.convert('toBits', x))).toEqual([
        ...new Int32Array(new Float32Array(a).buffer),
      ])
      expect(apply(variant, 'int', scalar, [ints], (k, x) => k.convert('fromBits', x))).toEqual([
        ...new Float32Array(new Int32Array(ints).buffer),
      ])
    })
    test('fma rounds once if and only if the machine says so', () => {
      const [a, b, c] = [
        [1 + 2 ** -12, 3, f(0.1), -2],
        [1 + 2 ** -12, 5, f(0.3), 4],
        [-(1 + 2 ** -11), 1, f(-0.03), 0.5],
      ]
      const fused = variant.target(true).machine.fused
      // these products are exact in f64, and so are the first sums
      const exact = a.map((x, i) => f(x * b[i]! + c[i]!))
      const twice = a.map((x, i) => f(f(x * b[i]!) + c[i]!))
      expect(apply(variant, 'float', scalar, [a, b, c], (k, x, y, z) => k.fma(x, y, z))).toEqual(
        fused ? exact : twice,
      )
      expect(exact[0]).not.toBe(twice[0])
      expect(
        applyInt(variant, 'int', scalar, [ints, divisors, ints], (k, x, y, z) => k.fma(x, y, z)),
      ).toEqual(ints.map((x, i) => (Math.imul(x, divisors[i]!) + x) | 0))
    })
  })

  const { lanes } = variant
  test('reductions combine halves', () => {
    const values = Array.from({ length: lanes }, (_, i) => f(Math.sin(i + 1) * 10 ** ((i % 8) - 3)))
    const sum = (list: number[]): number =>
      list.length === 1
        ? list[0]!
        : sum(list.slice(0, list.length / 2).map((x, i) => f(x + list[i + list.length / 2]!)))
    const source = kernel('reductions', { x: 'f32*' }, (k, { x }) => {
      const v = k.load(x)
      const bits = v.toInt()
      const results = [v.sum(), v.least(), v.largest()]
      results.forEach((value, i) => k.store(x.at(lanes + i), value))
      const more = [
        bits.sum(),
        bits.least(),
        bits.largest(),
        ...[v.gt(0), v.ge(-1e30), v.gt(1e30)]
          .flatMap((m) => [m.any(), m.all()])
          .map((t) => t.select(k.int(1), 0)),
      ]
      more.forEach((value, i) => k.store(x.as('i32').at(lanes + 3 + i), value))
    })
    const heap = launch(source, variant, [base], ({ f32 }) => f32.set(values, base / 4))
    const truncated = values.map((x) => Math.trunc(x) | 0)
    expect([...heap.f32.subarray(base / 4 + lanes, base / 4 + lanes + 3)]).toEqual([
      sum(values),
      Math.min(...values),
      Math.max(...values),
    ])
    expect([...heap.i32.subarray(base / 4 + lanes + 3, base / 4 + lanes + 12)]).toEqual([
      truncated.reduce((x, y) => x + y),
      Math.min(...truncated),
      Math.max(...truncated),
      1,
      0,
      1,
      1,
      0,
      0,
    ])
  })

  test('constants, lane numbers and broadcasts', () => {
    const source = kernel('constants', { x: 'i32*', y: 'f32', z: 'i32' }, (k, { x, y, z }) => {
      const put = (i: number, v: IntVector | Vector): void =>
        k.store(x.as(v.type === 'vector' ? 'f32' : 'i32').at(i * lanes), v as never)
      put(0, k.laneIndex())
      put(1, k.vector(-0))
      put(2, k.vector(0.1))
      put(3, k.intVector(-5))
      put(4, y.broadcast())
      put(5, z.broadcast())
      put(6, z.gt(3).broadcast().select(k.intVector(1), 2))
      put(7, k.vector(NaN))
      put(8, k.loadBroadcast(x))
      put(9, k.bool(true).broadcast().select(k.vector(1), 2))
    })
    const { i32, f32 } = launch(source, variant, [base, 0.3, 4], () => {})
    const each = (array: Float32Array | Int32Array, i: number): number[] => [
      ...array.subarray(base / 4 + i * lanes, base / 4 + (i + 1) * lanes),
    ]
    const all = (value: number): number[] => Array.from({ length: lanes }, () => value)
    expect(each(i32, 0)).toEqual(all(0).map((_, i) => i))
    expect([1, 2].map((i) => each(f32, i))).toEqual([all(-0), all(f(0.1))])
    expect(each(i32, 3)).toEqual(all(-5))
    expect(each(f32, 4)).toEqual(all(f(0.3)))
    expect(each(i32, 5)).toEqual(all(4))
    expect(each(i32, 6)).toEqual(all(1))
    expect(each(f32, 7)).toEqual(all(NaN))
    expect(each(i32, 8)).toEqual(all(0))
    expect(each(f32, 9)).toEqual(all(1))
  })

  describe.each(['f32', 'i32', 'u16', 'u8', 'i8'] as const)('memory: %s', (element) => {
    const shift = { f32: 2, i32: 2, u16: 1, u8: 0, i8: 0 }[element]
    const put = (heap: Heap, i: number, value: number): void => {
      ;(element === 'f32' ? heap.f32 : element === 'i32' ? heap.i32 : element === 'u16' ? heap.u16 : heap.u8)[
        (base >> shift) + i
      ] = value
    }
    const sign = (value: number): number =>
      element === 'i8'
        ? (value << 24) >> 24
        : element === 'u8'
          ? value & 255
          : element === 'u16'
            ? value & 65535
            : value
    const values = Array.from({ length: lanes + 3 }, (_, i) => (i * 7919 + 130) * (i % 2 ? 1 : -1))

    test('masked copies clear lanes outside, and write no other element', () => {
      for (let bits = 0; bits < 2 ** lanes; bits += { 4: 1, 8: 11, 16: 2999 }[lanes]!) {
        const source = kernel(
          'masked',
          { x: `${element}*`, bits: 'i32', out: 'i32*' },
          (k, { x, bits, out }) => {
            const mask = bits.broadcast().ushr(k.laneIndex()).and(1).ne(0)
            const loaded = k.load(x.at(1) as never, mask) as IntVector
            k.store(element === 'f32' ? (out.as('f32') as never) : out, loaded)
            k.store(x.at(lanes + 4) as never, loaded, mask)
          },
        )
        const heap = launch(source, variant, [base, bits, 4096], (heap) => {
          heap.u8.fill(0xa5, base, 4096 + 256)
          values.forEach((value, i) => put(heap, i, value))
        })
        const read = (i: number): number => {
          const index = (base >> shift) + i
          return sign(
            element === 'f32'
              ? heap.f32[index]!
              : element === 'i32'
                ? heap.i32[index]!
                : element === 'u16'
                  ? heap.u16[index]!
                  : heap.u8[index]!,
          )
        }
        const untouched = read(2 * lanes + 8)
        for (let i = 0; i < lanes; i++) {
          const active = (bits >> i) & 1
          expect((element === 'f32' ? heap.f32 : heap.i32)[1024 + i]).toBe(active ? sign(values[i + 1]!) : 0)
          expect(read(lanes + 4 + i)).toBe(active ? sign(values[i + 1]!) : untouched)
        }
        expect([read(lanes + 3), read(2 * lanes + 4)]).toEqual([untouched, untouched])
      }
    })

    test('whole and scalar copies', () => {
      const source = kernel('copies', { x: `${element}*` }, (k, { x }) => {
        k.store(x.at(lanes + 3) as never, k.load(x as never) as IntVector)
        k.store(x.at(2 * lanes + 4) as never, k.loadScalar(x.at(1) as never) as Term<'i32'>)
      })
      const heap = launch(source, variant, [base], (heap) => {
        heap.u8.fill(0xa5, base, 4096)
        values.forEach((value, i) => put(heap, i, value))
      })
      const bytes = (from: number, count: number): number[] => [
        ...heap.u8.subarray(base + (from << shift), base + ((from + count) << shift)),
      ]
      expect(bytes(lanes + 3, lanes)).toEqual(bytes(0, lanes))
      expect(bytes(2 * lanes + 4, 1)).toEqual(bytes(1, 1))
      expect(bytes(2 * lanes + 3, 1)).toEqual(Array.from({ length: 1 << shift }, () => 0xa5))
      expect(bytes(2 * lanes + 5, 1)).toEqual(Array.from({ length: 1 << shift }, () => 0xa5))
    })
  })

  test('gather reads active lanes, whatever the others point at', () => {
    const source = kernel(
      'gathers',
      { x: 'f32*', indices: 'i32*', bits: 'i32', out: 'f32*' },
      (k, { x, indices, bits, out }) => {
        const mask = bits.broadcast().ushr(k.laneIndex()).and(1).ne(0)
        k.store(out, k.gather(x.at(2), k.load(indices), mask))
        k.store(out.at(lanes), k.gather(x.at(2), mask.select(k.load(indices), 0)))
      },
    )
    const indices = [3, -2, 7, 0, 5, 1, 2, 9, 4, 0, 6, 2, 1, 3, 8, 5].slice(0, lanes)
    const bits = 0b1101001101101101
    const heap = launch(source, variant, [base, 4096, bits, 8192], ({ f32, i32 }) => {
      for (let i = 0; i < 16; i++) f32[base / 4 + i] = i + 0.5
      indices.forEach((index, i) => {
        i32[1024 + i] = (bits >> i) & 1 ? index : 0x7fffff00
      })
    })
    expect([...heap.f32.subarray(2048, 2048 + lanes)]).toEqual(
      indices.map((index, i) => ((bits >> i) & 1 ? index + 2.5 : 0)),
    )
    expect([...heap.f32.subarray(2048 + lanes, 2048 + 2 * lanes)]).toEqual(
      indices.map((index, i) => ((bits >> i) & 1 ? index : 0) + 2.5),
    )
  })

  test('a masked load at the end of the memory reads into the guard, not beyond', () => {
    const source = kernel('end', { x: 'f32*', out: 'f32*' }, (k, { x, out }) =>
      k.store(out, k.load(x, k.tail(1))),
    )
    const heap = launch(source, variant, [65536 - 68, base], ({ f32 }) => {
      f32[(65536 - 68) / 4] = 5
    })
    expect([...heap.f32.subarray(base / 4, base / 4 + lanes)]).toEqual([
      5,
      ...Array.from({ length: lanes - 1 }, () => 0),
    ])
  })

  test('loops, while, if, variables and tasks', () => {
    const source = kernel('control', { x: 'i32*', n: 'i32' }, (k, { x, n }, task) => {
      const total = k.variable(k.int(0))
      k.loop(0, n, 3, (i) =>
        k.loop(i, 10, 4, (j) => {
          k.if(
            i.add(j).rem(2).eq(0),
            () => total.set(total.get().add(j)),
            () => total.set(total.get().sub(i)),
          )
        }),
      )
      const low = k.variable(k.int(1))
      const high = k.variable(k.int(2))
      k.while(
        () => low.get().lt(total.get().add(50)),
        () => {
          const before = low.get()
          low.set(high.get())
          high.set(before.add(high.get()))
        },
      )
      k.store(x.at(task.mul(3)), total.get())
      k.store(x.at(task.mul(3).add(1)), low.get())
      k.store(x.at(task.mul(3).add(2)), high.get())
    })
    const plain = (n: number): number[] => {
      let total = 0
      for (let i = 0; i < n; i += 3) for (let j = i; j < 10; j += 4) total += (i + j) % 2 === 0 ? j : -i
      let [low, high] = [1, 2]
      while (low < total + 50) [low, high] = [high, low + high]
      return [total, low, high]
    }
    for (const n of [0, 1, 3, 10]) {
      const heap = launch(source, variant, [base, n], () => {}, 2)
      expect([...heap.i32.subarray(base / 4, base / 4 + 7)]).toEqual([...plain(n), ...plain(n), 0])
    }
  })

  test('a load stays before the store that changes its place, an earlier read before the assignment', () => {
    const source = kernel('order', { x: 'f32*' }, (k, { x }) => {
      const before = k.load(x).mul(2)
      const first = k.loadScalar(x)
      const carried = k.variable(k.load(x.at(lanes)))
      const old = carried.get().add(1)
      carried.set(k.vector(9))
      k.store(x.at(2), k.load(x))
      k.store(x.at(2 * lanes), before)
      k.store(x.at(3 * lanes), old)
      k.store(x.at(4 * lanes), carried.get())
      k.store(x.at(5 * lanes), first)
    })
    const { f32 } = launch(source, variant, [base], ({ f32 }) => {
      for (let i = 0; i < 8 * lanes; i++) f32[base / 4 + i] = i
    })
    const at = (i: number): number[] => [...f32.subarray(base / 4 + i, base / 4 + i + lanes)]
    const numbers = Array.from({ length: lanes }, (_, i) => i)
    expect(at(2)).toEqual(numbers)
    expect(at(2 * lanes)).toEqual(numbers.map((i) => 2 * i))
    expect(at(3 * lanes)).toEqual(numbers.map((i) => i + lanes + 1))
    expect(at(4 * lanes)).toEqual(numbers.map(() => 9))
    expect(at(5 * lanes)[0]).toBe(0)
  })

  test('random arithmetic agrees with a plain evaluation', () => {
    const step = fc.record({
      operation: fc.constantFrom('add', 'sub', 'mul', 'xor', 'min', 'max', 'and', 'div', 'rem', 'ushr'),
      a: fc.nat(1000),
      b: fc.nat(1000),
      variable: fc.boolean(),
      store: fc.boolean(),
    })
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 30 }),
        fc.array(fc.integer(), { minLength: lanes, maxLength: lanes }),
        (steps, inputs) => {
          const source = kernel('random', { x: 'i32*' }, (k, { x }) => {
            const variable = k.variable(k.load(x))
            const known: IntVector[] = [variable.get(), k.laneIndex()]
            for (const { operation, a, b, variable: assign, store } of steps) {
              const result = k.binary(
                operation as BinaryOperation,
                known[a % known.length]!,
                known[b % known.length]!,
              )
              if (assign) {
                variable.set(result)
                known.push(variable.get())
              } else known.push(result)
              if (store) {
                k.store(x, result)
                known.push(k.load(x))
              }
            }
            k.store(
              x,
              known.reduce((p, q) => p.add(q)),
            )
          })
          const plain = inputs.map((input, l) => {
            const known = [input, l]
            for (const { operation, a, b, variable, store } of steps) {
              const result = {
                add: (x: number, y: number) => (x + y) | 0,
                sub: (x: number, y: number) => (x - y) | 0,
                mul: Math.imul,
                xor: (x: number, y: number) => x ^ y,
                min: Math.min,
                max: Math.max,
                and: (x: number, y: number) => x & y,
                div: (x: number, y: number) => (y ? (x / y) | 0 : NaN),
                rem: (x: number, y: number) => (y ? (x % y) | 0 : NaN),
                ushr: (x: number, y: number) => (x >>> y) | 0,
              }[operation]!(known[a % known.length]!, known[b % known.length]!)
              known.push(result)
              if (store) known.push(result)
              void variable
            }
            return known.reduce((p, q) => (Number.isNaN(p) || Number.isNaN(q) ? NaN : (p + q) | 0))
          })
          const heap = launch(source, variant, [base], ({ i32 }) => i32.set(inputs, base / 4))
          plain.forEach((value, l) => {
            if (!Number.isNaN(value)) expect(heap.i32[base / 4 + l]).toBe(value)
          })
        },
      ),
      { numRuns: 60 },
    )
  })
})

function pointer(k: Builder): never {
  return k.scratch('i32') as never
}
