import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeedError } from '../../base/index.js'
import { interpreter } from '../../targets/index.js'
import { Arena } from '../testing/arena.js'
import { evaluate } from '../testing/evaluate.js'
import {
  bounds,
  canonical,
  Capture,
  differentiate,
  Emitter,
  type Expression,
  float,
  index,
  input,
  integer,
  kernel,
  type Kernel,
  keyOf,
  liftConstants,
  nodesOf,
  type ParameterType,
  parameter,
  type Pointer,
  share,
  spread,
  substitute,
} from '../index.js'
import { collectGarbage } from '../../testing/collect-garbage.js'

type Float = Expression<'float'>
type Integer = Expression<'integer'>
type Boolean_ = Expression<'boolean'>
const [x, y] = [input(0), input(1)]
const [row, column] = [index('row'), index('column')]

/** Random expressions over two inputs and two positions that stay smooth and within range. */
const integers: fc.Arbitrary<Integer> = fc.letrec<{ integer: Integer }>((tie) => ({
  integer: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(row, column),
    fc.integer({ min: -20, max: 20 }).map(integer),
    fc
      .tuple(
        fc.constantFrom('add' as const, 'sub' as const, 'min' as const, 'max' as const),
        tie('integer'),
        tie('integer'),
      )
      .map(([name, a, b]) => a[name](b)),
    fc.tuple(tie('integer'), fc.integer({ min: -3, max: 3 })).map(([a, b]) => a.mul(b)),
    fc
      .tuple(
        fc.constantFrom('divideBy' as const, 'remainderBy' as const),
        tie('integer'),
        fc.integer({ min: 1, max: 9 }),
      )
      .map(([name, a, b]) => a[name](b)),
    fc
      .tuple(fc.constantFrom('shl' as const, 'shr' as const), tie('integer'), fc.integer({ min: 0, max: 2 }))
      .map(([name, a, b]) => a[name](b)),
    fc.tuple(fc.constantFrom('abs' as const, 'neg' as const), tie('integer')).map(([name, a]) => a[name]()),
    fc.tuple(tie('integer'), tie('integer'), tie('integer')).map(([a, b, c]) => a.lt(b).select(c, a)),
  ),
})).integer
const comparisons = fc.constantFrom(
  'eq' as const,
  'ne' as const,
  'lt' as const,
  'le' as const,
  'gt' as const,
  'ge' as const,
)
const booleans: fc.Arbitrary<Boolean_> = fc.letrec<{ boolean: Boolean_ }>((tie) => ({
  boolean: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(comparisons, integers, integers).map(([name, a, b]) => a[name](b)),
    fc
      .tuple(fc.constantFrom('and' as const, 'or' as const), tie('boolean'), tie('boolean'))
      .map(([name, a, b]) => a[name](b)),
    tie('boolean').map((a) => a.not()),
    fc.tuple(tie('boolean'), tie('boolean'), tie('boolean')).map(([a, b, c]) => a.select(b, c)),
  ),
})).boolean
const floats: fc.Arbitrary<Float> = fc.letrec<{ float: Float }>((tie) => ({
  float: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(x, y),
    fc.integer({ min: -4, max: 4 }).map((value) => float(value / 2)),
    integers.map((a) => a.remainderBy(5).toFloat()),
    fc
      .tuple(fc.constantFrom('add' as const, 'sub' as const, 'mul' as const), tie('float'), tie('float'))
      .map(([name, a, b]) => a[name](b)),
    fc.tuple(tie('float'), tie('float')).map(([a, b]) => a.div(b.square().add(1))),
    fc
      .tuple(fc.constantFrom('tanh' as const, 'sin' as const, 'cos' as const, 'neg' as const), tie('float'))
      .map(([name, a]) => a[name]()),
    tie('float').map((a) => a.sin().erf()),
    tie('float').map((a) => a.tanh().exp()),
    fc
      .tuple(fc.constantFrom('sqrt' as const, 'rsqrt' as const, 'log' as const), tie('float'))
      .map(([name, a]) => a.square().add(1)[name]()),
    fc
      .tuple(tie('float'), fc.constantFrom(-1, 0.5, 1.5, 2, 3, -2.3))
      .map(([a, exponent]) => a.square().add(1).pow(exponent)),
    fc.tuple(booleans, tie('float'), tie('float')).map(([a, b, c]) => a.select(b, c)),
  ),
})).float
const small = fc.double({ min: -2, max: 2, noNaN: true })

/** The value of a float expression, computed by a kernel over one vector. */
function emitted(
  root: Float,
  inputs: readonly [number, number],
  positions: readonly [number, number],
): number {
  const [shared] = share([root])
  const parameters: Record<string, ParameterType> = {
    x: 'f32*',
    y: 'f32*',
    result: 'f32*',
    row: 'i32',
    column: 'i32',
  }
  const source: Kernel = kernel(keyOf([root]), parameters, (k, terms) => {
    const emitter = new Emitter(k, {
      index: (axis) => (axis === 'row' ? (terms['row'] as never) : undefined),
    })
    emitter.hoist([shared])
    const inner = emitter.within({
      input: (slot) => k.load(terms[slot === 0 ? 'x' : 'y'] as Pointer<'f32'>),
      index: (axis) => (axis === 'column' ? k.laneIndex().add(terms['column'] as never) : undefined),
    })
    k.store(terms['result'] as Pointer<'f32'>, spread(inner.emit(shared)) as never)
  })
  const arena = new Arena(interpreter, 65536 * 2)
  const result = arena.allocate(8)
  arena.run([
    {
      kernel: source,
      tasks: 1,
      parameters: [arena.floats([inputs[0]]), arena.floats([inputs[1]]), result, ...positions],
    },
  ])
  return arena.read(result, 1)[0]!
}

const numbers = (
  inputs: readonly number[],
  positions: readonly number[],
): Parameters<typeof evaluate>[1] => ({
  input: (slot) => inputs[slot]!,
  index: (axis) => positions[axis === 'row' ? 0 : 1]!,
})

describe('expressions', () => {
  test('simplify what is exact', () => {
    expect(x.sub(0)).toBe(x)
    expect(x.add(-0)).toBe(x)
    expect(float(-0).add(x)).toBe(x)
    expect(row.add(0)).toBe(row)
    expect(x.mul(1)).toBe(x)
    expect(x.neg().neg()).toBe(x)
    expect(float(2).mul(3).value).toBe(6)
    expect(row.mul(0).value).toBe(0)
    expect(row.lt(column).and(true)).toEqual(row.lt(column))
    expect(integer(-7).divideBy(2).value).toBe(-4)
    expect(integer(-7).remainderBy(4).value).toBe(1)
    // 0 × x and x − x are not 0 where x is not finite, and −0 + 0 is 0
    expect(x.mul(0).operation).toBe('mul')
    expect(x.sub(x).operation).toBe('sub')
    expect(x.add(0).operation).toBe('add')
    expect(x.sub(-0).operation).toBe('sub')
    expect(x.max(x)).toBe(x)
    expect(float(NaN).max(1).value).toBeNaN()
    expect(float(1).min(NaN).value).toBeNaN()
  })

  test('lift numbers and integers, and refuse what makes no sense', () => {
    expect(x.mul(row.sub(1)).operands[1]!.operation).toBe('toFloat')
    expect(() => row.add(1.5)).toThrow(HeedError)
    expect(() => row.divideBy(0)).toThrow(/whole divisor/)
    expect(() => new Capture(0, 'float', 2).at(row)).toThrow(/2 indices/)
    expect(() => row.add(x as never)).toThrow(/integer/)
  })

  test('equal expressions have equal keys and become one node', () => {
    const build = (): Float =>
      x
        .mul(y)
        .add(x.mul(y).tanh())
        .add(new Capture(3, 'float', 1).at(row))
    expect(keyOf([build()])).toBe(keyOf([build()]))
    expect(keyOf([x.add(y)])).not.toBe(keyOf([x.sub(y)]))
    expect(keyOf([x.mul(0)])).not.toBe(keyOf([x.mul(-0)]))
    expect(keyOf([x.pow(2)])).not.toBe(keyOf([x.pow(3)]))
    expect(keyOf([parameter(0).mul(x)])).not.toBe(keyOf([input(0).mul(x)]))
    const [shared] = share([build()])
    const sum = shared.operands[0]!
    expect(sum.operands[0]).toBe(sum.operands[1]!.operands[0])
  })

  test('substitute', () => {
    expect(keyOf([substitute(x.add(y).mul(x), new Map<Expression, Expression>([[x, y]]))])).toBe(
      keyOf([y.add(y).mul(y)]),
    )
  })

  test('a kernel computes what they say', () => {
    fc.assert(
      fc.property(
        floats,
        small,
        small,
        fc.integer({ min: -9, max: 9 }),
        fc.integer({ min: -9, max: 9 }),
        (root, a, b, i, j) => {
          const expected = evaluate(root, numbers([a, b], [i, j]))
          const found = emitted(root, [a, b], [i, j])
          expect(Math.abs(found - expected)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(expected)))
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('derivatives', () => {
  test('agree with central differences', () => {
    fc.assert(
      fc.property(floats, small, small, (root, a, b) => {
        const gradients = differentiate(root, float(1))
        const at = (p: number, q: number): number => evaluate(root, numbers([p, q], [3, -2]))
        const step = 1e-5
        const differences = [
          (at(a + step, b) - at(a - step, b)) / (2 * step),
          (at(a, b + step) - at(a, b - step)) / (2 * step),
        ]
        for (const [slot, leaf] of [x, y].entries()) {
          const gradient = gradients.get(leaf)
          const found = gradient === undefined ? 0 : evaluate(gradient, numbers([a, b], [3, -2]))
          expect(Math.abs(found - differences[slot]!)).toBeLessThanOrEqual(
            1e-4 * Math.max(1, Math.abs(found), Math.abs(at(a, b))),
          )
        }
      }),
      { numRuns: 200 },
    )
  })

  test.each([
    ['|x| at 0', x.abs(), 0, 0],
    ['max(x, 0) at 0', x.max(0), 0, 1],
    ['min(x, 0) above', x.min(0), 1, 0],
    ['x > 0 ? x : 0 at 0', x.gt(0).select(x, 0), 0, 0],
    ['floor', x.floor(), 0.5, 0],
    ['x^3', x.pow(3), 2, 12],
    ['x^0.5', x.pow(0.5), 4, 0.25],
  ] as const)('convention: %s', (_, root, at, expected) => {
    const gradient = differentiate(root, float(1)).get(x)
    expect(gradient === undefined ? 0 : evaluate(gradient, numbers([at, 0], [0, 0]))).toBe(expected)
  })

  test('equals share the gradient of max', () => {
    const gradients = differentiate(x.max(y), float(1))
    expect([x, y].map((leaf) => evaluate(gradients.get(leaf)!, numbers([2, 2], [0, 0])))).toEqual([0.5, 0.5])
  })

  test('reach captured tensors and parameters', () => {
    const slope = new Capture(0, 'float', 1).at(row)
    const gradients = differentiate(x.sub(slope.mul(column)).mul(parameter(0)), input(1))
    const leaves = { ...numbers([5, 10], [2, 3]), parameter: () => 7, capture: () => 0.5 }
    expect(evaluate(gradients.get(slope)!, leaves)).toBe(-10 * 3 * 7)
    expect([...gradients.keys()].map(({ operation }) => operation).toSorted()).toEqual([
      'capture',
      'input',
      'parameter',
    ])
  })
})

describe('bounds', () => {
  /** [possible, certain] over row in [r, r + rows), column in [c, c + columns) */
  function truth(
    mask: Boolean_,
    rows: readonly [number, number],
    columns: readonly [number, number],
  ): [boolean, boolean] {
    const parameters: Record<string, ParameterType> = {
      result: 'i32*',
      r: 'i32',
      rEnd: 'i32',
      c: 'i32',
      cEnd: 'i32',
    }
    const source: Kernel = kernel(keyOf([mask]), parameters, (k, terms) => {
      const int = (name: string): never => terms[name] as never
      const { possible, certain } = bounds(k, mask, {
        index: (axis) =>
          axis === 'row' ? { low: int('r'), high: int('rEnd') } : { low: int('c'), high: int('cEnd') },
        capture: (_, indices) => indices[0]!.add(100),
      })
      const result = terms['result'] as Pointer<'i32'>
      k.store(result, k.int(0))
      k.store(result.at(1), k.int(0))
      k.if(possible, () => k.store(result, k.int(1)))
      k.if(certain, () => k.store(result.at(1), k.int(1)))
    })
    const arena = new Arena(interpreter, 65536 * 2)
    const result = arena.allocate(8)
    arena.run([{ kernel: source, tasks: 1, parameters: [result, rows[0], rows[1], columns[0], columns[1]] }])
    const [possible, certain] = arena.readIntegers(result, 2)
    return [possible === 1, certain === 1]
  }

  test('never rule out what is so, never promise what is not', () => {
    const span = fc
      .tuple(fc.integer({ min: -12, max: 12 }), fc.integer({ min: 0, max: 4 }))
      .map(([low, length]) => [low, low + length] as const)
    fc.assert(
      fc.property(booleans, span, span, (mask, rows, columns) => {
        const values: number[] = []
        for (let r = rows[0]; r <= rows[1]; r++)
          for (let c = columns[0]; c <= columns[1]; c++) values.push(evaluate(mask, numbers([], [r, c])))
        const [possible, certain] = truth(mask, rows, columns)
        if (values.includes(1)) expect(possible).toBe(true)
        if (certain) expect(values).not.toContain(0)
      }),
      { numRuns: 120 },
    )
  })

  test('decide the masks that there are', () => {
    const causal = column.le(row)
    expect(truth(causal, [8, 11], [0, 7])).toEqual([true, true])
    expect(truth(causal, [8, 11], [8, 15])).toEqual([true, false])
    expect(truth(causal, [8, 11], [12, 19])).toEqual([false, false])
    const window = causal.and(row.sub(column).lt(4))
    expect(truth(window, [8, 11], [0, 4])).toEqual([false, false])
    expect(truth(window, [8, 9], [7, 8])).toEqual([true, true])
    expect(truth(window, [8, 9], [5, 8])).toEqual([true, false])
    expect(truth(window, [9, 9], [6, 9])).toEqual([true, true])
    const local = row.sub(column).abs().le(2)
    expect(truth(local, [8, 9], [12, 20])).toEqual([false, false])
    expect(truth(local, [8, 9], [7, 10])).toEqual([true, true])
    // One number for the whole tile is known; different ones are not.
    const prefix = new Capture(0, 'integer', 1)
    expect(truth(column.lt(prefix.at(7)), [0, 3], [0, 106])).toEqual([true, true])
    expect(truth(column.lt(prefix.at(7)), [0, 3], [107, 200])).toEqual([false, false])
    expect(truth(column.lt(prefix.at(row)), [0, 3], [107, 200])).toEqual([true, false])
  })
})

test('constants become parameters, but for those that say what is computed', () => {
  const expression = x
    .mul(3)
    .add(y.mul(3))
    .max(0)
    .add(1)
    .sub(-0.25)
    .mul(y.gt(7).select(float(3), -1))
  const { expression: lifted, parameters } = liftConstants(expression)
  expect(parameters).toEqual([3, -0.25, 7])
  const back = substitute(
    lifted,
    new Map(
      nodesOf([lifted]).flatMap((node) =>
        node.operation === 'parameter' ? [[node, float(parameters[node.value as number]!)] as const] : [],
      ),
    ),
  )
  expect(keyOf([back])).toBe(keyOf([expression]))
  expect(keyOf([liftConstants(x.mul(3.5)).expression])).toBe(keyOf([liftConstants(x.mul(-1e9)).expression]))
  const plain = x.add(1).mul(2)
  expect(liftConstants(plain)).toEqual({ expression: plain, parameters: [], kinds: [] })
  expect(liftConstants(plain).expression).toBe(plain)
  // No more than a kernel takes.
  const many = Array.from({ length: 100 }, (_, i) => i + 3).reduce<Float>((sum, c) => sum.add(x.mul(c)), x)
  expect(liftConstants(many).parameters.length).toBe(64)
  // Whole numbers too, where they are few: a table of bounds is part of what is computed.
  const below = (...bounds: number[]): Expression<'boolean'> =>
    bounds.map((bound) => index('key').lt(bound)).reduce((all, one) => all.or(one))
  expect(liftConstants(below(5, 7)).parameters).toEqual([5, 7])
  expect(keyOf([liftConstants(below(5, 7)).expression])).toBe(keyOf([liftConstants(below(6, 9)).expression]))
  expect(liftConstants(below(3, 4, 5, 6, 7)).parameters).toEqual([])
})

describe('what is known of expressions', () => {
  const both = (first: Float, second: Float): readonly [Float, Float] => [first, second]

  test('is found again, by the roots as they were given and as they became', () => {
    const [one, other] = both(x.add(y).exp(), x.add(y))
    const made = canonical([one, other])
    expect(canonical([one, other])).toBe(made)
    expect(canonical(made.roots)).toBe(made)
    expect(canonical([other, one])).not.toBe(made)
    expect(canonical([one])).not.toBe(made)
    expect(made.roots[0]!.operands[0]).toBe(made.roots[1])
  })

  test('goes with them, though another root that is in use stood before', async () => {
    const made = Array.from({ length: 100 }, (_, i) => {
      const fresh = y.mul(i + 2)
      canonical([x, fresh])
      return new WeakRef(fresh)
    })
    const held = (): number => made.filter((reference) => reference.deref() !== undefined).length
    for (let round = 0; round < 100 && held() > 2; round++) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      collectGarbage()
    }
    expect(held()).toBeLessThanOrEqual(2)
  })
})
