import { floatBits } from './float-bits.js'
import { TargetError } from '../../base/index.js'
import type { Block, Instruction, Program, Type } from '../../kernels/index.js'
import { countUses } from '../../kernels/index.js'
import { blocksOf } from './blocks.js'
import { Code, type Condition, general, immediate, maskRegister, vector } from './code.js'
import type { MachineInstruction, Memory, Register, RegisterFile } from './operand.js'
import { isConstantOperand, type Taken, type Value } from './value.js'

/** The register that holds the heap's native address in the whole of a kernel: rdi. */
export const heapBase = 7
/** Displacements are signed, and some bytes behind one may be asked for too. */
const farthest = 2 ** 31 - 256

const files: Readonly<Record<Type, RegisterFile>> = {
  i32: 'general',
  bool: 'general',
  f32: 'vector',
  vector: 'vector',
  ivector: 'vector',
  mask: 'mask',
}

/** The state of a kernel while it is lowered: where its results and variables are. */
export class Lowering {
  readonly program: Program
  readonly code: Code
  readonly width: 256 | 512
  readonly #uses: Uint32Array
  readonly #values = new Map<number, Value>()
  readonly #pending = new Set<number>()
  readonly #variables = new Map<number, number>()
  readonly #readings = new Map<number, Set<number>>()
  readonly #assigned = new Map<Block, ReadonlySet<number>>()
  readonly #constants: { readonly key: string; readonly bits: Int32Array }[] = []
  readonly #constantPlaces = new Map<string, number>()
  #hoisted: Map<number, number> | undefined
  /** The loop that instructions are now written to. */
  loop = 0
  /** Whether anything was stored past the caches. */
  storesPast = false
  /** Where the next instruction puts the result being lowered: a variable's register, or undefined. */
  #hint: { readonly result: number; readonly variable: number } | undefined

  constructor(program: Program, width: 256 | 512) {
    this.program = program
    this.width = width
    this.code = new Code(width)
    this.#uses = countUses(program)
  }

  /** Whether masks have registers of their own. */
  get masks(): boolean {
    return this.width === 512
  }
  type(id: number): Type {
    return this.program.types[id]!
  }
  isVector(id: number): boolean {
    const type = this.type(id)
    return type === 'vector' || type === 'ivector' || type === 'mask'
  }
  isUsed(id: number): boolean {
    return this.#uses[id]! > 0
  }
  usesLeft(id: number): number {
    return this.#uses[id]!
  }
  file(type: Type): RegisterFile {
    return type === 'mask' && !this.masks ? 'vector' : files[type]
  }

  // ---- operands ----

  /** The register operand of number `register`, as results of `type` are held. */
  operand(type: Type, register: number): Register {
    const file = this.file(type)
    if (file === 'general') return general(register)
    if (file === 'mask') return maskRegister(register)
    return vector(register, type === 'f32' ? 128 : this.width)
  }
  fresh(type: Type): number {
    return this.code.register(this.file(type))
  }
  /** A register for passing use, and its operand. */
  temporary(type: Type): Register {
    return this.operand(type, this.fresh(type))
  }

  /** Takes result `id` for one use, in a register. */
  take(id: number): Taken {
    let value = this.#value(id)
    if (value.kind === 'constant') {
      this.#used(id)
      const register = this.fresh(this.type(id))
      this.writeConstant(this.type(id), value.value, register)
      return { register, dying: true }
    }
    if (value.kind === 'same') {
      this.#used(id)
      this.#pending.delete(id)
      return this.take(value.of)
    }
    if (value.kind !== 'register' && value.kind !== 'variable') {
      this.materialize(id)
      value = this.#value(id)
    }
    this.#used(id)
    if (value.kind === 'variable') return { register: this.variableRegister(value.variable), dying: false }
    if (value.kind !== 'register') throw this.#lost(id)
    return { register: value.register, dying: this.#uses[id] === 0 && value.loop === this.loop }
  }
  register(id: number): Register {
    return this.operand(this.type(id), this.take(id).register)
  }

  /**
   * Takes result `id` for one use, as memory where it is a load that waits or a constant; `elements`: what
   * one operand covers.
   */
  source(id: number): Register | Memory {
    const value = this.#value(id)
    const type = this.type(id)
    if (value.kind === 'same') {
      this.#used(id)
      this.#pending.delete(id)
      return this.source(value.of)
    }
    if (value.kind === 'load' && (!value.broadcast || this.masks)) {
      this.#used(id)
      this.#pending.delete(id)
      return { ...this.address(value.address, value.offset), ...(value.broadcast && { broadcast: true }) }
    }
    if (value.kind === 'constant' && isConstantOperand(type, value.value)) {
      this.#used(id)
      return this.constantOperand(type, value.value)
    }
    return this.register(id)
  }

  /** The value of an i32 that is known, taken for one use; undefined (and nothing taken) where it is not. */
  known(id: number): number | undefined {
    const value = this.#value(id)
    if (value.kind !== 'constant') return undefined
    this.#used(id)
    return value.value
  }
  isKnown(id: number): boolean {
    return this.#value(id).kind === 'constant'
  }
  /** Whether `source` gives result `id` as memory. */
  inMemory(id: number): boolean {
    const value = this.#value(id)
    if (value.kind === 'same') return this.inMemory(value.of)
    if (value.kind === 'load') return !value.broadcast || this.masks
    return value.kind === 'constant' && isConstantOperand(this.type(id), value.value)
  }
  /** Whether the next use of result `id` is its last, and its register may be overwritten. */
  dies(id: number): boolean {
    const value = this.#value(id)
    if (value.kind === 'same') return this.dies(value.of)
    return this.#uses[id] === 1 && value.kind === 'register' && value.loop === this.loop
  }
  /** Whether result `id` reads the variable that result `into` goes straight to. */
  accumulates(id: number, into: number): boolean {
    const value = this.#value(id)
    return (
      value.kind === 'variable' &&
      this.#hint?.result === into &&
      this.#hint.variable === value.variable &&
      this.#uses[id] === 1
    )
  }
  /** Takes a shift by 1 … 3 that waits. */
  scaled(id: number): { readonly register: number; readonly shift: number } | undefined {
    const value = this.#value(id)
    if (value.kind !== 'scaled') return undefined
    this.#used(id)
    this.#pending.delete(id)
    return { register: this.take(value.a).register, shift: value.shift }
  }
  /** Takes the load of one element that waits, so that it can be read in another way. */
  waitingLoad(id: number): (Value & { readonly kind: 'load' }) | undefined {
    const value = this.#value(id)
    if (value.kind !== 'load' || value.broadcast || this.isVector(id)) return undefined
    this.#used(id)
    this.#pending.delete(id)
    return value
  }
  /** Takes a bool as flags: emits what sets them, and says which condition they stand for. */
  condition(id: number): Condition {
    const value = this.#value(id)
    if (value.kind === 'condition') {
      this.#used(id)
      this.#pending.delete(id)
      return value.test()
    }
    const { register } = this.take(id)
    this.code.emit('test', general(register), general(register))
    return 'ne'
  }

  /** The heap at `address + offset`. */
  address(address: number, offset: number): Memory {
    const known = this.known(address)
    const displacement = known === undefined ? offset : (known >>> 0) + offset
    const near = displacement < farthest
    if (known !== undefined && near) return { kind: 'memory', base: heapBase, displacement }
    const index = known === undefined && near ? this.take(address).register : this.fresh('i32')
    if (known !== undefined) this.code.emit('mov', general(index), immediate(displacement | 0))
    else if (!near) {
      const base = this.take(address).register
      this.code.emit('lea', general(index), { kind: 'memory', base, displacement: displacement | 0 })
    }
    return { kind: 'memory', base: heapBase, index, scale: 1, displacement: near ? displacement : 0 }
  }

  // ---- constants ----
  /**
   * A constant as an operand. Inside an innermost loop it is a register that is loaded before the loop, and
   * given up first where registers are few. Else it is memory: one element for all lanes where instructions
   * can say so, else the whole vector.
   */
  constantOperand(type: 'f32' | 'vector' | 'ivector', value: number): Memory | Register {
    const bits = type === 'ivector' ? value | 0 : floatBits(value)
    if (type === 'f32') return { kind: 'memory', constant: this.pool([bits]) }
    const memory: Memory = this.masks
      ? { kind: 'memory', constant: this.pool([bits]), broadcast: true }
      : { kind: 'memory', constant: this.pool(Array.from({ length: 8 }, () => bits)) }
    if (this.#hoisted === undefined) return memory
    let register = this.#hoisted.get(bits)
    if (register === undefined) {
      register = this.code.register('vector')
      this.code.constants.set(register, memory)
      this.#hoisted.set(bits, register)
    }
    return vector(register, this.width)
  }
  /** Writes an innermost loop: the constants that it asks for stand before it. */
  hoisting(write: () => void): void {
    const { items, constants } = this.code
    const start = items.length
    this.#hoisted = new Map()
    write()
    const loads = [...this.#hoisted.values()].map((register): MachineInstruction => {
      const { broadcast, ...memory } = constants.get(register)!
      return {
        name: broadcast ? 'vbroadcastss' : 'vmovups',
        operands: [vector(register, this.width), memory],
      }
    })
    this.#hoisted = undefined
    items.splice(start, 0, ...loads)
  }
  /** A number for these 32-bit words in the constant pool; `x64.ts` gives it a place. */
  pool(words: readonly number[]): number {
    const key = words.join()
    let place = this.#constantPlaces.get(key)
    if (place === undefined) {
      place = this.#constants.push({ key, bits: Int32Array.from(words) }) - 1
      this.#constantPlaces.set(key, place)
    }
    return place
  }
  get constants(): readonly Int32Array[] {
    return this.#constants.map(({ bits }) => bits)
  }
  writeConstant(type: Type, value: number, register: number): void {
    const to = this.operand(type, register)
    if (to.file === 'general') {
      this.code.emit('mov', to, immediate(type === 'bool' ? (value ? 1 : 0) : value | 0))
    } else if (to.file === 'mask') {
      this.code.emit(value ? 'kxnorw' : 'kxorw', to, to, to)
    } else {
      const bits = type === 'mask' ? (value ? -1 : 0) : type === 'ivector' ? value | 0 : floatBits(value)
      if (bits === 0) {
        const whole = vector(register, type === 'f32' ? 128 : this.width)
        this.code.emit('vxorps', whole, whole, whole)
      } else if (type === 'f32') this.code.emit('vmovss', to, { kind: 'memory', constant: this.pool([bits]) })
      else this.code.emit('vbroadcastss', to, { kind: 'memory', constant: this.pool([bits]) })
    }
  }

  // ---- results ----

  /** The register that result `id` is to be written to. All its operands have been taken by now. */
  target(id: number): number {
    const hinted = this.#hinted(id)
    return hinted ?? this.fresh(this.type(id))
  }
  /** The variable's register where result `id` goes straight into a variable that nobody reads before. */
  #hinted(id: number): number | undefined {
    if (this.#hint?.result !== id) return undefined
    const { variable } = this.#hint
    for (const reading of this.#readings.get(variable) ?? []) if (this.#uses[reading]! > 0) return undefined
    return this.variableRegister(variable)
  }
  /**
   * A register that holds `taken` and may be changed into result `id`: its own where this is its last use,
   * else a copy.
   */
  changeable(id: number, taken: Taken, others: readonly number[] = []): number {
    const hinted = this.#hinted(id)
    if (hinted === taken.register || (taken.dying && hinted === undefined)) return taken.register
    if (taken.dying && hinted !== undefined && others.includes(hinted)) return taken.register
    const to = hinted !== undefined && !others.includes(hinted) ? hinted : this.fresh(this.type(id))
    this.move(this.type(id), to, taken.register)
    return to
  }
  define(id: number, register: number): void {
    this.#values.set(id, { kind: 'register', register, loop: this.loop })
  }
  /** Lets result `id` be what a register holds that others still need. */
  bind(id: number, register: number): void {
    this.#values.set(id, { kind: 'register', register, loop: -1 })
  }
  defineConstant(id: number, value: number): void {
    this.#values.set(id, { kind: 'constant', value })
  }
  /** Lets result `id` wait for its only use; it is written at once where it has more. */
  wait(id: number, value: Value & { readonly kind: 'load' | 'condition' | 'scaled' | 'same' }): void {
    this.#values.set(id, value)
    if (this.#uses[id] === 1) this.#pending.add(id)
    else this.materialize(id)
  }

  /** Writes a result that waits, or the reading of a variable, into a register of its own. */
  materialize(id: number, into?: number): void {
    const value = this.#value(id)
    const type = this.type(id)
    this.#pending.delete(id)
    let register: number
    switch (value.kind) {
      case 'variable': {
        register = into ?? this.fresh(type)
        this.move(type, register, this.variableRegister(value.variable))
        this.#readings.get(value.variable)?.delete(id)
        break
      }
      case 'load': {
        const memory = this.address(value.address, value.offset)
        register = into ?? this.target(id)
        const name = value.broadcast
          ? type === 'vector'
            ? 'vbroadcastss'
            : 'vpbroadcastd'
          : type === 'i32'
            ? 'mov'
            : type === 'f32'
              ? 'vmovss'
              : 'vmovups'
        this.code.emit(name, this.operand(type, register), memory)
        break
      }
      case 'condition': {
        const condition = value.test()
        register = into ?? this.target(id)
        this.code.emit(`set${condition}`, general(register, 8))
        this.code.emit('movzx', general(register), general(register, 8))
        break
      }
      case 'scaled': {
        const taken = this.take(value.a)
        register = into ?? this.changeable(id, taken)
        if (into !== undefined) this.move(type, into, taken.register)
        this.code.emit('shl', general(register), immediate(value.shift))
        break
      }
      case 'same': {
        const taken = this.take(value.of)
        register = into ?? this.changeable(id, taken)
        if (into !== undefined) this.move(type, into, taken.register)
        break
      }
      default:
        return
    }
    this.define(id, register)
  }

  move(type: Type, to: number, from: number): void {
    if (to === from) return
    const file = this.file(type)
    if (file === 'general') this.code.emit('mov', general(to), general(from))
    else if (file === 'mask') this.code.emit('kmovw', maskRegister(to), maskRegister(from))
    else {
      const width = type === 'f32' ? 128 : this.width
      this.code.emit('vmovaps', vector(to, width), vector(from, width))
    }
  }

  // ---- variables ----

  variableRegister(variable: number): number {
    let register = this.#variables.get(variable)
    if (register === undefined) {
      register = this.code.register(this.file(this.program.variables[variable]!))
      this.#variables.set(variable, register)
    }
    return register
  }
  read(id: number, variable: number): void {
    this.#values.set(id, { kind: 'variable', variable })
    const readings = this.#readings.get(variable)
    if (readings) readings.add(id)
    else this.#readings.set(variable, new Set([id]))
  }
  /** variable := result `id`. */
  assign(variable: number, id: number): void {
    const register = this.variableRegister(variable)
    const type = this.program.variables[variable]!
    const value = this.#value(id)
    if (value.kind === 'variable' && value.variable === variable) {
      this.#used(id)
      return
    }
    if (value.kind === 'register' && value.register === register) {
      this.#used(id)
      return
    }
    this.#keepReadings(variable)
    if (value.kind !== 'register' && value.kind !== 'variable' && value.kind !== 'constant') {
      this.materialize(id, register)
      this.#used(id)
      return
    }
    if (value.kind === 'constant') {
      this.#used(id)
      this.writeConstant(type, value.value, register)
      return
    }
    this.move(type, register, this.take(id).register)
  }
  /** Before a variable changes, what was read from it and is still wanted moves to registers of its own. */
  #keepReadings(variable: number): void {
    const readings = this.#readings.get(variable)
    if (!readings) return
    for (const id of readings) {
      if (this.#uses[id] === 0) readings.delete(id)
      else this.materialize(id)
    }
  }

  // ---- order ----

  /** Before a store: loads that wait come first. */
  settleLoads(): void {
    for (const id of this.#pending) if (this.#value(id).kind === 'load') this.materialize(id)
  }
  /**
   * Before a branch or a loop: nothing waits, but for `except`, and readings of variables that `blocks`
   * assign are kept.
   */
  settle(blocks: readonly Block[], except?: number): void {
    for (const id of this.#pending) if (id !== except) this.materialize(id)
    for (const block of blocks) for (const variable of this.#assignments(block)) this.#keepReadings(variable)
  }
  #assignments(block: Block): ReadonlySet<number> {
    let known = this.#assigned.get(block)
    if (known === undefined) {
      const found = new Set<number>()
      for (const instruction of block) {
        if (instruction.op === 'assign') found.add(instruction.variable)
        for (const inner of blocksOf(instruction))
          for (const variable of this.#assignments(inner)) found.add(variable)
      }
      this.#assigned.set(block, (known = found))
    }
    return known
  }
  /** To be told of each instruction before it is lowered, with the one after it. */
  expect(instruction: Instruction, next: Instruction | undefined): void {
    this.#hint = undefined
    if (!('result' in instruction) || next === undefined) return
    if ((next.op !== 'assign' && next.op !== 'declare') || next.value !== instruction.result) return
    if (this.#uses[instruction.result] === 1)
      this.#hint = { result: instruction.result, variable: next.variable }
  }

  #used(id: number): void {
    this.#uses[id]!--
  }
  #value(id: number): Value {
    const value = this.#values.get(id)
    if (value === undefined) throw this.#lost(id)
    return value
  }
  #lost(id: number): TargetError {
    return new TargetError({
      operation: `x64: kernel '${this.program.name}'`,
      expected: 'results that are used inside the block that defines them',
      found: `result ${id} outside it`,
      hint: 'carry the value out in a variable',
    })
  }
}
