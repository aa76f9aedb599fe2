import type { Float, Int, Kernel, ParameterType, Pointer } from '../language/index.js'
import { kernel } from '../language/index.js'
import { bitOf, groupDepth, multiplicationFor, perWord, type WeightFormat, zeroOf } from './format.js'

const kernels = new Map<string, UnpackKernel>()

/**
 * Columns of packed weights as rows of f32, each the one that its number in `columns` says. They are trusted.
 * A task is one row.
 */
export function unpackKernel(format: WeightFormat): UnpackKernel {
  let known = kernels.get(format)
  if (known === undefined) kernels.set(format, (known = write(`unpack-${format}`, format)))
  return known
}

const parameters = {
  w: 'i32*',
  scales: 'u16*',
  columns: 'i32*',
  target: 'f32*',
  depth: 'i32',
  words: 'i32',
  groups: 'i32',
} as const
export type UnpackKernel = Kernel<Readonly<Record<keyof typeof parameters, ParameterType>>>

function write(name: string, format: WeightFormat): UnpackKernel {
  const count = perWord[format]
  const bits = 32 / count
  const declared = { ...parameters, scales: format === 'int8' ? 'f32*' : 'u16*' } as const
  return kernel(name, declared, (k, p, row) => {
    const column = k.loadScalar(p.columns.at(row))
    const panel = column.div(k.lanes)
    const lane = column.sub(panel.mul(k.lanes))
    const from = p.w.at(panel.mul(p.words.mul(k.lanes))).at(lane)
    const to = p.target.at(row.mul(p.depth))
    const how = multiplicationFor(format, k.machine)
    const element = (word: Int, j: number): Float => {
      const whole = word.ushr(bitOf(format, how, j)).and(2 ** bits - 1)
      return format === 'bf16' ? whole.shl(16).fromBits() : whole.sub(zeroOf[format]).toFloat()
    }
    const columnScale = format === 'int8' ? k.loadScalar((p.scales as Pointer<'f32'>).at(column)) : k.float(1)
    const groupScales = (p.scales as Pointer)
      .as('bf16')
      .at(panel.mul(p.groups.mul(k.lanes)))
      .at(lane)
    const whole = p.depth.div(count)
    const write = (index: Int, word: Int, end?: Int): void => {
      const scale =
        format === 'int4'
          ? k.loadScalar(groupScales.at(index.div(groupDepth / count).mul(k.lanes)))
          : columnScale
      for (let j = 0; j < count; j++) {
        const store = (): void =>
          k.store(
            to.at(index.mul(count)).at(j),
            format === 'bf16' ? element(word, j) : element(word, j).mul(scale),
          )
        if (end === undefined) store()
        else k.if(index.mul(count).add(j).lt(end), store)
      }
    }
    k.loop(0, whole, 1, (index) => write(index, k.loadScalar(from.at(index.mul(k.lanes)))))
    k.if(whole.mul(count).lt(p.depth), () => write(whole, k.loadScalar(from.at(whole.mul(k.lanes))), p.depth))
  })
}
