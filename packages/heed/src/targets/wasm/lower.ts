import { TargetError } from '../../base/index.js'
import type { Block, Instruction, Program } from '../../kernels/index.js'
import {
  lowerBinary,
  lowerCompare,
  lowerConvert,
  lowerDot,
  lowerFma,
  lowerReduce,
  lowerSelect,
  lowerShuffle,
  lowerUnary,
} from './arithmetic.js'
import type { WasmOptions } from './lowering.js'
import { allLanes, floatBits, Lowering } from './lowering.js'
import { lowerGather, lowerLoad, lowerStore } from './memory.js'
import type { FunctionTree, Node } from './node.js'
import { branch, get, int, memory, node, set } from './node.js'

const [parameters, begin, end, scratch] = [0, 1, 2, 3]

/** Turns a program into the instructions of one WebAssembly function. */
export function lower(program: Program, options: WasmOptions): FunctionTree {
  const lowering = new Lowering(program, options)
  lowerBlock(program.prologue, lowering)
  lowering.settleAll()
  const body = lowering.block(() => {
    lowering.bind(program.task, begin)
    lowerBlock(program.body, lowering)
  })
  lowering.emit(branch(node('i32.lt_s', get(begin), get(end)), [countedLoop(begin, int(1), get(end), body)]))
  return lowering.finish()
}

function lowerBlock(block: Block, lowering: Lowering): void {
  for (const instruction of block) {
    if (!('result' in instruction) || lowering.isUsed(instruction.result))
      lowerInstruction(instruction, lowering)
  }
}

function lowerInstruction(instruction: Instruction, lowering: Lowering): void {
  switch (instruction.op) {
    case 'constant':
      return lowerConstant(instruction, lowering)
    case 'parameter': {
      const name = lowering.type(instruction.result) === 'f32' ? 'f32.load' : 'i32.load'
      return lowering.define(
        instruction.result,
        [memory(name, 2, instruction.index * 8, get(parameters))],
        [],
        true,
      )
    }
    case 'scratch':
      return lowering.define(instruction.result, [get(scratch)])
    case 'laneIndex': {
      const parts = Array.from({ length: lowering.parts }, (_, part) =>
        lowering.constant([0, 1, 2, 3].map((index) => part * 4 + index)),
      )
      return lowering.define(instruction.result, parts)
    }
    case 'binary':
      return lowerBinary(instruction, lowering)
    case 'unary':
      return lowerUnary(instruction, lowering)
    case 'compare':
      return lowerCompare(instruction, lowering)
    case 'convert':
      return lowerConvert(instruction, lowering)
    case 'reduce':
      return lowerReduce(instruction, lowering)
    case 'fma':
      return lowerFma(instruction, lowering)
    case 'dot':
      return lowerDot(instruction, lowering)
    case 'shuffle':
      return lowerShuffle(instruction, lowering)
    case 'select':
      return lowerSelect(instruction, lowering)
    case 'load':
      return lowerLoad(instruction, lowering)
    case 'gather':
      return lowerGather(instruction, lowering)
    case 'store':
      return lowerStore(instruction, lowering)
    case 'prefetch':
      return
    case 'declare':
      return lowering.declare(instruction.variable, lowering.use(instruction.value))
    case 'assign':
      return lowering.assign(instruction.variable, lowering.use(instruction.value))
    case 'read':
      return lowering.read(instruction.result, instruction.variable)
    case 'loop':
      return lowerLoop(instruction, lowering)
    case 'while':
      return lowerWhile(instruction, lowering)
    case 'if':
      return lowerIf(instruction, lowering)
    case 'math':
      throw new TargetError({
        operation: `wasm: kernel '${lowering.program.name}'`,
        expected: `${instruction.name} written out in arithmetic`,
        found: 'it as an instruction',
        hint: 'assemble the kernel for this target’s machine',
      })
  }
}

function lowerConstant(instruction: Instruction & { op: 'constant' }, lowering: Lowering): void {
  const { result, value } = instruction
  const type = lowering.type(result)
  if (!lowering.isVector(result)) {
    lowering.define(result, [
      type === 'f32' ? { name: 'f32.const', immediates: [value], operands: [] } : int(value),
    ])
    return
  }
  const bits = type === 'vector' ? floatBits(value) : type === 'mask' ? (value ? -1 : 0) : value | 0
  lowering.uniform.set(result, bits)
  const constant = lowering.constant(allLanes(bits))
  lowering.define(
    result,
    Array.from({ length: lowering.parts }, () => constant),
  )
}

/** do body while ((counter += step) < end). */
function countedLoop(counter: number, step: Node, last: Node, body: readonly Node[]): Node {
  const next: Node = {
    name: 'local.tee',
    immediates: [counter],
    operands: [node('i32.add', get(counter), step)],
  }
  return {
    name: 'loop',
    immediates: [],
    operands: [],
    body: [...body, { name: 'br_if', immediates: [0], operands: [node('i32.lt_s', next, last)] }],
  }
}

function lowerLoop(instruction: Instruction & { op: 'loop' }, lowering: Lowering): void {
  const start = lowering.repeat(instruction.start).parts[0]!
  const last = lowering.repeat(instruction.end).parts[0]!
  const step = lowering.repeat(instruction.step).parts[0]!
  lowering.settleAll()
  let counter = 0
  const body = lowering.block(() => {
    counter = lowering.counter(instruction.counter)
    lowerBlock(instruction.body, lowering)
  })
  const known = start.name === 'i32.const' && last.name === 'i32.const'
  if (known && start.immediates[0]! >= last.immediates[0]!) return
  const loop = [set(counter, start), countedLoop(counter, step, last, body)]
  if (known) loop.forEach((statement) => lowering.emit(statement))
  else lowering.emit(branch(node('i32.lt_s', start, last), loop))
}

function lowerWhile(instruction: Instruction & { op: 'while' }, lowering: Lowering): void {
  lowering.settleAll()
  const body = lowering.block(() => {
    lowerBlock(instruction.condition, lowering)
    const test = lowering.use(instruction.test).parts[0]!
    lowering.settleAll()
    const then = lowering.block(() => lowerBlock(instruction.body, lowering))
    lowering.emit(branch(test, [...then, { name: 'br', immediates: [1], operands: [] }]))
  })
  lowering.emit({ name: 'loop', immediates: [], operands: [], body })
}

function lowerIf(instruction: Instruction & { op: 'if' }, lowering: Lowering): void {
  const test = lowering.use(instruction.test).parts[0]!
  lowering.settleAll()
  const then = lowering.block(() => lowerBlock(instruction.then, lowering))
  const otherwise = lowering.block(() => lowerBlock(instruction.otherwise, lowering))
  lowering.emit(branch(test, then, otherwise))
}
