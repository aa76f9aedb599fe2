import type { Builder, Int, Kernel, ParameterType, Pointer } from '../language/index.js'
import { kernel } from '../language/index.js'
import { BlockReader, blockLayouts } from './block-layout.js'
import { type BlockFormat, packedShape, packings, scaleElement } from './format.js'
import { wordsFrom } from './quads.js'

const kernels = new Map<string, BlocksKernel>()

/**
 * Packs columns that lie one after the other in blocks, as GGUF files have them. A task is one panel; a panel
 * that is not full repeats the last column.
 */
export function blocksKernel(format: BlockFormat): BlocksKernel {
  let known = kernels.get(format)
  if (known === undefined) kernels.set(format, (known = write(format)))
  return known
}

const parameters = {
  source: 'u8*',
  words: 'i32*',
  scales: 'u16*',
  factors: 'u8*',
  columns: 'i32',
  /** Blocks of a column; of floats of 16 bits, these. */
  blocks: 'i32',
} as const
export type BlocksKernel = Kernel<Readonly<Record<keyof typeof parameters, ParameterType>>>
interface Operands {
  readonly source: Pointer<'u8'>
  readonly words: Pointer<'i32'>
  readonly scales: Pointer<'u16'>
  readonly factors: Pointer<'u8'>
  readonly columns: Int
  readonly blocks: Int
}

function write(format: BlockFormat): BlocksKernel {
  return kernel(`pack-blocks-${format}`, parameters, (k, p, panel) => {
    const first = panel.mul(k.lanes)
    const eachLane = (body: (lane: Int, column: Int) => void): void =>
      k.loop(0, k.lanes, 1, (lane) => body(lane, first.add(lane).min(p.columns.sub(1))))
    if (format === 'F16' || format === 'BF16') packFloats(k, format, p, panel, eachLane)
    else packBlocks(k, format, p, panel, eachLane)
  })
}

type EachLane = (body: (lane: Int, column: Int) => void) => void

/** f16 one by one, bf16 two to a word. */
function packFloats(k: Builder, format: 'F16' | 'BF16', p: Operands, panel: Int, eachLane: EachLane): void {
  const source = p.source.as('u16')
  eachLane((lane, column) => {
    const from = source.at(column.mul(p.blocks))
    const halves = panel.mul(p.blocks.mul(k.lanes)).add(lane)
    if (format === 'F16') {
      const to = p.words.as('u16').at(halves)
      k.loop(0, p.blocks, 1, (i) => k.store(to.at(i.mul(k.lanes)), k.loadScalar(from.at(i))))
      return
    }
    const words = p.blocks.add(1).ushr(1)
    const to = p.words.at(panel.mul(words.mul(k.lanes)).add(lane))
    const whole = p.blocks.ushr(1)
    const pair = from.as('u16')
    k.loop(0, whole, 1, (i) => {
      const low = k.loadScalar(pair.at(i.mul(2)))
      k.store(to.at(i.mul(k.lanes)), low.or(k.loadScalar(pair.at(i.mul(2)).at(1)).shl(16)))
    })
    k.if(whole.lt(words), () => k.store(to.at(whole.mul(k.lanes)), k.loadScalar(pair.at(whole.mul(2)))))
  })
}

function packBlocks(
  k: Builder,
  format: Exclude<BlockFormat, 'F16' | 'BF16'>,
  p: Operands,
  panel: Int,
  eachLane: EachLane,
): void {
  const packing = packings[format]
  const layout = blockLayouts[format]
  const { lanes } = k
  const { groupWords, groups } = packedShape(format, k.machine, 1, layout.weights)
  const kinds = packing.minimum ? 2 : 1
  const words = p.words.at(panel.mul(p.blocks.mul(groups * groupWords * lanes)))
  const halves = scaleElement(packing, k.machine) === 'f16'
  const scalePlace = panel.mul(p.blocks).mul(kinds * lanes)
  const factors = p.factors.at(panel.mul(p.blocks.mul(groups * kinds * lanes)))
  k.loop(0, p.blocks, 1, (index) =>
    eachLane((lane, column) => {
      const block = new BlockReader(k, p.source.at(column.mul(p.blocks).add(index).mul(layout.bytes)))
      const to = words.at(index.mul(groups * groupWords * lanes).add(lane))
      for (let group = 0; group < groups; group++) {
        const quads = Array.from({ length: layout.weights / groups / 4 }, (_, q) =>
          layout.quad(block, group, q),
        )
        wordsFrom(packing, quads).forEach((word, w) => k.store(to.at((group * groupWords + w) * lanes), word))
      }
      const scales = scalePlace.add(index.mul(kinds * lanes).add(lane))
      const place = (offset: number, kind: number, negative: boolean): void => {
        if (halves) {
          const bits = block.half(offset)
          k.store(p.scales.at(scales).at(kind * lanes), negative ? bits.xor(0x8000) : bits)
        } else {
          const value = block.float(offset)
          k.store(
            p.scales
              .as('f32')
              .at(scales)
              .at(kind * lanes),
            negative ? value.neg() : value,
          )
        }
      }
      place(layout.scaleAt, 0, false)
      if (layout.minimumAt !== undefined) place(layout.minimumAt, 1, layout.minimumNegative === true)
      if (layout.factor === undefined) return
      const factorsTo = factors.at(index.mul(groups * kinds * lanes).add(lane))
      for (let group = 0; group < groups; group++) {
        k.store(factorsTo.at(group * kinds * lanes), layout.factor(block, group))
        if (layout.minimumFactor)
          k.store(factorsTo.at((group * kinds + 1) * lanes), layout.minimumFactor(block, group))
      }
    }),
  )
}
