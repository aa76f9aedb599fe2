import type { Program } from '../../kernels/index.js'
import { allocate, type Available } from './allocate.js'
import { Assembler } from './assembler.js'
import { general, immediate, vector } from './code.js'
import { lower } from './lower.js'
import type { Memory, Operand } from './operand.js'

export type Convention = 'systemv' | 'windows'

const [rbx, rsp, rbp, rsi, rdi] = [3, 4, 5, 6, 7]
/** Registers that a function leaves as it found them. */
const preserved = [rbx, rbp, 12, 13, 14, 15]
/** All but the stack's and the heap's; what a function may change freely comes first. */
const generals = [0, 1, 2, rsi, 8, 9, 10, 11, ...preserved]
/** On Windows vectors from 6 on are preserved, 128 bits of them, up to 15. */
const [firstPreservedVector, lastPreservedVector] = [6, 15]

/** Windows adds one page at a time to a stack, when it is touched: none may be left out. */
const pageBytes = 4096

export interface Compiled {
  readonly assembler: Assembler
  /** Vectors that an innermost loop keeps on the stack, for want of registers. */
  readonly spilledInside: number
}

function registersFor(width: 256 | 512): Available {
  return {
    general: generals,
    vector: Array.from({ length: width === 512 ? 32 : 16 }, (_, number) => number),
    mask: [1, 2, 3, 4, 5, 6, 7],
  }
}

/**
 * The machine code of a kernel: a function
 * `void run(int64 heap, uint32 parameters, int32 begin, int32 end, uint32 scratch)` in the system's calling
 * convention. Position-independent, with its constants behind it.
 */
export function compile(program: Program, width: 256 | 512, convention: Convention): Compiled {
  const { code, constants } = lower(program, width)
  const { items, frame, used, spilledInside } = allocate(code, registersFor(width), program.name)
  const assembler = new Assembler()
  const windows = convention === 'windows'
  const saved = [...(windows ? [rsi, rdi] : []), ...preserved].filter(
    (register) => register === rdi || used.general.has(register),
  )
  const savedVectors = windows
    ? [...used.vector].filter((number) => number >= firstPreservedVector && number <= lastPreservedVector)
    : []
  const stack = frame + 16 * savedVectors.length
  const vectorSlot = (index: number): Memory => ({
    kind: 'memory',
    base: rsp,
    displacement: frame + 16 * index,
  })
  const emit = (name: string, ...operands: Operand[]): void => assembler.emit({ name, operands })

  for (const register of saved) emit('push', general(register, 64))
  for (let page = pageBytes; windows && page <= stack; page += pageBytes)
    emit('cmp', general(0), { kind: 'memory', base: rsp, displacement: -page })
  if (stack > 0) emit('sub', general(rsp, 64), immediate(stack))
  savedVectors.forEach((number, index) => emit('vmovups', vectorSlot(index), vector(number, 128)))
  if (windows) {
    // rcx, edx, r8d, r9d and the stack: to where System V has them.
    emit('mov', general(rdi, 64), general(1, 64))
    emit('mov', general(rsi), general(2))
    emit('mov', general(2), general(8))
    emit('mov', general(1), general(9))
    emit('mov', general(8), { kind: 'memory', base: rsp, displacement: stack + 8 * saved.length + 40 })
  }
  const places = constants.map((words) => assembler.constant(new Uint8Array(words.buffer), words.byteLength))
  const labels = Array.from({ length: code.labels }, () => assembler.label())
  const isOpen = (operand: Operand): boolean =>
    operand.kind === 'label' || (operand.kind === 'memory' && operand.constant !== undefined)
  const resolve = (operand: Operand): Operand => {
    if (operand.kind === 'label') return labels[operand.label]!
    if (operand.kind === 'memory' && operand.constant !== undefined)
      return { ...operand, constant: places[operand.constant]! }
    return operand
  }
  for (const item of items) {
    if ('marker' in item) {
      if (item.marker === 'end') continue
      if (item.marker === 'loop' && item.innermost) assembler.align(32)
      assembler.place(labels[item.label.label]!)
      continue
    }
    assembler.emit(item.operands.some(isOpen) ? { ...item, operands: item.operands.map(resolve) } : item)
  }
  savedVectors.forEach((number, index) => emit('vmovups', vector(number, 128), vectorSlot(index)))
  emit('vzeroupper')
  if (stack > 0) emit('add', general(rsp, 64), immediate(stack))
  for (const register of saved.reverse()) emit('pop', general(register, 64))
  emit('ret')
  return { assembler, spilledInside }
}
