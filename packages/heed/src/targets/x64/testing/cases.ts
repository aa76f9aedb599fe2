import { integerAt, type RandomKey } from '../../../base/index.js'
import { formOf } from '../encode.js'
import { anyMemory, type Form, kinds, type Pattern } from '../forms.js'
import { instructionNamed, instructionNames } from '../instructions.js'
import type { Immediate, MachineInstruction, Memory, Operand, Register, Width } from '../operand.js'

/** The constant that cases address lies here in the pool. */
export const constantOffset = 64

const registers: readonly (readonly [kind: number, file: Register['file'], width: Width])[] = [
  [kinds.r8, 'general', 8],
  [kinds.r16, 'general', 16],
  [kinds.r32, 'general', 32],
  [kinds.r64, 'general', 64],
  [kinds.xmm, 'vector', 128],
  [kinds.ymm, 'vector', 256],
  [kinds.zmm, 'vector', 512],
  [kinds.mask, 'mask', 64],
]
const gathers = [
  [kinds.gatherX, 128],
  [kinds.gatherY, 256],
  [kinds.gatherZ, 512],
] as const
const saidWidths = [
  [kinds.memory8, 8],
  [kinds.memory16, 16],
  [kinds.memory32, 32],
  [kinds.memory64, 64],
] as const

function filesSize(file: Register['file'], form: Form): number {
  return file === 'mask' ? 8 : file === 'vector' && form.prefix === 'evex' ? 32 : 16
}

/**
 * Every shape of an address: bases, indices, scales, and displacements around where their encoding changes.
 */
function addresses(unit: number): Memory[] {
  const kind = 'memory'
  const list: Memory[] = [
    { kind, constant: constantOffset },
    { kind, displacement: 4096 },
  ]
  const displacements = [0, 1, -1, unit, 127, -128, 128, 127 * unit, -128 * unit, 128 * unit, -129 * unit]
  for (let base = 0; base < 16; base++) list.push({ kind, base }, { kind, base, displacement: 2 * unit })
  for (const displacement of displacements) list.push({ kind, base: 3, displacement })
  for (const base of [4, 5, 12, 13])
    for (const displacement of [-1, 2 ** 31 - 1, -(2 ** 31)]) list.push({ kind, base, displacement })
  for (let index = 0; index < 16; index++)
    if (index !== 4)
      list.push(
        { kind, base: (index + 5) & 15, index, scale: 4 },
        { kind, index, scale: 8, displacement: -unit },
      )
  for (const scale of [1, 2, 4, 8] as const)
    list.push({ kind, base: 13, index: 9, scale, displacement: unit })
  return list
}

/** What an operand may be. The first is the plainest. */
function choices(pattern: Pattern, form: Form): Operand[] {
  const { accepts, least, most } = pattern
  const list: Operand[] = []
  for (const [kind, file, width] of registers)
    if (accepts & kind)
      for (let number = 0; number < filesSize(file, form); number++)
        list.push({ kind: 'register', file, width, number: (number + 1) % filesSize(file, form) })
  if (accepts & kinds.cl) list.push({ kind: 'register', file: 'general', width: 8, number: 1 })
  if (accepts & kinds.immediate)
    for (const value of new Set([least, most, 0, 1, -1, 3, 42, 127, 128, 1000, 2 ** 31 - 1]))
      if (value >= least && value <= most) list.push({ kind: 'immediate', value })
  if (accepts & kinds.label) list.push({ kind: 'label', label: 0 })
  for (const [kind, vectorIndex] of gathers)
    if (accepts & kind)
      for (const address of addresses(form.unit))
        if (address.constant === undefined) {
          const index = 2 + ((address.index ?? 0) % (filesSize('vector', form) - 3))
          list.push(
            { ...address, index, vectorIndex },
            { ...address, index: index + 1, vectorIndex, scale: 2 },
          )
        }
  if (accepts & anyMemory) {
    // Its own width is said where another form would take it otherwise.
    const said = saidWidths.find(([kind]) => accepts !== anyMemory && (accepts & kind) !== 0)?.[1]
    const unit = form.prefix === 'evex' ? form.unit : 1
    for (const address of addresses(unit))
      list.push(said === undefined ? address : { ...address, width: said })
    if (accepts & kinds.memory) list.push({ kind: 'memory', base: 3 })
  }
  if (accepts & kinds.broadcast)
    for (const address of addresses(pattern.element)) list.push({ ...address, broadcast: true })
  return list
}

/** Masks that a form takes beside none. */
function masks(form: Form, first: Operand | undefined): Pick<MachineInstruction, 'mask' | 'zeroing'>[] {
  if (form.mask === 'refused') return [{}]
  const zeroing = form.zeroing && first?.kind === 'register' ? [{ mask: 7, zeroing: true }] : []
  const plain = form.mask === 'demanded' ? [] : [{}]
  return [...plain, { mask: 1 }, { mask: 6, zeroing: false }, ...zeroing]
}

/** For each operand each of its choices, the others at their first; then each mask. */
export function casesOf(name: string): MachineInstruction[] {
  const cases: MachineInstruction[] = []
  for (const form of instructionNamed(name)!.forms) {
    const lists = form.operands.map((pattern) => choices(pattern, form))
    const plain = apart(lists.map((list) => list[0]!))
    const all = [plain]
    lists.forEach((list, i) => {
      for (const choice of list) all.push(apart(plain.with(i, choice), i))
    })
    for (const operands of all) cases.push({ name, operands, ...masks(form, operands[0])[0] })
    for (const firsts of lists[0]?.filter(firstOfKind) ?? [])
      for (const mask of masks(form, firsts))
        cases.push({ name, operands: apart(plain.with(0, firsts), 0), ...mask })
  }
  return cases
}
function firstOfKind(operand: Operand, i: number, list: readonly Operand[]): boolean {
  return i === list.findIndex(({ kind }) => kind === operand.kind)
}

/** Registers that differ: gathers want that. `kept` stays as it is. */
function apart(operands: readonly Operand[], kept: number = -1): Operand[] {
  const isGather = operands.some((operand) => operand.kind === 'memory' && operand.vectorIndex !== undefined)
  if (!isGather) return [...operands]
  const used = new Set<number>()
  const numberOf = (operand: Operand): number =>
    operand.kind === 'register' ? operand.number : operand.kind === 'memory' ? operand.index! : -1
  if (kept >= 0) used.add(numberOf(operands[kept]!))
  return operands.map((operand, i) => {
    if (i === kept) return operand
    let number = numberOf(operand)
    while (used.has(number)) number = (number + 1) % 16
    used.add(number)
    if (operand.kind === 'register') return { ...operand, number }
    return { ...operand, index: number } as Memory
  })
}

/** A random instruction, by the random numbers from `from` on. */
export function randomInstruction(key: RandomKey, from: number): MachineInstruction {
  let index = from
  const random = (limit: number): number => integerAt(key, index++, limit)
  const names = instructionNames()
  const name = names[random(names.length)]!
  const { forms } = instructionNamed(name)!
  const form = forms[random(forms.length)]!
  const operands = form.operands.map((pattern): Operand => {
    const list = choices(pattern, form)
    const choice = list[random(list.length)]!
    if (choice.kind === 'memory' && choice.constant === undefined) return scattered(choice, random)
    if (choice.kind !== 'immediate') return choice
    return random(2) === 0 ? choice : randomImmediate(pattern, random)
  })
  const possible = masks(form, operands[0])
  const masked = possible[random(possible.length)]!
  const mask = masked.mask === undefined ? {} : { mask: 1 + random(7) }
  return { name, operands: apart(operands), ...masked, ...mask }
}
function scattered(memory: Memory, random: (limit: number) => number): Memory {
  const kind = random(4)
  if (kind === 0) return memory
  const displacement = [0, random(256) - 128, random(2 ** 16) - 2 ** 15, random(2 ** 32) - 2 ** 31][kind]!
  const base = memory.base === undefined ? {} : { base: random(16) }
  return { ...memory, ...base, displacement }
}
function randomImmediate({ least, most }: Pattern, random: (limit: number) => number): Immediate {
  const value = least + random(Math.min(most - least + 1, 2 ** 32))
  return { kind: 'immediate', value }
}

/** Forms that no case reaches, since another form comes first. */
export function unreachedForms(name: string): number[] {
  const { forms } = instructionNamed(name)!
  const reached = new Set(casesOf(name).map(formOf))
  return forms.flatMap((form, i) => (reached.has(form) ? [] : [i]))
}
