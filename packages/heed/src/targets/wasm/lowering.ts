import { TargetError } from '../../base/index.js'
import type { Program, Type } from '../../kernels/index.js'
import { countUses } from '../../kernels/index.js'
import type { FunctionTree, LocalType, Node } from './node.js'
import { get, runParameters, set, vectorConstant } from './node.js'

/** What the emitter may assume about the engine. */
export interface WasmOptions {
  /** Elements in a vector: 4, or 8 as pairs of 128-bit vectors in adjacent instructions. */
  readonly lanes: 4 | 8
  /**
   * Use relaxed SIMD: fused multiply-add where the machine has it, and the short form of float to integer.
   */
  readonly relaxed: boolean
  /** Whether the memory is shared between threads. */
  readonly shared: boolean
}

/**
 * A result as instructions that are still to be placed: one for a scalar, one for each 128 bits of a vector.
 * `depth` 0 is a constant or a local and may be repeated; anything deeper stands for work and is placed once.
 */
export interface Value {
  readonly parts: readonly Node[]
  readonly depth: number
  /** Reads memory: must be placed before the next store. */
  readonly memory: boolean
  /** Reads these variables: must be placed before they are assigned. */
  readonly variables: readonly number[]
}

/** Expressions that grow deeper than this are put into a local: walks over them recur. */
const deepest = 40
/** Far more than engines compile in reasonable time; keeps a runaway kernel from filling the memory. */
const mostNodes = 2_000_000

const localTypes: Readonly<Record<Type, LocalType>> = {
  i32: 'i32',
  bool: 'i32',
  f32: 'f32',
  ivector: 'v128',
  vector: 'v128',
  mask: 'v128',
}

/**
 * The state of a function while it is lowered: which results are in which local, and which are pending. A
 * pending result is used once and has no effects, so it is left to stand inside the expression that uses it.
 */
export class Lowering {
  readonly program: Program
  readonly options: WasmOptions
  /** 128-bit parts of a vector. */
  readonly parts: number
  /** Results that are the same in each lane, by number; the value where it is a constant. */
  readonly uniform: Map<number, number | undefined> = new Map()
  #statements: Node[] = []
  readonly #locals: { type: LocalType; name: string }[] = runParameters.map((name) => ({ type: 'i32', name }))
  readonly #constants = new Map<string, Node>()
  readonly #head: Node[] = []
  readonly #uses: Uint32Array
  readonly #values = new Map<number, Value>()
  readonly #pending = new Set<number>()
  readonly #variables = new Map<number, readonly number[]>()
  readonly #free: Record<LocalType, number[]> = { i32: [], f32: [], v128: [] }
  #scope: { locals: number[]; results: number[] } = { locals: [], results: [] }
  #nodes = 0

  constructor(program: Program, options: WasmOptions) {
    this.program = program
    this.options = options
    this.parts = options.lanes / 4
    this.#uses = countUses(program)
  }

  type(id: number): Type {
    return this.program.types[id]!
  }
  isVector(id: number): boolean {
    return localTypes[this.type(id)] === 'v128'
  }

  // ---- results ----

  isUsed(id: number): boolean {
    return this.#uses[id]! > 0
  }

  /** Takes result `id` for one place: a pending one is handed over. */
  use(id: number): Value {
    const value = this.#value(id)
    this.#uses[id]!--
    if (this.#uses[id] === 0) this.#pending.delete(id)
    return value
  }

  /** Takes result `id` for several places. */
  repeat(id: number): Value {
    if (this.#value(id).depth > 0) this.#place(id)
    return this.use(id)
  }

  /**
   * Gives result `id` its instructions, made of the values `from`. They are placed now unless they can wait
   * for their only use.
   */
  define(id: number, parts: readonly Node[], from: readonly Value[] = [], memory = false): void {
    if (this.#uses[id] === 0) return
    const depth = parts.every(isLeaf) ? 0 : 1 + Math.max(0, ...from.map((value) => value.depth))
    const value: Value = {
      parts,
      depth,
      memory: memory || from.some((each) => each.memory),
      variables: from.flatMap((each) => each.variables),
    }
    this.#values.set(id, value)
    this.#scope.results.push(id)
    if (depth === 0 && !value.variables.length) return
    this.#pending.add(id)
    if (depth > 0 && (this.#uses[id]! > 1 || depth > deepest)) this.#place(id)
  }

  /**
   * `define` for parts that read other parts than their own: placed before a variable that they read is
   * assigned, part by part.
   */
  defineAcross(id: number, parts: readonly Node[], from: readonly Value[]): void {
    this.define(id, parts, from)
    if (this.#pending.has(id)) this.#place(id)
  }

  /**
   * A vector constant: zero in place, others in a local that is set once at the start. Engines make others
   * slowly, again and again.
   */
  constant(lanes: readonly number[]): Node {
    if (lanes.every((value) => value === 0)) return vectorConstant(lanes)
    const key = lanes.join()
    let known = this.#constants.get(key)
    if (!known) {
      const local = this.#newLocal('v128')
      this.#head.push(set(local, vectorConstant(lanes)))
      known = get(local)
      this.#constants.set(key, known)
    }
    return known
  }

  /** Puts `node` into a local and gives the instruction that reads it. */
  keep(type: LocalType, node: Node): Node {
    if (isLeaf(node)) return node
    const local = this.#allocate(type)
    this.emit(set(local, node))
    return get(local)
  }

  #value(id: number): Value {
    const value = this.#values.get(id)
    if (value) return value
    throw new TargetError({
      operation: `wasm: kernel '${this.program.name}'`,
      expected: 'results that are used inside the block that defines them',
      found: `result ${id} outside it`,
      hint: 'carry the value out in a variable',
    })
  }

  #place(id: number): void {
    const { parts } = this.#value(id)
    const type = localTypes[this.type(id)]
    const locals = parts.map((part) => {
      const local = this.#allocate(type)
      this.emit(set(local, part))
      return get(local)
    })
    this.#pending.delete(id)
    this.#values.set(id, { parts: locals, depth: 0, memory: false, variables: [] })
  }

  // ---- order ----

  emit(statement: Node): void {
    this.#statements.push(statement)
  }
  /** To be called before a store: what reads memory comes first. */
  settleMemory(): void {
    this.#settle((value) => value.memory)
  }
  /** To be called before a block begins. */
  settleAll(): void {
    this.#settle(() => true)
  }
  #settle(which: (value: Value) => boolean): void {
    for (const id of this.#pending) if (which(this.#value(id))) this.#place(id)
  }

  // ---- variables ----

  declare(variable: number, value: Value): void {
    const type = localTypes[this.program.variables[variable]!]
    const locals = value.parts.map(() => this.#allocate(type))
    this.#variables.set(variable, locals)
    value.parts.forEach((part, index) => this.emit(set(locals[index]!, part)))
  }
  assign(variable: number, value: Value): void {
    this.#settle((each) => each.variables.includes(variable))
    value.parts.forEach((part, index) => this.emit(set(this.#variables.get(variable)![index]!, part)))
  }
  read(id: number, variable: number): void {
    this.define(id, this.#variables.get(variable)!.map(get), [
      { parts: [], depth: 0, memory: false, variables: [variable] },
    ])
  }

  // ---- blocks and locals ----

  /** What `write` emits, as a block with locals of its own. */
  block(write: () => void): readonly Node[] {
    const [statements, scope] = [this.#statements, this.#scope]
    this.#statements = []
    this.#scope = { locals: [], results: [] }
    write()
    const inner = this.#statements
    for (const id of this.#scope.results) {
      this.#values.delete(id)
      this.#pending.delete(id)
    }
    for (const local of this.#scope.locals) this.#free[this.#locals[local]!.type].push(local)
    this.#statements = statements
    this.#scope = scope
    return inner
  }

  /** A local that belongs to the current block. */
  counter(id: number): number {
    const local = this.#allocate('i32')
    this.bind(id, local)
    return local
  }
  /** Lets result `id` be what `local` holds. */
  bind(id: number, local: number): void {
    this.#values.set(id, { parts: [get(local)], depth: 0, memory: false, variables: [] })
    this.#scope.results.push(id)
  }

  finish(): FunctionTree {
    return { name: this.program.name, locals: this.#locals, statements: [...this.#head, ...this.#statements] }
  }

  #allocate(type: LocalType): number {
    if (++this.#nodes > mostNodes) {
      throw new TargetError({
        operation: `wasm: kernel '${this.program.name}'`,
        expected: `at most ${mostNodes} values`,
        found: 'more',
        hint: 'unroll less, or split the kernel',
      })
    }
    const local = this.#free[type].pop() ?? this.#newLocal(type)
    this.#scope.locals.push(local)
    return local
  }
  #newLocal(type: LocalType): number {
    const letter = { i32: 'i', f32: 'f', v128: 'v' }[type]
    return this.#locals.push({ type, name: `${letter}${this.#locals.length}` }) - 1
  }
}

function isLeaf({ name, operands }: Node): boolean {
  return operands.length === 0 && (name === 'local.get' || name.endsWith('.const'))
}

/** 32-bit integers with the bits of a float. */
export function floatBits(value: number): number {
  return new Int32Array(new Float32Array([value]).buffer)[0]!
}
export function allLanes(value: number): readonly number[] {
  return [value, value, value, value]
}
