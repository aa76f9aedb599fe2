import type { Memory, Register } from './operand.js'
import type { Lowering } from './lowering.js'
import type { Of } from './value.js'

/**
 * Sums of products of narrow elements: one instruction that adds to its first operand, or a product and an
 * addition.
 */
export function lowerDot({ name, result, a, b, c }: Of<'dot'>, lowering: Lowering): void {
  const { code } = lowering
  const type = lowering.type(result)
  if (name === 'shorts' || name === 'sevenBits') {
    // They broadcast no element from memory, as the others do.
    const [x, y] = [lowering.register(a), lowering.register(b)]
    const product = lowering.temporary('ivector')
    if (name === 'shorts') code.emit('vpmaddwd', product, x, y)
    else {
      // No sum of two products has more than 15 bits and a sign, so that none is cut.
      const pairs = lowering.temporary('ivector')
      code.emit('vpmaddubsw', pairs, x, y)
      code.emit('vpmaddwd', product, pairs, shortOnes(lowering))
    }
    const sum = lowering.source(c)
    const to = lowering.operand(type, lowering.target(result))
    code.emit('vpaddd', to, product, sum)
    return lowering.define(result, to.number)
  }
  const taken = lowering.take(c)
  const left: Register = lowering.register(a)
  const right = lowering.source(b)
  const others = [left.number, ...(right.kind === 'register' ? [right.number] : [])]
  const to = lowering.changeable(result, taken, others)
  const vex = lowering.masks ? '' : '{vex} '
  code.emit(name === 'bytes' ? `${vex}vpdpbusd` : 'vdpbf16ps', lowering.operand(type, to), left, right)
  lowering.define(result, to)
}

/** 1 in each lane of 16 bits. */
function shortOnes(lowering: Lowering): Memory | Register {
  const ones = 0x10001
  if (!lowering.masks) return lowering.constantOperand('ivector', ones)
  return { kind: 'memory', constant: lowering.pool(Array.from({ length: 16 }, () => ones)) }
}
