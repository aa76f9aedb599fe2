import type { Block, Instruction } from '../../kernels/index.js'

/** The blocks inside an instruction. */
export function blocksOf(instruction: Instruction): readonly Block[] {
  switch (instruction.op) {
    case 'loop':
      return [instruction.body]
    case 'while':
      return [instruction.condition, instruction.body]
    case 'if':
      return [instruction.then, instruction.otherwise]
    default:
      return []
  }
}

export function hasLoop(block: Block): boolean {
  return block.some(
    (instruction) =>
      instruction.op === 'loop' || instruction.op === 'while' || blocksOf(instruction).some(hasLoop),
  )
}
