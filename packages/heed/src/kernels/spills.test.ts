import { describe, expect, test } from 'vitest'
import { nativeCode, x64Target } from '../targets/index.js'
import { compile } from '../targets/x64/compile.js'
import { assemble, type Kernel, type Launch, type Machine } from './index.js'
import { type MatmulAxis, type MatmulRequest, planMatmul } from './matmul/index.js'
import {
  type BlockFormat,
  blockFormats,
  planPackBlocks,
  planPackWeights,
  planQuantizedProduct,
  planUnpackColumns,
  weightFormats,
} from './quantized/index.js'
import { Arena } from './testing/arena.js'
import { runBackward, runForward } from './testing/attention.js'
import { randomAttention, variantNames } from './testing/variants.js'

const allocate = (): number => 65536

/** The kernels that plans name, each once. */
function kernelsOf(launches: Iterable<Launch>): Map<string, Kernel> {
  return new Map(Array.from(launches, ({ kernel }) => [kernel.name, kernel]))
}

/** Epilogues, the least and the most that there is. */
const epilogues = [
  {},
  { scale: 0.5, bias: 65536, activation: 'gelu', residual: 65536 },
] as const satisfies readonly Partial<MatmulRequest>[]

/** Products of all sizes of tile that the planner has, with each operand as it lies and transposed. */
function* products(machine: Machine): Generator<Launch> {
  const axis = (size: number, strides: Partial<MatmulAxis>): MatmulAxis => ({
    size,
    a: 0,
    b: 0,
    c: 0,
    ...strides,
  })
  for (const m of [...Array.from({ length: 17 }, (_, i) => i + 1), 24, 100, 500, 1000])
    for (const n of [1, 16, 32, 40, 48, 64, 96, 192, 3072])
      for (const k of [48, 4096])
        for (const turned of [0, 1, 2, 3])
          for (const epilogue of epilogues) {
            const [aTurned, bTurned] = [(turned & 1) === 1, (turned & 2) === 2]
            yield* planMatmul({
              machine,
              a: 65536,
              b: 65536,
              c: 65536,
              batch: [],
              m: [axis(m, { a: aTurned ? 1 : k, c: n, residual: n })],
              n: [axis(n, { b: bTurned ? k : 1, c: 1, bias: 1, residual: 1 })],
              k: [axis(k, { a: aTurned ? m : 1, b: bTurned ? 1 : n })],
              allocate,
              ...epilogue,
            })
          }
}

function* quantized(machine: Machine): Generator<Launch> {
  const columns = 200
  for (const format of [...weightFormats, ...blockFormats]) {
    const own = weightFormats.find((each) => each === format)
    const depth = own ? 300 : 512
    const weights = { machine, format, address: 65536, columns, depth }
    if (own) {
      yield* planPackWeights({ ...weights, format: own }, 65536, 1, depth)
      yield* planPackWeights({ ...weights, format: own }, 65536, columns, 1)
    } else yield* planPackBlocks({ ...weights, format: format as BlockFormat }, 65536, 0, columns)
    yield* planUnpackColumns(weights, 65536, 3, 65536)
    for (const m of [...Array.from({ length: 17 }, (_, i) => i + 1), 100])
      for (const { scale, bias, activation, residual } of [
        {},
        {
          scale: 0.5,
          bias: { address: 65536, row: 0, column: 1 },
          activation: 'gelu',
          residual: { address: 65536, row: columns, column: 1 },
        },
      ] as const satisfies readonly Partial<Parameters<typeof planQuantizedProduct>[0]>[])
        yield* planQuantizedProduct(
          {
            weights,
            a: 65536,
            aRow: depth,
            m,
            c: 65536,
            cRow: columns,
            ...(scale !== undefined && { scale }),
            ...(bias && { bias }),
            ...(activation && { activation }),
            ...(residual && { residual }),
          },
          allocate,
        )
  }
}

/** Notes what it would run. */
class NotingArena extends Arena {
  readonly launches: Launch[] = []

  override run(launches: readonly Launch[]): void {
    this.launches.push(...launches)
  }
}

/** Scores and functions on the filter that need more beside the products than 16 registers have. */
const wide = [
  'alibi',
  'temperature',
  'two readings',
  'gain of heads and keys',
  'sharpened filter',
  'filter above a bound',
]

/**
 * Heads over key/value heads, queries and keys: one row, a few, many, of one head and of groups, and keys in
 * parts.
 */
const attentionSizes = [
  [2, 2, 1, 70],
  [2, 2, 4, 70],
  [2, 2, 70, 70],
  [2, 1, 1, 70],
  [3, 1, 1, 70],
  [4, 1, 1, 70],
  [5, 1, 1, 70],
  [6, 1, 1, 70],
  [7, 1, 1, 70],
  [8, 1, 1, 70],
  [1, 1, 1, 2100],
] as const

/** The scores and masks that the tests of attention have. */
function attentions(machine: Machine): readonly Launch[] {
  const refuse = (): never => {
    throw new Error('nothing runs here')
  }
  const arena = new NotingArena({ machine, emit: refuse, load: refuse }, 1 << 24)
  for (const name of variantNames.filter((name) => machine.registers >= 32 || !wide.includes(name)))
    for (const [heads, kvHeads, queries, keys] of attentionSizes) {
      const sizes = { batch: 1, heads, kvHeads, queries, keys }
      for (const width of queries === 1 ? [64, 20] : [64]) {
        const { definition, inputs, upstream, slots } = randomAttention(name, sizes, width, width, 1)
        runForward(arena, definition, sizes, inputs)
        // The forward pass without statistics, too.
        runBackward(arena, definition, sizes, inputs, upstream, slots)
      }
    }
  return arena.launches
}

const native = nativeCode()

/** Sums that a loop takes to the stack and back cost more than the arithmetic. */
describe.runIf(typeof native !== 'string').each([256, 512] as const)(
  '%i bits: no vector of an innermost loop is on the stack',
  (width) => {
    const machine = typeof native === 'string' ? undefined! : x64Target({ width }).machine
    const dots: readonly Machine['dots'][] = [
      new Set(),
      new Set(['bytes']),
      ...(width === 512 ? [new Set(['bytes', 'halves'] as const)] : []),
    ]
    const spilled = (plans: Iterable<Launch>, on: Machine = machine): readonly string[] => {
      const kernels = kernelsOf(plans)
      expect(kernels.size).toBeGreaterThan(10)
      return [...kernels.values()].flatMap((kernel) => {
        const { spilledInside } = compile(assemble(kernel, on), width, 'systemv')
        return spilledInside === 0 ? [] : [`${kernel.name}: ${spilledInside}`]
      })
    }
    test('products', () => expect(spilled(products(machine))).toEqual([]))
    // Every form is compiled, which takes long where others compute as well.
    test('attention', () => expect(spilled(attentions(machine))).toEqual([]), 120_000)
    test.each(dots.map((each) => [[...each].join(', ') || 'nothing', each] as const))(
      'quantized products, of dots that are instructions %s',
      (_, each) =>
        expect(spilled(quantized({ ...machine, dots: each }), { ...machine, dots: each })).toEqual([]),
    )
  },
)
