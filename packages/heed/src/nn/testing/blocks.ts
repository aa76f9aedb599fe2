import fc from 'fast-check'
import { expect } from 'vitest'
import { randomKey } from '../../base/index.js'
import { normal, scope, withDevice } from '../../tensor/index.js'
import {
  alibi,
  alibiSlopes,
  type Block,
  type BlockOptions,
  type BlockShape,
  createBlock,
  rotaryTable,
  type Sequence,
  slidingWindow,
  softCap,
} from '../index.js'
import { referenceDevices } from './reference.js'

/** A block of random sizes with random options. */
export interface Drawn {
  /** Which of the reference devices. */
  readonly device: number
  readonly shape: BlockShape
  readonly options: BlockOptions
  readonly batch: number
  readonly positions: number
  readonly seed: number
}

/** Positions that a drawn rotary table has. */
export const longest = 12

/** Blocks of random sizes with random options. */
export const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    device: fc.nat(referenceDevices.length - 1),
    keyValueHeads: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 2 }),
    headWidth: fc.constantFrom(2, 4, 6, 10),
    valueWidth: fc.constantFrom(undefined, 3),
    bias: fc.boolean(),
    gated: fc.boolean(),
    headNorm: fc.boolean(),
    arrangement: fc.constantFrom('pre' as const, 'post' as const),
    kind: fc.constantFrom('layer' as const, 'rms' as const),
    order: fc.constantFrom('none', 'rotary', 'interleaved', 'alibi', 'window', 'cap'),
    batch: fc.integer({ min: 1, max: 3 }),
    positions: fc.integer({ min: 1, max: longest }),
    seed: fc.nat(1e6),
  })
  .map(({ device, keyValueHeads, group, headWidth, arrangement, kind, order, ...rest }) => ({
    device,
    batch: rest.batch,
    positions: rest.positions,
    seed: rest.seed,
    shape: {
      width: 8,
      hidden: 11,
      heads: keyValueHeads * group,
      keyValueHeads,
      headWidth,
      valueWidth: rest.valueWidth,
      bias: rest.bias,
      gated: rest.gated,
      headNorm: rest.headNorm,
    },
    options: {
      arrangement,
      norm: { kind },
      attention: attentionOf(device, order, headWidth, keyValueHeads * group),
    },
  }))

function attentionOf(
  device: number,
  order: string,
  width: number,
  heads: number,
): NonNullable<BlockOptions['attention']> {
  return withDevice(referenceDevices[device]!, () => {
    if (order === 'rotary') return { rotary: rotaryTable(longest, { width }) }
    if (order === 'interleaved') return { rotary: rotaryTable(longest, { width, pairs: 'interleaved' }) }
    if (order === 'alibi') return { score: alibi(alibiSlopes(heads)) }
    if (order === 'window') return { mask: slidingWindow(3) }
    return order === 'cap' ? { score: softCap(2) } : {}
  })
}

export function on<T>(device: number, work: () => T): T {
  return withDevice(referenceDevices[device]!, () => scope(work))
}

export function sequence(seed: number, batch: number, position: number): Sequence {
  return normal(randomKey(seed, 'x'), { batch, position, width: 8 })
}

/** The parameters of a drawn block. */
export function block({ seed, shape }: Drawn): Block {
  return createBlock(randomKey(seed), { ...shape, initializer: (key, size) => normal(key, size, 0.5) })
}

export const order = ['batch', 'position', 'width'] as const
/** Equal but for rounding, in f64 or f32. */
export function expectEqual({ device }: Drawn, found: Sequence, expected: Sequence): void {
  const tolerance = referenceDevices[device]!.floatBytes === 8 ? 1e-11 : 2e-5
  const [a, b] = [found.values(order), expected.values(order)]
  expect(a.length).toBe(b.length)
  a.forEach((value, i) => {
    if (!(Math.abs(value - b[i]!) <= tolerance * (1 + Math.abs(b[i]!))))
      throw new Error(`element ${i} is ${value}, not ${b[i]}`)
  })
}
