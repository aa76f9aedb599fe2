import { describe, expect, test } from 'vitest'
import { interpreter, wasmFeatures, wasmTarget, x64Target, x64Widths } from '../targets/index.js'
import { planMap } from './elementwise/index.js'
import { activations, input } from './expression/index.js'
import { assemble, type Launch, printProgram } from './index.js'
import { goesPastCaches, pastCachesName } from './past-the-caches.js'
import {
  planCrossEntropyBackward,
  planNorm,
  planNormBackward,
  planSoftmax,
  planSoftmaxBackward,
  type RowsOperand,
} from './rows/index.js'
import { Arena, type KernelTarget } from './testing/arena.js'
import { numbersFrom } from './testing/variants.js'

const { relaxed } = wasmFeatures()
const targets: Readonly<Record<string, KernelTarget>> = {
  interpreter,
  'wasm, 4 lanes': wasmTarget({ lanes: 4, relaxed, shared: true }),
  'wasm, 8 lanes': wasmTarget({ lanes: 8, relaxed, shared: true }),
  ...Object.fromEntries(x64Widths().map((width) => [`x64, ${width} bits`, x64Target({ width })])),
}

/** Elements of the least result that goes past the caches. */
const least = 2 ** 23

test('large results go past the caches where their vectors are aligned', () => {
  const large = { address: 4096, elements: least, strides: [16, 4800] }
  expect(goesPastCaches(large)).toBe(true)
  expect(goesPastCaches({ ...large, strides: [] })).toBe(true)
  expect(goesPastCaches({ ...large, elements: least - 1 })).toBe(false)
  expect(goesPastCaches({ ...large, address: 4096 + 32 })).toBe(false)
  expect(goesPastCaches({ ...large, strides: [16, 4808] })).toBe(false)
})

/** What operations read: rows, floats along and beside them, whole numbers. */
interface Operands {
  readonly x: RowsOperand
  readonly y: RowsOperand
  readonly weight: number
  readonly bias: number
  readonly statistics: number
  readonly targets: number
}
type Plan = (
  operands: Operands,
  shape: { readonly rows: number; readonly width: number },
  output: RowsOperand,
  arena: Arena,
) => Launch[]

function softmaxBackward(logarithm: boolean): Plan {
  return ({ x, y }, shape, xGradient) =>
    planSoftmaxBackward({ ...shape, logarithm, output: x, gradient: y, xGradient })
}
function map(outputs: number): Plan {
  // A row of `weight` for all rows.
  return ({ x, weight }, { rows, width }, { address, stride }) =>
    planMap({
      space: { sizes: [rows, width], names: ['row', 'width'] },
      inputs: [
        { address: x.address, element: 'f32', strides: [x.stride, 1] },
        { address: weight, element: 'f32', strides: [0, 1] },
      ],
      outputs: [activations.gelu(input(0)).mul(input(1)), input(0).sub(input(1))]
        .slice(0, outputs)
        .map((expression, o) => ({
          operand: {
            address: address + o * 256 * 8,
            element: (['f32', 'i32'] as const)[o]!,
            strides: [stride, 1],
          },
          expression,
        })),
      fresh: true,
    })
}
const plans: Readonly<Record<string, Plan>> = {
  softmax: ({ x }, shape, output) => planSoftmax({ ...shape, logarithm: false, x, output }),
  'log softmax': ({ x }, shape, output) => planSoftmax({ ...shape, logarithm: true, x, output }),
  'softmax, backward': softmaxBackward(false),
  'log softmax, backward': softmaxBackward(true),
  norm: ({ x, weight, bias, statistics }, shape, output) =>
    planNorm({
      ...shape,
      centered: true,
      onePlus: false,
      x,
      output,
      weight,
      bias,
      statistics,
      epsilon: 1e-5,
    }),
  'norm, backward': ({ x, y, weight, bias, statistics }, shape, xGradient, arena) =>
    planNormBackward({
      ...shape,
      centered: true,
      onePlus: false,
      x,
      gradient: y,
      weight,
      statistics,
      xGradient,
      biasGradient: bias,
      floatBytes: arena.floatBytes,
      allocate: () => 65536,
    }),
  'cross-entropy, backward': ({ x, statistics, weight, targets }, shape, logitsGradient) =>
    planCrossEntropyBackward({
      ...shape,
      logits: x,
      targets,
      ignore: -100,
      smoothing: 0.1,
      statistics,
      gradient: weight,
      byRow: false,
      factor: 0.5,
      logitsGradient,
    }),
  map: map(1),
  'map along one axis': ({ x, y }, { rows, width }, { address }) =>
    planMap({
      space: { sizes: [rows * width], names: ['width'] },
      inputs: [x, y].map((operand) => ({ address: operand.address, element: 'f32', strides: [1] })),
      outputs: [
        {
          operand: { address, element: 'f32', strides: [1] },
          expression: input(0).add(input(1)),
        },
      ],
      fresh: true,
    }),
}
const widths = [2, 16, 37, 48, 1003]
const rows = 5

function operandsOf(arena: Arena, width: number, stride: number): Operands {
  const next = numbersFrom(7)
  const drawn = (count: number): number =>
    arena.floats(Array.from({ length: count }, () => Math.fround(2 * next() - 1)))
  return {
    x: { address: drawn(rows * stride), stride },
    y: { address: drawn(rows * stride), stride },
    weight: drawn(width),
    bias: drawn(width),
    statistics: drawn(3 * rows),
    targets: arena.integers([0, width - 1, -100, width >> 1, 0]),
  }
}

describe.each(Object.entries(targets))('%s', (_, target) => {
  test.each(Object.entries(plans))('%s: the same bits past the caches as in them', (name, plan) => {
    const arena = new Arena(target, 1 << 23)
    for (const width of name.startsWith('cross') ? [2 ** 14, 2 ** 14 + 3] : widths) {
      arena.reset()
      arena.grain = 2
      const stride = 16 * Math.ceil(width / 16)
      const found = [false, true].map((past) => {
        const operands = operandsOf(arena, width, stride)
        const output = { address: arena.allocate(rows * stride * arena.floatBytes), stride }
        const [small] = plan(operands, { rows, width }, output, arena)
        // A kernel is the same for any number of rows: here the one that many would get, on a few.
        const [large] = plan(operands, { rows: Math.ceil(least / width), width }, output, arena)
        expect(large!.kernel.name).toBe(small!.kernel.name + pastCachesName)
        const scratchBytes = large!.scratchBytes ?? 0
        arena.run([past ? { ...small!, kernel: large!.kernel, scratchBytes } : small!])
        return arena.read(output.address, rows * stride)
      })
      expect(found[1]).toEqual(found[0])
    }
  })

  test('several results of one pass, integers too', () => {
    const arena = new Arena(target)
    const found = [false, true].map((past) => {
      const operands = operandsOf(arena, 37, 48)
      const output = { address: arena.allocate(4096), stride: 48 }
      const [small] = map(2)(operands, { rows, width: 37 }, output, arena)
      const [large] = map(2)(operands, { rows: 2 ** 18, width: 37 }, output, arena)
      arena.run([past ? { ...small!, kernel: large!.kernel } : small!])
      const { machine } = target
      const stores = printProgram(assemble(large!.kernel, machine)).match(/store .32 past the caches/g) ?? []
      expect(stores.length > 1).toBe(machine.name === 'x64')
      return arena.readIntegers(output.address, 1024)
    })
    expect(found[1]).toEqual(found[0])
  })
})

test('elementwise results stay in the caches where they are not fresh, or vectors not aligned', () => {
  const name = (fresh: boolean, address: number, size: number, strides: readonly number[]): string =>
    planMap({
      space: { sizes: [size, 48], names: ['row', 'width'] },
      inputs: [{ address: 4096, element: 'f32', strides: [64, 1] }],
      outputs: [{ operand: { address, element: 'f32', strides }, expression: input(0) }],
      fresh,
    })[0]!.kernel.name
  expect(name(true, 8192, 2 ** 18, [48, 1])).toContain(pastCachesName)
  expect(name(false, 8192, 2 ** 18, [48, 1])).not.toContain(pastCachesName)
  expect(name(true, 8196, 2 ** 18, [48, 1])).not.toContain(pastCachesName)
  expect(name(true, 8192, 2 ** 18, [52, 1])).not.toContain(pastCachesName)
  expect(name(true, 8192, 2 ** 18, [96, 2])).not.toContain(pastCachesName)
  expect(name(true, 8192, 2 ** 10, [48, 1])).not.toContain(pastCachesName)
})
