import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { interpreter, wasmFeatures, wasmTarget, x64Target, x64Widths } from '../../targets/index.js'
import { Arena } from '../testing/arena.js'
import {
  plainCrossEntropy,
  plainCrossEntropyGradient,
  plainLogSoftmax,
  plainLogSoftmaxGradient,
  plainNorm,
  plainNormGradient,
  plainSoftmax,
  plainSoftmaxGradient,
} from '../testing/rows.js'
import { numbersFrom } from '../testing/variants.js'
import {
  crossEntropyStatistics,
  normStatistics,
  planCrossEntropy,
  planCrossEntropyBackward,
  planNorm,
  planNormBackward,
  planSoftmax,
  planSoftmaxBackward,
  type RowsOperand,
} from './index.js'

const { relaxed } = wasmFeatures()
const targets = {
  interpreter,
  'wasm, 4 lanes': wasmTarget({ lanes: 4, relaxed, shared: true }),
  'wasm, 8 lanes, not fused': wasmTarget({ lanes: 8, relaxed: false, shared: true }),
  ...Object.fromEntries(x64Widths().map((width) => [`x64, ${width} bits`, x64Target({ width })])),
}

/** Sizes around every edge of vectors and their groups, gaps between rows, numbers from a seed. */
const shapes = fc.record({
  rows: fc.integer({ min: 0, max: 9 }),
  width: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(63, 64, 65, 129, 1000)),
  gap: fc.constantFrom(0, 0, 1, 3, 8),
  seed: fc.integer(),
  scale: fc.constantFrom(1, 1, 30, 1000),
  choice: fc.integer({ min: 0, max: 63 }),
})
interface Shape {
  readonly rows: number
  readonly width: number
  readonly gap: number
  readonly seed: number
  readonly scale: number
  readonly choice: number
}

/** Numbers that f32 holds, so that both sides start from the same. */
function drawn(next: () => number, count: number, scale = 1): number[] {
  return Array.from({ length: count }, () => Math.fround((next() * 2 - 1) * 2 * scale))
}
function drawnRows(next: () => number, { rows, width }: Shape, scale = 1): number[][] {
  return Array.from({ length: rows }, () => drawn(next, width, scale))
}

/** Rows in the arena, with gaps that hold NaN and must keep it. */
class RowStore {
  readonly operand: RowsOperand
  readonly #arena: Arena
  readonly #shape: Shape

  constructor(arena: Arena, shape: Shape, rows?: readonly (readonly number[])[]) {
    const stride = shape.width + shape.gap
    const address = arena.allocate(shape.rows * stride * arena.floatBytes)
    this.operand = { address, stride }
    this.#arena = arena
    this.#shape = shape
    rows?.forEach((row, r) => arena.view(address + r * stride * arena.floatBytes, row.length).set(row))
  }

  read(): number[][] {
    const { rows, width, gap } = this.#shape
    const { address, stride } = this.operand
    const all = this.#arena.read(address, rows * stride)
    return Array.from({ length: rows }, (_, r) => {
      expect(all.slice(r * stride + width, (r + 1) * stride), 'gaps').toEqual(Array(gap).fill(NaN))
      return all.slice(r * stride, r * stride + width)
    })
  }
}

function check(
  run: (arena: Arena, shape: Shape, tolerance: number) => void,
  target: keyof typeof targets,
): void {
  const arena = new Arena(targets[target], 1 << 22)
  const tolerance = arena.floatBytes === 8 ? 1e-12 : 2e-6
  fc.assert(
    fc.property(shapes, (shape) => {
      arena.reset()
      arena.grain = (shape.choice % 3) + 1
      run(arena, shape, tolerance)
    }),
  )
}

/** Each |found − expected| ≤ tolerance × (1 + |expected| + size). */
function expectNear(
  found: readonly (readonly number[])[],
  expected: readonly (readonly number[])[],
  tolerance: number,
  size = 0,
): void {
  expect(found.length).toBe(expected.length)
  found.forEach((row, r) => {
    expect(row.length).toBe(expected[r]!.length)
    row.forEach((value, i) => {
      const other = expected[r]![i]!
      const near = value === other || Math.abs(value - other) <= tolerance * (1 + Math.abs(other) + size)
      if (!near) expect.fail(`row ${r}, element ${i}: ${value}, not ${other}`)
    })
  })
}

describe.each(Object.keys(targets) as (keyof typeof targets)[])(
  'row kernels equal their definitions on %s',
  (target) => {
    test.each([false, true])('softmax, logarithm %s', (logarithm) => {
      check((arena, shape, tolerance) => {
        const next = numbersFrom(shape.seed)
        const x = drawnRows(next, shape, shape.scale)
        // Some elements, and now and then a whole row, are −Infinity.
        if (shape.choice % 4 === 0)
          x.forEach((row) => row.forEach((_, i) => next() < 0.4 && (row[i] = -Infinity)))
        if (shape.choice % 8 === 0) x[0]?.fill(-Infinity)
        const [input, output] = [new RowStore(arena, shape, x), new RowStore(arena, shape)]
        arena.run(planSoftmax({ ...shape, logarithm, x: input.operand, output: output.operand }))
        const y = x.map(logarithm ? plainLogSoftmax : plainSoftmax)
        expectNear(output.read(), y, tolerance)

        const g = drawnRows(next, shape)
        const [gradient, xGradient] = [new RowStore(arena, shape, g), new RowStore(arena, shape)]
        arena.run(
          planSoftmaxBackward({
            ...shape,
            logarithm,
            output: output.operand,
            gradient: gradient.operand,
            xGradient: xGradient.operand,
          }),
        )
        const plain = logarithm ? plainLogSoftmaxGradient : plainSoftmaxGradient
        // Where the output is rounded at 1000, its exponential is off by as much.
        const size = logarithm ? shape.scale * Math.sqrt(shape.width) : 1
        expectNear(
          xGradient.read(),
          x.map((row, r) => plain(row, g[r]!)),
          tolerance,
          size,
        )
      }, target)
    })

    test.each([true, false])('norm, centered %s', (centered) => {
      check((arena, shape, tolerance) => {
        const next = numbersFrom(shape.seed)
        const { choice, width, rows } = shape
        const offset = choice % 5 === 0 ? 1000 : 0
        const x = drawnRows(next, shape, shape.scale).map((row) => row.map((v) => Math.fround(v + offset)))
        const weight = choice & 1 ? drawn(next, width) : undefined
        const bias = choice & 2 ? drawn(next, width) : undefined
        const norm = { centered, onePlus: (choice & 4) !== 0, epsilon: 0.1, weight, bias }
        const [input, output] = [new RowStore(arena, shape, x), new RowStore(arena, shape)]
        const place = (values: readonly number[] | undefined): number | undefined =>
          values === undefined ? undefined : arena.floats(values)
        const statistics = arena.allocate(rows * normStatistics(norm) * arena.floatBytes)
        const operands = { ...norm, rows, width, x: input.operand, weight: place(weight), statistics }
        arena.run(planNorm({ ...operands, output: output.operand, bias: place(bias) }))
        // What the elements were rounded to counts beside their distances.
        const size = centered ? offset / shape.scale : 0
        expectNear(
          output.read(),
          x.map((row) => plainNorm(row, norm)),
          tolerance,
          4 + size,
        )

        const g = drawnRows(next, shape)
        const gradient = new RowStore(arena, shape, g)
        const xGradient = choice & 8 ? undefined : new RowStore(arena, shape)
        const weightGradient = choice & 16 ? undefined : arena.allocate(width * arena.floatBytes)
        const biasGradient = choice & 32 ? undefined : arena.allocate(width * arena.floatBytes)
        arena.run(
          planNormBackward({
            ...operands,
            gradient: gradient.operand,
            xGradient: xGradient?.operand,
            weightGradient,
            biasGradient,
            floatBytes: arena.floatBytes,
            allocate: (bytes) => arena.allocate(bytes),
          }),
        )
        const plain = x.map((row, r) => plainNormGradient(row, g[r]!, norm))
        const summed = (name: 'weight' | 'bias'): number[] =>
          Array.from({ length: width }, (_, i) => plain.reduce((sum, row) => sum + row[name][i]!, 0))
        const most = 10 + rows + size
        if (xGradient)
          expectNear(
            xGradient.read(),
            plain.map((row) => row.x),
            tolerance,
            most * Math.sqrt(width),
          )
        if (weightGradient)
          expectNear([arena.read(weightGradient, width)], [summed('weight')], tolerance, most * 4)
        if (biasGradient) expectNear([arena.read(biasGradient, width)], [summed('bias')], tolerance, most)
      }, target)
    })

    test.each([false, true])('cross-entropy, classes weighted: %s', (weighted) => {
      check((arena, shape, tolerance) => {
        const next = numbersFrom(shape.seed)
        const { choice, rows, width } = shape
        const x = drawnRows(next, shape, shape.scale)
        const ignore = -7
        const classes = x.map(() => (next() < 0.2 ? ignore : Math.floor(next() * width)))
        const smoothing = choice & 1 ? 0.25 : 0
        const byRow = (choice & 2) !== 0
        const upstream = drawn(next, byRow ? rows : 1)
        const weights = weighted ? drawn(next, width).map((weight) => Math.abs(weight)) : undefined
        const logits = new RowStore(arena, shape, x)
        const statistics = arena.allocate(rows * crossEntropyStatistics * arena.floatBytes)
        const losses = arena.allocate(rows * arena.floatBytes)
        const operands = {
          rows,
          width,
          logits: logits.operand,
          targets: arena.integers(classes),
          ignore,
          smoothing,
          weights: weights && {
            address: arena.floats(weights),
            mean: weights.reduce((a, b) => a + b, 0) / width,
          },
          statistics,
        }
        arena.run(planCrossEntropy({ ...operands, losses }))
        const expected = x.map((row, r) =>
          classes[r] === ignore ? 0 : plainCrossEntropy(row, classes[r]!, smoothing, weights),
        )
        expectNear([arena.read(losses, rows)], [expected], tolerance, shape.scale)

        const logitsGradient = new RowStore(arena, shape)
        arena.run(
          planCrossEntropyBackward({
            ...operands,
            gradient: arena.floats(upstream),
            byRow,
            factor: 0.5,
            logitsGradient: logitsGradient.operand,
          }),
        )
        const gradients = x.map((row, r) => {
          if (classes[r] === ignore) return row.map(() => 0)
          const scale = upstream[byRow ? r : 0]! * 0.5
          return plainCrossEntropyGradient(row, classes[r]!, smoothing, weights).map((value) => value * scale)
        })
        expectNear(logitsGradient.read(), gradients, tolerance)
      }, target)
    })

    test('sums over many rows are cut into parts, and do not depend on how tasks are shared out', () => {
      const [rows, width] = [15_000, 5]
      const next = numbersFrom(3)
      const [x, g] = [drawn(next, rows * width), drawn(next, rows * width)]
      const run = (grain: number): { weight: number[]; bias: number[] } => {
        const arena = new Arena(targets[target], 1 << 23)
        arena.grain = grain
        const norm = { centered: true, onePlus: false, epsilon: 1e-5 }
        const [input, output] = [arena.floats(x), arena.allocate(rows * width * arena.floatBytes)]
        const statistics = arena.allocate(rows * normStatistics(norm) * arena.floatBytes)
        const operands = { ...norm, rows, width, x: { address: input, stride: width }, statistics }
        arena.run(planNorm({ ...operands, output: { address: output, stride: width } }))
        const room = width * arena.floatBytes
        const [weightGradient, biasGradient] = [arena.allocate(room), arena.allocate(room)]
        const launches = planNormBackward({
          ...operands,
          gradient: { address: arena.floats(g), stride: width },
          weightGradient,
          biasGradient,
          floatBytes: arena.floatBytes,
          allocate: (bytes) => arena.allocate(bytes),
        })
        expect(launches[0]!.tasks).toBeGreaterThan(1)
        arena.run(launches)
        return { weight: arena.read(weightGradient, width), bias: arena.read(biasGradient, width) }
      }
      const whole = run(Infinity)
      expect(run(1)).toEqual(whole)
      const column = (i: number): number =>
        Array.from({ length: rows }, (_, r) => g[r * width + i]!).reduce((a, b) => a + b, 0)
      expectNear([whole.bias], [[0, 1, 2, 3, 4].map(column)], 1e-6, 500)
    })

    test('no rows: nothing for x, zeros for weight and bias', () => {
      const arena = new Arena(targets[target], 1 << 20)
      const [weightGradient, biasGradient] = [arena.floats([1, 2, 3]), arena.floats([1, 2, 3])]
      arena.run(
        planNormBackward({
          centered: true,
          onePlus: false,
          rows: 0,
          width: 3,
          x: { address: 0, stride: 3 },
          statistics: 0,
          gradient: { address: 0, stride: 3 },
          weightGradient,
          biasGradient,
          floatBytes: arena.floatBytes,
          allocate: (bytes) => arena.allocate(bytes),
        }),
      )
      expect(arena.read(weightGradient, 3)).toEqual([0, 0, 0])
      expect(arena.read(biasGradient, 3)).toEqual([0, 0, 0])
    })
  },
)
