import { anyMemory, type Form, kinds } from './forms.js'
import type { MachineInstruction, Operand, Register } from './operand.js'

const names64 = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi']
const names8 = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil']

export function generalName(number: number, width: number): string {
  if (number >= 8) return `r${number}${{ 8: 'b', 16: 'w', 32: 'd' }[width] ?? ''}`
  const name = names64[number] ?? `general${number}`
  return width === 64
    ? name
    : width === 32
      ? `e${name.slice(1)}`
      : width === 16
        ? name.slice(1)
        : names8[number]!
}

/** A register as Intel writes it: `eax`, `zmm31`, `k1`. */
export function registerName({ file, width, number }: Register): string {
  if (file === 'mask') return `k${number}`
  if (file === 'general') return generalName(number, width)
  return `${width === 128 ? 'x' : width === 256 ? 'y' : 'z'}mm${number}`
}

/** What a form takes: `xmm, xmm, xmm|m32`. */
export function describeForm(form: Form): string {
  const { mask } = form
  const text = form.operands.map(({ accepts, memory, element, least, most }) => {
    const choices: string[] = []
    for (const kind of ['r8', 'r16', 'r32', 'r64', 'xmm', 'ymm', 'zmm'] as const)
      if (accepts & kinds[kind]) choices.push(kind)
    if (accepts & kinds.mask) choices.push('k')
    if (accepts & kinds.cl) choices.push('cl')
    if (accepts & anyMemory) choices.push(memory === 0 ? 'memory' : `m${memory}`)
    if (accepts & kinds.broadcast) choices.push(`m${8 * element} to all lanes`)
    if (accepts & kinds.gatherX) choices.push('memory at xmm')
    if (accepts & kinds.gatherY) choices.push('memory at ymm')
    if (accepts & kinds.gatherZ) choices.push('memory at zmm')
    if (accepts & kinds.immediate) choices.push(least === most ? String(least) : `${least} … ${most}`)
    if (accepts & kinds.label) choices.push('label')
    return choices.join('|')
  })
  const list = text.length === 0 ? 'no operands' : text.join(', ')
  return mask === 'demanded' ? `${list} with a mask` : mask === 'taken' ? `${list} (or with a mask)` : list
}

/** The operands that were given, in the same words. */
export function describeOperands({ operands, mask }: MachineInstruction): string {
  const list = operands.length === 0 ? 'no operands' : operands.map(describeOperand).join(', ')
  return mask === undefined ? list : `${list} with mask k${mask}`
}
function describeOperand(operand: Operand): string {
  switch (operand.kind) {
    case 'register':
      return registerName(operand)
    case 'immediate':
      return String(operand.value)
    case 'label':
      return 'label'
    case 'memory':
      if (operand.vectorIndex !== undefined)
        return `memory at ${{ 128: 'x', 256: 'y', 512: 'z' }[operand.vectorIndex]}mm`
      if (operand.broadcast === true) return 'memory to all lanes'
      return operand.width === undefined ? 'memory' : `m${operand.width}`
  }
}
