import type { Builder, Float, Int, Kernel, ParameterType, Pointer } from '../language/index.js'
import { kernel } from '../language/index.js'
import { packings, type PackedFormat, packedShape } from './format.js'
import { byteOf, quadFrom, quadsOf } from './quads.js'
import { scalesAt } from './scales.js'

const kernels = new Map<string, UnpackKernel>()

/**
 * Columns of packed weights as rows of f32, each the one that its number in `columns` says. They are trusted.
 * A task is one row.
 */
export function unpackKernel(format: PackedFormat): UnpackKernel {
  let known = kernels.get(format)
  if (known === undefined) kernels.set(format, (known = write(format)))
  return known
}

const parameters = {
  w: 'i32*',
  scales: 'u16*',
  factors: 'u8*',
  columns: 'i32*',
  target: 'f32*',
  depth: 'i32',
  words: 'i32',
  groups: 'i32',
  /** Scales of a column. */
  scaleCount: 'i32',
} as const
export type UnpackKernel = Kernel<Readonly<Record<keyof typeof parameters, ParameterType>>>

function write(format: PackedFormat): UnpackKernel {
  const packing = packings[format]
  return kernel(`unpack-${format}`, parameters, (k, p, row) => {
    const { lanes } = k
    const column = k.loadScalar(p.columns.at(row))
    const panel = column.div(lanes)
    const lane = column.sub(panel.mul(lanes))
    const to = p.target.at(row.mul(p.depth))
    const first = panel.mul(p.words.mul(lanes)).add(lane)
    if (packing.float) {
      unpackFloats(k, packing.float, p.w, first, to, p.depth)
      return
    }
    const from = p.w.at(first)
    const { groupWords } = packedShape(format, k.machine, 1, 1)
    const { count, parts } = quadsOf(packing)
    const scale = scalesAt(k, packing, p, panel, lane)
    /** Formats of heed's own end anywhere. */
    const guarded = format === 'int8' || format === 'int4'
    const unit = 4 * count
    k.loop(0, packing.group === 'column' ? p.words : p.groups, 1, (group) => {
      const words = from.at(group.mul(groupWords * lanes))
      const high =
        packing.bits === 5 || packing.bits === 6 ? k.loadScalar(words.at((count / 2) * lanes)) : undefined
      const { factor, minimum } = scale(packing.group === 'column' ? k.int(0) : group)
      for (let word = 0; word < count / parts; word++) {
        const base = k.loadScalar(words.at(word * lanes))
        for (let part = 0; part < parts; part++) {
          const quad = quadFrom(packing, base, high, word, part)
          const start = 4 * (word + (part * count) / parts)
          for (let place = 0; place < 4; place++) {
            const value = byteOf(quad, place, packing.zero).mul(factor)
            const index = group.mul(unit)
            const store = (): void =>
              k.store(to.at(index).at(start + place), minimum ? value.add(minimum) : value)
            if (guarded) k.if(index.add(start + place).lt(p.depth), store)
            else store()
          }
        }
      }
    })
  })
}

function unpackFloats(
  k: Builder,
  type: 'bf16' | 'f16',
  words: Pointer<'i32'>,
  first: Int,
  to: Pointer<'f32'>,
  depth: Int,
): void {
  if (type === 'f16') {
    const from = words.as('f16').at(first)
    k.loop(0, depth, 1, (i) => k.store(to.at(i), k.loadScalar(from.at(i.mul(k.lanes)))))
    return
  }
  const from = words.at(first)
  const lower = (word: Int): Float => word.shl(16).fromBits()
  const whole = depth.ushr(1)
  k.loop(0, whole, 1, (i) => {
    const word = k.loadScalar(from.at(i.mul(k.lanes)))
    k.store(to.at(i.mul(2)), lower(word))
    k.store(to.at(i.mul(2)).at(1), word.and(-0x10000).fromBits())
  })
  k.if(whole.mul(2).lt(depth), () =>
    k.store(to.at(whole.mul(2)), lower(k.loadScalar(from.at(whole.mul(k.lanes))))),
  )
}
