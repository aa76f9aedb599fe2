import { type BlockFormat, blockSize } from '../../kernels/index.js'
import { fillUniform, randomKey } from '../../base/index.js'

/** Where blocks have numbers in f16, by their bytes. */
const halvesAt: Readonly<Partial<Record<BlockFormat, readonly number[]>>> = {
  F16: [0],
  BF16: [],
  Q4_1: [0, 2],
  Q5_1: [0, 2],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
}

/**
 * Blocks of a format with random bytes, of which those that are floats stand for small numbers of any sign.
 */
export function randomBlocks(format: BlockFormat, numbers: number, seed: number): Uint8Array {
  const drawn = new Float32Array(2 * numbers)
  fillUniform(randomKey(seed), drawn)
  let place = 0
  const next = (): number => drawn[place++ % drawn.length]!
  const { weights, bytes } = blockSize(format)
  const blocks = Uint8Array.from({ length: (numbers / weights) * bytes }, () => Math.floor(next() * 256))
  const view = new DataView(blocks.buffer)
  for (let start = 0; start < blocks.length; start += bytes) {
    if (format === 'BF16')
      view.setUint16(start, Math.floor(next() * 2) * 0x8000 + 0x3c00 + next() * 0x400, true)
    for (const at of halvesAt[format] ?? [0])
      // From 2⁻⁷ to 1; now and then a subnormal one.
      view.setUint16(
        start + at,
        Math.floor(next() * 2) * 0x8000 + (next() < 0.05 ? next() * 0x400 : 0x2000 + next() * 0x1c00),
        true,
      )
  }
  return blocks
}
