import type { Block, Instruction, Program } from './ir.js'

/**
 * How often each result is used by instructions that count: those with an effect, and those whose result is
 * used.
 */
export function countUses(program: Program): Uint32Array {
  const uses = new Uint32Array(program.types.length)
  countBlock(program.body, uses)
  countBlock(program.prologue, uses)
  return uses
}

/** Backwards: uses come after what they use. */
function countBlock(block: Block, uses: Uint32Array): void {
  for (let i = block.length - 1; i >= 0; i--) {
    const instruction = block[i]!
    if (instruction.op === 'loop') countBlock(instruction.body, uses)
    if (instruction.op === 'while') {
      countBlock(instruction.body, uses)
      uses[instruction.test]!++
      countBlock(instruction.condition, uses)
      continue
    }
    if (instruction.op === 'if') {
      countBlock(instruction.otherwise, uses)
      countBlock(instruction.then, uses)
    }
    if ('result' in instruction && uses[instruction.result] === 0) continue
    for (const id of operands(instruction)) uses[id]!++
  }
}

function operands(instruction: Instruction): readonly number[] {
  switch (instruction.op) {
    case 'constant':
    case 'parameter':
    case 'scratch':
    case 'laneIndex':
    case 'read':
      return []
    case 'binary':
    case 'compare':
    case 'shuffle':
      return [instruction.a, instruction.b]
    case 'unary':
    case 'math':
    case 'convert':
    case 'reduce':
      return [instruction.a]
    case 'fma':
    case 'dot':
      return [instruction.a, instruction.b, instruction.c]
    case 'select':
      return [instruction.condition, instruction.a, instruction.b]
    case 'load':
      return [instruction.address, ...optional(instruction.mask)]
    case 'gather':
      return [instruction.address, instruction.indices, ...optional(instruction.mask)]
    case 'store':
      return [instruction.value, instruction.address, ...optional(instruction.mask)]
    case 'prefetch':
      return [instruction.address]
    case 'declare':
    case 'assign':
      return [instruction.value]
    case 'loop':
      return [instruction.start, instruction.end, instruction.step]
    case 'while':
    case 'if':
      return [instruction.test]
  }
}

function optional(id: number | undefined): readonly number[] {
  return id === undefined ? [] : [id]
}
