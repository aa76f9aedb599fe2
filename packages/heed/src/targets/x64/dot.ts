import type { Register } from './operand.js'
import type { Lowering } from './lowering.js'
import type { Of } from './value.js'

/**
 * Sums of products of narrow elements: one instruction that adds to its first operand, or a product and an
 * addition.
 */
export function lowerDot({ name, result, a, b, c }: Of<'dot'>, lowering: Lowering): void {
  const { code } = lowering
  const type = lowering.type(result)
  if (name === 'shorts') {
    // It broadcasts no element from memory, as the others do.
    const [x, y] = [lowering.register(a), lowering.register(b)]
    const product = lowering.temporary('ivector')
    code.emit('vpmaddwd', product, x, y)
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
