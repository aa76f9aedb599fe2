import { TargetError } from '../../base/index.js'
import { type Code, firstVirtual, general, type Item } from './code.js'
import { accessOf } from './instructions.js'
import type { MachineInstruction, Memory, Operand, RegisterFile } from './operand.js'

/** The registers that may be given out, in the order of preference. */
export type Available = Readonly<Record<RegisterFile, readonly number[]>>

export interface Allocation {
  /** The instructions, over the processor's registers. */
  readonly items: readonly Item[]
  /** Bytes of stack for what found no register, addressed from rsp. */
  readonly frame: number
  /** General and vector registers that are written. */
  readonly used: Readonly<Record<RegisterFile, ReadonlySet<number>>>
  /** Vectors that an innermost loop reads from the stack or writes to it. */
  readonly spilledInside: number
}

/**
 * Where a virtual register is needed: from its first to its last place, loops that it is carried through
 * included.
 */
interface Interval {
  readonly register: number
  readonly file: RegisterFile
  start: number
  end: number
  /** How often it is used, loops counted 8 times over. */
  weight: number
  /** Loads and stores of one that is on the stack: these always find a register. */
  readonly passing: boolean
  /** Holds a constant. */
  readonly constant: boolean
  /** Used inside an innermost loop. */
  inside: boolean
  /** The register that would save a copy. */
  hint: number
  /** The register given. */
  place: number
}

interface Loop {
  readonly parent: Loop | undefined
  readonly depth: number
  readonly innermost: boolean
  readonly carried: Interval[]
}

/** What stays on the stack: byte offset from rsp, by virtual register. */
type Slots = Map<number, number>

/** Rounds of moving to the stack before something is wrong. */
const mostRounds = 12
const passingFrom = (files: readonly RegisterFile[]): number => files.length + firstVirtual

/**
 * Gives each virtual register one of the processor's: a linear scan over intervals. Where there are too few,
 * whatever is used least for its length moves to the stack.
 *
 * Linear Scan Register Allocation, Poletto and Sarkar 1999.
 */
export function allocate(code: Code, available: Available, kernel: string): Allocation {
  let items: readonly Item[] = code.items
  const slots: Slots = new Map()
  const firstPassing = passingFrom(code.files)
  let frame = 0
  let spilledInside = 0
  for (let round = 0; round < mostRounds; round++) {
    const intervals = measure(items, code, firstPassing)
    const spilled = scan(intervals, items, available, kernel)
    if (spilled.length === 0) {
      const used = { general: new Set<number>(), vector: new Set<number>(), mask: new Set<number>() }
      for (const { file, place } of intervals.values()) used[file].add(place)
      return { items: rewrite(items, intervals), frame: Math.ceil(frame / 64) * 64, used, spilledInside }
    }
    for (const { register, file, inside, constant } of spilled) {
      if (constant) continue
      if (inside && file === 'vector') spilledInside++
      const bytes = file === 'vector' ? 64 : 8
      frame = Math.ceil(frame / bytes) * bytes
      slots.set(register, frame)
      frame += bytes
    }
    items = moveToStack(items, code, slots, new Set(spilled.map(({ register }) => register)))
  }
  throw new TargetError({
    operation: `x64: kernel '${kernel}'`,
    expected: `registers for all values after ${mostRounds} rounds`,
    found: 'values without one',
    hint: 'this is a bug in heed',
  })
}

/** How an instruction uses its first operand, masking included. */
function firstAccess(instruction: MachineInstruction): 'read' | 'write' | 'readwrite' | 'none' {
  const access = accessOf(instruction.name).first
  const merges =
    instruction.mask !== undefined && instruction.zeroing !== true && !instruction.name.includes('blendm')
  return access === 'write' && merges ? 'readwrite' : access
}

/** Calls `see` for each virtual register in an instruction. */
function eachRegister(
  instruction: MachineInstruction,
  see: (register: number, reads: boolean, writes: boolean) => void,
): void {
  const { operands, mask } = instruction
  for (let i = 1; i < operands.length; i++) {
    const operand = operands[i]!
    if (operand.kind === 'register') see(operand.number, true, false)
    else if (operand.kind === 'memory') eachAddress(operand, see)
  }
  if (mask !== undefined) see(mask, true, false)
  const first = operands[0]
  if (first === undefined) return
  if (first.kind === 'memory') eachAddress(first, see)
  else if (first.kind === 'register') {
    const access = firstAccess(instruction)
    see(first.number, access !== 'write', access === 'write' || access === 'readwrite')
  }
}
function eachAddress(memory: Memory, see: (register: number, reads: boolean, writes: boolean) => void): void {
  if (memory.base !== undefined) see(memory.base, true, false)
  if (memory.index !== undefined) see(memory.index, true, false)
}

function measure(items: readonly Item[], code: Code, firstPassing: number): Map<number, Interval> {
  const intervals = new Map<number, Interval>()
  const homes = new Map<Interval, Loop | undefined>()
  let loop: Loop | undefined
  for (let position = 0; position < items.length; position++) {
    const item = items[position]!
    if ('marker' in item) {
      if (item.marker === 'loop')
        loop = { parent: loop, depth: (loop?.depth ?? 0) + 1, innermost: item.innermost, carried: [] }
      else if (item.marker === 'end') {
        for (const interval of loop!.carried) interval.end = 2 * position
        loop = loop!.parent
      }
      continue
    }
    eachRegister(item, (register, reads) => {
      if (register < firstVirtual) return
      let interval = intervals.get(register)
      const at = reads ? 2 * position : 2 * position + 1
      if (interval === undefined) {
        interval = {
          register,
          file: code.files[register - firstVirtual]!,
          start: 2 * position + 1,
          end: at,
          weight: 0,
          passing: register >= firstPassing,
          constant: code.constants.has(register),
          inside: false,
          hint: -1,
          place: -1,
        }
        const source = item.operands[1]
        if (item.operands.length === 2 && source?.kind === 'register') interval.hint = source.number
        intervals.set(register, interval)
        homes.set(interval, loop)
      }
      interval.end = Math.max(interval.end, at)
      interval.weight += 8 ** Math.min(loop?.depth ?? 0, 6)
      if (loop?.innermost) interval.inside = true
      // Carried round every loop that it was made outside of.
      const home = homes.get(interval)
      if (loop !== home) {
        let outermost = loop!
        while (outermost.parent !== home) outermost = outermost.parent!
        outermost.carried.push(interval)
      }
    })
  }
  return intervals
}

/** Gives out registers; returns what has to move to the stack. */
function scan(
  intervals: ReadonlyMap<number, Interval>,
  items: readonly Item[],
  available: Available,
  kernel: string,
): Interval[] {
  const entryUse = entryUses(items)
  const spilled: Interval[] = []
  // By register; one whose interval has ended is free.
  const owners: Record<RegisterFile, (Interval | undefined)[]> = { general: [], vector: [], mask: [] }
  const order = [...intervals.values()].sort((a, b) => a.start - b.start)
  for (const interval of order) {
    const { file, start } = interval
    const owned = owners[file]
    const places = available[file]
    const isFree = (place: number): boolean => {
      const owner = owned[place]
      return (
        (owner === undefined || owner.end < start) &&
        !(file === 'general' && (entryUse.get(place) ?? -1) > start)
      )
    }
    const hinted = interval.hint >= firstVirtual ? (intervals.get(interval.hint)?.place ?? -1) : interval.hint
    const place = places.includes(hinted) && isFree(hinted) ? hinted : places.find(isFree)
    if (place !== undefined) {
      interval.place = place
      owned[place] = interval
      continue
    }
    let least: Interval | undefined = interval.passing ? undefined : interval
    for (const owner of owned)
      if (owner !== undefined && owner.end >= start && !owner.passing)
        if (least === undefined || cost(owner) < cost(least)) least = owner
    if (least === undefined)
      throw new TargetError({
        operation: `x64: kernel '${kernel}'`,
        expected: `at most ${places.length} ${file} registers for one instruction`,
        found: 'more',
        hint: 'this is a bug in heed',
      })
    spilled.push(least)
    if (least === interval) continue
    interval.place = least.place
    least.place = -1
    owned[interval.place] = interval
  }
  return spilled
}

/** Constants are given up first: reading them where they are used costs little. */
function cost({ weight, start, end, constant }: Interval): number {
  return (constant ? 2 ** -40 : 1) * (weight / (end - start + 1))
}

/** Until where the registers that hold the arguments are read. */
function entryUses(items: readonly Item[]): Map<number, number> {
  const uses = new Map<number, number>()
  for (let position = 0; position < Math.min(items.length, 8); position++) {
    const item = items[position]!
    if ('marker' in item || item.name !== 'mov') break
    const from = item.operands[1]
    if (from?.kind === 'register' && from.number < firstVirtual) uses.set(from.number, 2 * position)
  }
  return uses
}

/** Instructions whose last operand may be memory. */
const takesMemory =
  /^(mov|add|sub|and|or|xor|cmp|imul|cmov\w+|v(add|sub|mul|div|min|max)[ps]s|vfmadd\d+[ps]s|vandps|vorps|vxorps|vpaddd|vpsubd|vpmulld|vpminsd|vpmaxsd|vmovaps)$/

/** Replaces each use of a register that moved to the stack. */
function moveToStack(items: readonly Item[], code: Code, slots: Slots, moved: ReadonlySet<number>): Item[] {
  const result: Item[] = []
  for (const item of items) {
    if ('marker' in item) {
      result.push(item)
      continue
    }
    let touched = false
    eachRegister(item, (register) => {
      touched ||= moved.has(register)
    })
    if (touched) stackForm(item, code, slots, moved, result)
    else result.push(item)
  }
  return result
}

function stackForm(
  item: MachineInstruction,
  code: Code,
  slots: Slots,
  moved: ReadonlySet<number>,
  result: Item[],
): void {
  const fresh = new Map<number, number>()
  const slot = (register: number): Memory =>
    code.constants.get(register) ?? { kind: 'memory', base: 4, displacement: slots.get(register)! }
  const defined = item.operands[0]
  if (defined?.kind === 'register' && code.constants.has(defined.number) && moved.has(defined.number)) return
  const copy = (register: number, file: RegisterFile, store: boolean): void => {
    const place = fresh.get(register)!
    if (code.constants.has(register)) {
      const { broadcast, ...memory } = code.constants.get(register)!
      const to: Operand = { kind: 'register', file, width: code.width, number: place }
      result.push({ name: broadcast ? 'vbroadcastss' : 'vmovups', operands: [to, memory] })
      return
    }
    const [name, operand] =
      file === 'general'
        ? (['mov', general(place, 64)] as const)
        : file === 'mask'
          ? (['kmovq', { kind: 'register', file, width: 64, number: place }] as const)
          : (['vmovups', { kind: 'register', file, width: code.width, number: place }] as const)
    const operands: readonly Operand[] = store ? [slot(register), operand] : [operand, slot(register)]
    result.push({ name, operands })
  }
  const file = (register: number): RegisterFile => code.files[register - firstVirtual]!
  const operands = [...item.operands]
  const last = operands.length - 1
  const final = operands[last]!
  // Read straight from the stack where the instruction can.
  if (
    last > 0 &&
    final.kind === 'register' &&
    moved.has(final.number) &&
    takesMemory.test(item.name) &&
    !(item.name === 'vmovaps' && code.constants.has(final.number)) &&
    !operands.some(({ kind }) => kind === 'memory') &&
    !(final.file === 'general' && final.width !== 32)
  ) {
    const others = operands.slice(0, last)
    const repeated = others.some((operand) => operand.kind === 'register' && operand.number === final.number)
    if (!repeated) operands[last] = slot(final.number)
    if (item.name === 'vmovaps' && !repeated) {
      stackForm({ ...item, name: 'vmovups', operands }, code, slots, moved, result)
      return
    }
  }
  const changed: MachineInstruction = { ...item, operands }
  const first = operands[0]
  // A copy to the stack is a store, but for arguments: the upper half of theirs is to become 0.
  if (
    (item.name === 'mov' || item.name === 'vmovaps' || item.name === 'vmovups') &&
    item.mask === undefined &&
    first?.kind === 'register' &&
    moved.has(first.number) &&
    operands[1]?.kind === 'register' &&
    operands[1].number >= firstVirtual &&
    !moved.has(operands[1].number)
  ) {
    const from = operands[1]
    const whole = from.file === 'general' ? general(from.number, 64) : { ...from, width: code.width }
    result.push({ name: item.name === 'mov' ? 'mov' : 'vmovups', operands: [slot(first.number), whole] })
    return
  }
  const stores: number[] = []
  eachRegister(changed, (register, reads, writes) => {
    if (!moved.has(register)) return
    if (!fresh.has(register)) {
      fresh.set(register, code.register(file(register)))
      if (reads) copy(register, file(register), false)
    }
    if (writes) stores.push(register)
  })
  result.push(rename(changed, (register) => fresh.get(register) ?? register))
  for (const register of stores) copy(register, file(register), true)
}

/** Copies are made field by field where there are many: spreading an object takes several times as long. */
function rename(instruction: MachineInstruction, place: (register: number) => number): MachineInstruction {
  const operands: Operand[] = []
  for (const operand of instruction.operands) {
    if (operand.kind === 'register') {
      const { kind, file, width, number } = operand
      operands.push({ kind, file, width, number: place(number) })
    } else if (operand.kind === 'memory' && (operand.base !== undefined || operand.index !== undefined)) {
      const renamed: { -readonly [K in keyof Memory]: Memory[K] } = { ...operand }
      if (operand.base !== undefined) renamed.base = place(operand.base)
      if (operand.index !== undefined) renamed.index = place(operand.index)
      operands.push(renamed)
    } else operands.push(operand)
  }
  const { name, mask } = instruction
  if (mask === undefined) return { name, operands }
  return { ...instruction, operands, mask: place(mask) }
}

/** A copy of a register to itself. Arguments are copied even so: that clears the upper half of theirs. */
function isIdle({ name, operands }: MachineInstruction, renamed: MachineInstruction): boolean {
  if (name !== 'mov' && name !== 'vmovaps' && name !== 'kmovw') return false
  const source = operands[1]
  const [to, from] = renamed.operands
  return (
    source?.kind === 'register' &&
    source.number >= firstVirtual &&
    to?.kind === 'register' &&
    from?.kind === 'register' &&
    to.file === from.file &&
    to.number === from.number
  )
}

/** With the registers that were given, and without copies of a register to itself. */
function rewrite(items: readonly Item[], intervals: ReadonlyMap<number, Interval>): Item[] {
  const result: Item[] = []
  const place = (register: number): number =>
    register < firstVirtual ? register : intervals.get(register)!.place
  for (const item of items) {
    if ('marker' in item) {
      result.push(item)
      continue
    }
    const renamed = rename(item, place)
    if (!isIdle(item, renamed)) result.push(renamed)
  }
  return result
}
