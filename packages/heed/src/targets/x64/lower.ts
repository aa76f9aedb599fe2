import { TargetError } from '../../base/index.js'
import type { Block, Instruction, Program } from '../../kernels/index.js'
import { hasLoop } from './blocks.js'
import { lowerConvert } from './convert.js'
import { general, immediate, opposite, vector } from './code.js'
import { lowerDot } from './dot.js'
import { lowerGather, lowerLoad, lowerStore } from './memory.js'
import { lowerReduce } from './reduce.js'
import { lowerBinary, lowerCompare, lowerSelect, lowerUnary } from './scalar.js'
import { heapBase, Lowering } from './lowering.js'
import { lowerShuffle } from './shuffle.js'
import { lowerFma } from './vector.js'

/** Where the calling form of `x64.ts` puts what a kernel is called with: esi, edx, ecx, r8d. */
const entry = { parameters: 6, begin: 2, end: 1, scratch: 8 } as const

/**
 * Turns a program into instructions over virtual registers. The arguments lie where `entry` says, the heap's
 * address in rdi.
 */
export function lower(program: Program, width: 256 | 512): Lowering {
  const lowering = new Lowering(program, width)
  const { code } = lowering
  const [parameters, task, end, scratch] = [0, 1, 2, 3].map(() => code.register('general'))
  code.emit('mov', general(parameters!), general(entry.parameters))
  code.emit('mov', general(task!), general(entry.begin))
  code.emit('mov', general(end!), general(entry.end))
  code.emit('mov', general(scratch!), general(entry.scratch))
  const start = new Start(parameters!, scratch!)
  lowerBlock(program.prologue, lowering, start)
  lowering.settle([program.body])
  const done = code.label()
  code.emit('cmp', general(task!), general(end!))
  code.emit('jge', done)
  inLoop(lowering, false, (head) => {
    lowering.bind(program.task, task!)
    lowerBlock(program.body, lowering, start)
    code.emit('add', general(task!), immediate(1))
    code.emit('cmp', general(task!), general(end!))
    code.emit('jl', head)
  })
  // Stores past the caches are seen by other threads in any order: what follows, such as the word that the
  // tasks are done, comes after them.
  if (lowering.storesPast) code.emit('sfence')
  code.place(done)
  return lowering
}

/** What a kernel is called with, in registers. */
class Start {
  readonly parameters: number
  readonly scratch: number
  constructor(parameters: number, scratch: number) {
    this.parameters = parameters
    this.scratch = scratch
  }
}

let loops = 0

/** Runs `write` for the inside of a loop, with the label of its head. */
function inLoop(
  lowering: Lowering,
  innermost: boolean,
  write: (head: ReturnType<Lowering['code']['label']>) => void,
): void {
  const { code, loop: outer } = lowering
  lowering.loop = ++loops
  const label = code.label()
  code.items.push({ marker: 'loop', label, innermost })
  write(label)
  code.items.push({ marker: 'end' })
  lowering.loop = outer
}

function lowerBlock(block: Block, lowering: Lowering, start: Start): void {
  for (let i = 0; i < block.length; i++) {
    const instruction = block[i]!
    if ('result' in instruction && !lowering.isUsed(instruction.result)) continue
    lowering.expect(instruction, block[i + 1])
    lowerInstruction(instruction, lowering, start)
  }
}

function lowerInstruction(instruction: Instruction, lowering: Lowering, start: Start): void {
  const { code } = lowering
  switch (instruction.op) {
    case 'constant':
      return lowering.defineConstant(instruction.result, instruction.value)
    case 'parameter': {
      const to = lowering.target(instruction.result)
      const type = lowering.type(instruction.result)
      code.emit(type === 'f32' ? 'vmovss' : 'mov', lowering.operand(type, to), {
        kind: 'memory',
        base: heapBase,
        index: start.parameters,
        scale: 1,
        displacement: 8 * instruction.index,
      })
      return lowering.define(instruction.result, to)
    }
    case 'scratch':
      return lowering.bind(instruction.result, start.scratch)
    case 'laneIndex': {
      const to = lowering.target(instruction.result)
      const words = Array.from({ length: lowering.width / 32 }, (_, lane) => lane)
      code.emit('vmovups', vector(to, lowering.width), { kind: 'memory', constant: lowering.pool(words) })
      return lowering.define(instruction.result, to)
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
      return lowering.code.emit('prefetcht0', lowering.address(instruction.address, instruction.offset))
    case 'declare':
    case 'assign':
      return lowering.assign(instruction.variable, instruction.value)
    case 'read':
      return lowering.read(instruction.result, instruction.variable)
    case 'loop':
      return lowerLoop(instruction, lowering, start)
    case 'while':
      return lowerWhile(instruction, lowering, start)
    case 'if':
      return lowerIf(instruction, lowering, start)
    case 'math':
      throw new TargetError({
        operation: `x64: kernel '${lowering.program.name}'`,
        expected: `${instruction.name} written out in arithmetic`,
        found: 'it as an instruction',
        hint: 'assemble the kernel for this target’s machine',
      })
  }
}

/** if (start < end) do body while ((counter += step) < end) */
function lowerLoop(
  { counter, start, end, step, body }: Instruction & { op: 'loop' },
  lowering: Lowering,
  begin: Start,
): void {
  const { code } = lowering
  lowering.settle([body])
  const [knownStart, knownEnd, knownStep] = [start, end, step].map((id) => lowering.known(id))
  const place = code.register('general')
  const known = knownStart !== undefined && knownEnd !== undefined
  if (known && knownStart >= knownEnd) return
  if (knownStart !== undefined) lowering.writeConstant('i32', knownStart, place)
  else lowering.move('i32', place, lowering.take(start).register)
  const last = knownEnd === undefined ? general(lowering.take(end).register) : immediate(knownEnd)
  const stride = knownStep === undefined ? general(lowering.take(step).register) : immediate(knownStep)
  const done = code.label()
  if (!known) {
    code.emit('cmp', general(place), last)
    code.emit('jge', done)
  }
  const innermost = !hasLoop(body)
  const write = (): void =>
    inLoop(lowering, innermost, (head) => {
      lowering.bind(counter, place)
      lowerBlock(body, lowering, begin)
      code.emit('add', general(place), stride)
      code.emit('cmp', general(place), last)
      code.emit('jl', head)
    })
  if (innermost) lowering.hoisting(write)
  else write()
  code.place(done)
}

function lowerWhile(
  { condition, test, body }: Instruction & { op: 'while' },
  lowering: Lowering,
  start: Start,
): void {
  const { code } = lowering
  lowering.settle([condition, body])
  const done = code.label()
  inLoop(lowering, false, (head) => {
    lowerBlock(condition, lowering, start)
    lowering.settle([body], test)
    code.emit(`j${opposite[lowering.condition(test)]}`, done)
    lowerBlock(body, lowering, start)
    code.emit('jmp', head)
  })
  code.place(done)
}

function lowerIf(
  { test, then, otherwise }: Instruction & { op: 'if' },
  lowering: Lowering,
  start: Start,
): void {
  const { code } = lowering
  lowering.settle([then, otherwise], test)
  const [other, done] = [code.label(), code.label()]
  code.emit(`j${opposite[lowering.condition(test)]}`, other)
  lowerBlock(then, lowering, start)
  if (otherwise.length > 0) {
    code.emit('jmp', done)
    code.place(other)
    lowerBlock(otherwise, lowering, start)
    code.place(done)
  } else code.place(other)
}
