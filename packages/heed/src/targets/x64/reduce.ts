import { general, immediate, vector } from './code.js'
import type { Lowering } from './lowering.js'
import type { Of } from './value.js'

const combining = {
  sum: { vector: 'vaddps', ivector: 'vpaddd' },
  least: { vector: 'vminps', ivector: 'vpminsd' },
  largest: { vector: 'vmaxps', ivector: 'vpmaxsd' },
} as const

/** Halves combined until one lane is left, as in every target: lane i + n / 2 with lane i. */
export function lowerReduce({ name, result, a }: Of<'reduce'>, lowering: Lowering): void {
  if (name === 'any' || name === 'all') return reduceMask(name, result, a, lowering)
  const { code } = lowering
  const type = lowering.type(a) as 'vector' | 'ivector'
  const opcode = combining[name][type]
  let whole = lowering.register(a).number
  for (let half: 128 | 256 = (lowering.width / 2) as 128 | 256; ; half = 128) {
    const [upper, sum] = [lowering.fresh(type), lowering.fresh(type)]
    const extract = half === 256 ? 'vextractf64x4' : lowering.masks ? 'vextractf32x4' : 'vextractf128'
    code.emit(extract, vector(upper, half), vector(whole, half === 256 ? 512 : 256), immediate(1))
    // The lower half is the first operand of ours, and the second of theirs: see `lowerVectorBinary`.
    code.emit(opcode, vector(sum, half), vector(upper, half), vector(whole, half))
    whole = sum
    if (half === 128) break
  }
  for (const move of ['vmovhlps', 'vmovshdup'] as const) {
    const [upper, sum] = [lowering.temporary(type).number, lowering.temporary(type).number]
    const from = vector(whole, 128)
    if (move === 'vmovhlps') code.emit(move, vector(upper, 128), from, from)
    else code.emit(move, vector(upper, 128), from)
    code.emit(opcode, vector(sum, 128), vector(upper, 128), from)
    whole = sum
  }
  if (type === 'vector') return lowering.define(result, whole)
  const to = lowering.target(result)
  code.emit('vmovd', general(to), vector(whole, 128))
  lowering.define(result, to)
}

function reduceMask(name: 'any' | 'all', result: number, a: number, lowering: Lowering): void {
  const { code } = lowering
  lowering.wait(result, {
    kind: 'condition',
    test: () => {
      const mask = lowering.register(a)
      if (lowering.masks) {
        code.emit('kortestw', mask, mask)
        return name === 'any' ? 'ne' : 'b'
      }
      const bits = general(lowering.fresh('i32'))
      code.emit('vmovmskps', bits, mask)
      if (name === 'any') {
        code.emit('test', bits, bits)
        return 'ne'
      }
      code.emit('cmp', bits, immediate(0xff))
      return 'e'
    },
  })
}
