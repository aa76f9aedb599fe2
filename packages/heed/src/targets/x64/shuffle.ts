import { immediate } from './code.js'
import type { Lowering } from './lowering.js'
import type { Of } from './value.js'

const withinGroups = {
  low: 'vunpcklps',
  high: 'vunpckhps',
  lowPairs: 'vunpcklpd',
  highPairs: 'vunpckhpd',
} as const
/**
 * Which groups of the first and of the second: two bits each among four of them, four bits each among two.
 */
const groups = {
  evenGroups: { vshuff32x4: 0b10_00_10_00, vperm2f128: 0x20 },
  oddGroups: { vshuff32x4: 0b11_01_11_01, vperm2f128: 0x31 },
} as const

export function lowerShuffle({ name, result, a, b }: Of<'shuffle'>, lowering: Lowering): void {
  const { code } = lowering
  const [x, y] = [lowering.register(a), lowering.register(b)]
  const to = lowering.operand(lowering.type(result), lowering.target(result))
  if (name === 'evenGroups' || name === 'oddGroups') {
    const opcode = lowering.width === 512 ? 'vshuff32x4' : 'vperm2f128'
    code.emit(opcode, to, x, y, immediate(groups[name][opcode]))
  } else code.emit(withinGroups[name], to, x, y)
  lowering.define(result, to.number)
}
