import type { Block, Instruction, Program } from './ir.js'
import { countUses } from './uses.js'

/** Lines are broken by nobody: an expression that grows longer than this gets a name instead. */
const longest = 100

/** A result that is used once and not placed yet. */
interface Pending {
  readonly text: string
  /** Whether it must stand in brackets inside a larger expression. */
  readonly compound: boolean
  /** Reads the heap: must be placed before the next store. */
  readonly memory: boolean
  /** Reads these variables: must be placed before they are assigned. */
  readonly variables: readonly number[]
}

const infix: Readonly<Record<string, string>> = {
  add: '+',
  sub: '−',
  mul: '×',
  div: '/',
  rem: 'rem',
  and: 'and',
  or: 'or',
  xor: 'xor',
  shl: '<<',
  shr: '>>',
  ushr: '>>>',
  eq: '=',
  ne: '≠',
  lt: '<',
  le: '≤',
  gt: '>',
  ge: '≥',
}

/**
 * A program as a person reads it: loops and branches indented, each result that is used once inside the
 * expression that uses it, the others as `r12`, variables as `v3`. Types stand where a name is given:
 *
 *     kernel scale (x: f32*, factor: f32) on wasm, 4 lanes
 *     for each task:
 *       for i7 from 0 to 64 by 4:
 *         store f32 at x + 4 × i7: load f32 × broadcast(factor)
 */
export function printProgram(program: Program): string {
  const printer = new Printer(program)
  const { machine, parameters } = program
  const list = parameters.map(({ name, type }) => `${name}: ${type}`).join(', ')
  printer.line(0, `kernel ${program.name} (${list})`)
  printer.line(
    0,
    `on ${machine.name}: ${machine.lanes} ${machine.lanes === 1 ? 'lane' : 'lanes'} of ${8 * machine.floatBytes}-bit floats, ${
      machine.fused ? 'multiply-adds rounded once' : 'multiply-adds rounded twice'
    }`,
  )
  printer.block(program.prologue, 0)
  printer.line(0, 'for each task:')
  printer.block(program.body, 1)
  return printer.text()
}

class Printer {
  readonly #program: Program
  readonly #uses: Uint32Array
  readonly #lines: string[] = []
  readonly #names = new Map<number, string>()
  readonly #pending = new Map<number, Pending>()

  constructor(program: Program) {
    this.#program = program
    this.#uses = countUses(program)
    this.#names.set(program.task, 'task')
  }

  text(): string {
    return `${this.#lines.join('\n')}\n`
  }

  line(depth: number, text: string): void {
    this.#lines.push('  '.repeat(depth) + text)
  }

  block(block: Block, depth: number): void {
    const before = new Set(this.#pending.keys())
    for (const instruction of block) this.#instruction(instruction, depth)
    // What is left is used by nobody below, or by the test of a `while`, which follows at once.
    for (const id of this.#pending.keys())
      if (!before.has(id) && this.#uses[id] === 0) this.#pending.delete(id)
  }

  #instruction(instruction: Instruction, depth: number): void {
    switch (instruction.op) {
      case 'parameter': {
        this.#names.set(instruction.result, this.#program.parameters[instruction.index]!.name)
        return
      }
      case 'scratch': {
        this.#names.set(instruction.result, 'scratch')
        return
      }
      case 'constant': {
        this.#names.set(instruction.result, this.#constant(instruction.result, instruction.value))
        return
      }
      case 'read': {
        this.#define(instruction.result, depth, {
          text: `v${instruction.variable}`,
          variables: [instruction.variable],
        })
        return
      }
      case 'store': {
        const place = this.#address(instruction.address, instruction.offset)
        const masked = instruction.mask === undefined ? '' : ` where ${this.#use(instruction.mask)}`
        const past = instruction.past === undefined ? '' : ' past the caches'
        const value = this.#use(instruction.value)
        this.#settle(depth, (pending) => pending.memory)
        this.line(depth, `store ${instruction.element}${past} at ${place}${masked}: ${value}`)
        return
      }
      case 'prefetch': {
        this.line(depth, `prefetch ${this.#address(instruction.address, instruction.offset)}`)
        return
      }
      case 'declare': {
        const type = this.#program.variables[instruction.variable]!
        this.line(depth, `var v${instruction.variable}: ${type} := ${this.#use(instruction.value)}`)
        return
      }
      case 'assign': {
        const value = this.#use(instruction.value)
        this.#settle(depth, ({ variables }) => variables.includes(instruction.variable))
        this.line(depth, `v${instruction.variable} := ${value}`)
        return
      }
      case 'loop': {
        const counter = `i${instruction.counter}`
        this.#names.set(instruction.counter, counter)
        const range = `from ${this.#use(instruction.start)} to ${this.#use(instruction.end)} by ${this.#use(instruction.step)}`
        this.#settle(depth, () => true)
        this.line(depth, `for ${counter} ${range}:`)
        this.block(instruction.body, depth + 1)
        return
      }
      case 'while': {
        this.#settle(depth, () => true)
        this.line(depth, 'repeat:')
        this.block(instruction.condition, depth + 1)
        this.line(depth + 1, `unless ${this.#use(instruction.test)}: stop`)
        this.block(instruction.body, depth + 1)
        return
      }
      case 'if': {
        const test = this.#use(instruction.test)
        this.#settle(depth, () => true)
        this.line(depth, `if ${test}:`)
        this.block(instruction.then, depth + 1)
        if (instruction.otherwise.length > 0) {
          this.line(depth, 'else:')
          this.block(instruction.otherwise, depth + 1)
        }
        return
      }
      default:
        if (this.#uses[instruction.result] === 0) return
        this.#define(instruction.result, depth, this.#expression(instruction))
    }
  }

  #expression(
    instruction: Exclude<
      Instruction,
      {
        op:
          | 'parameter'
          | 'scratch'
          | 'constant'
          | 'read'
          | 'store'
          | 'prefetch'
          | 'declare'
          | 'assign'
          | 'loop'
          | 'while'
          | 'if'
      }
    >,
  ): Partial<Pending> & { readonly text: string } {
    switch (instruction.op) {
      case 'laneIndex':
        return { text: 'lane' }
      case 'binary':
      case 'compare': {
        const sign = infix[instruction.name]
        return sign === undefined
          ? this.#call(instruction.name, instruction.a, instruction.b)
          : this.#joined(` ${sign} `, instruction.a, instruction.b)
      }
      case 'shuffle':
        return this.#call(instruction.name, instruction.a, instruction.b)
      case 'fma':
        return this.#call('fma', instruction.a, instruction.b, instruction.c)
      case 'dot':
        return this.#call(`dot of ${instruction.name}`, instruction.a, instruction.b, instruction.c)
      case 'select':
        return this.#call('select', instruction.condition, instruction.a, instruction.b)
      case 'unary':
      case 'math':
      case 'convert':
        return this.#call(instruction.name, instruction.a)
      case 'reduce':
        return this.#call(`${instruction.name} of lanes`, instruction.a)
      case 'load': {
        const reads = this.#reads(instruction.address, instruction.mask)
        const masked = instruction.mask === undefined ? '' : ` where ${this.#use(instruction.mask)}`
        const place = this.#address(instruction.address, instruction.offset)
        const type = this.#program.types[instruction.result]!
        const all = type === 'vector' || type === 'ivector' ? 'lanes' : 'one'
        return {
          text: `load[${instruction.element} ${all} at ${place}${masked}]`,
          memory: true,
          variables: reads,
        }
      }
      case 'gather': {
        const reads = this.#reads(instruction.address, instruction.indices, instruction.mask)
        const masked = instruction.mask === undefined ? '' : ` where ${this.#use(instruction.mask)}`
        const place = `${this.#address(instruction.address, instruction.offset)}, elements ${this.#use(instruction.indices)}`
        return { text: `gather[${instruction.element} at ${place}${masked}]`, memory: true, variables: reads }
      }
    }
  }

  #call(name: string, ...ids: readonly number[]): Partial<Pending> & { readonly text: string } {
    const inside = this.#inside(ids)
    return { ...inside, text: `${name}(${ids.map((id) => this.#use(id)).join(', ')})` }
  }

  #joined(sign: string, ...ids: readonly number[]): Partial<Pending> & { readonly text: string } {
    const inside = this.#inside(ids)
    return { ...inside, text: ids.map((id) => this.#use(id, true)).join(sign), compound: true }
  }

  #inside(ids: readonly number[]): { memory: boolean; variables: readonly number[] } {
    return {
      memory: ids.some((id) => this.#pending.get(id)?.memory === true),
      variables: this.#reads(...ids),
    }
  }

  #reads(...ids: readonly (number | undefined)[]): number[] {
    return ids.flatMap((id) => (id === undefined ? [] : (this.#pending.get(id)?.variables ?? [])))
  }

  #address(id: number, offset: number): string {
    return offset === 0 ? this.#use(id) : `${this.#use(id)} + ${offset}`
  }

  /** Leaves a result pending if it is used once and short, else gives it a name now. */
  #define(id: number, depth: number, given: Partial<Pending> & { readonly text: string }): void {
    const pending: Pending = { compound: false, memory: false, variables: [], ...given }
    if (this.#uses[id] === 0) return
    this.#pending.set(id, pending)
    const isVariable = pending.variables.length === 1 && pending.text === `v${pending.variables[0]}`
    if (this.#uses[id]! > 1 && !isVariable) this.#place(id, depth)
    else if (pending.text.length > longest) this.#place(id, depth)
  }

  #place(id: number, depth: number): void {
    const { text } = this.#pending.get(id)!
    this.#pending.delete(id)
    this.#names.set(id, `r${id}`)
    this.line(depth, `r${id}: ${this.#program.types[id]} = ${text}`)
  }

  #settle(depth: number, which: (pending: Pending) => boolean): void {
    for (const [id, pending] of this.#pending) if (which(pending)) this.#place(id, depth)
  }

  /** The text of a result where it is used. */
  #use(id: number, bracketed = false): string {
    const pending = this.#pending.get(id)
    if (pending === undefined) return this.#names.get(id) ?? `r${id}`
    if (--this.#uses[id]! === 0) this.#pending.delete(id)
    return bracketed && pending.compound ? `(${pending.text})` : pending.text
  }

  #constant(id: number, value: number): string {
    const type = this.#program.types[id]!
    if (type === 'bool' || type === 'mask') return value !== 0 ? 'true' : 'false'
    if (type === 'f32' || type === 'vector') return Number.isInteger(value) ? `${value}.0` : `${value}`
    return `${value}`
  }
}
