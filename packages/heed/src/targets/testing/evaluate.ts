import { f16ToF32 } from '../../base/index.js'
import type {
  BinaryOperation,
  Block,
  Comparison,
  Conversion,
  Instruction,
  MachineElement,
  StoredElement,
  Program,
  Reduction,
  Type,
  UnaryOperation,
} from '../../kernels/index.js'
import { fromBits, roundTiesToEven, toBits } from '../interpreter/mathematics.js'

const f = Math.fround

/**
 * What a program means on its own machine, read instruction by instruction: any number of lanes, each float
 * rounded to f32, `fma` rounded once where the machine says so. Conditions are 0 or 1. Slow, plain, and the
 * same for every target.
 */
export function evaluate(
  program: Program,
  heap: ArrayBufferLike,
  parameters: number,
  begin: number,
  end: number,
  scratch: number,
): void {
  const evaluator = new Evaluator(program, new DataView(heap), parameters, scratch)
  evaluator.block(program.prologue)
  for (let task = begin; task < end; task++) {
    evaluator.values[program.task] = [task]
    evaluator.block(program.body)
  }
}

class Evaluator {
  /** Results by number: one element for scalars, `lanes` for vectors. */
  readonly values: (readonly number[])[] = []
  readonly #variables: (readonly number[])[] = []
  readonly #program: Program
  readonly #heap: DataView
  readonly #parameters: number
  readonly #scratch: number
  readonly #lanes: number

  constructor(program: Program, heap: DataView, parameters: number, scratch: number) {
    this.#program = program
    this.#heap = heap
    this.#parameters = parameters
    this.#scratch = scratch
    this.#lanes = program.machine.lanes
  }

  block(block: Block): void {
    for (const instruction of block) this.#run(instruction)
  }

  #type(id: number): Type {
    return this.#program.types[id]!
  }
  #lanesOf(id: number): number {
    const type = this.#type(id)
    return type === 'vector' || type === 'ivector' || type === 'mask' ? this.#lanes : 1
  }
  #isFloat(id: number): boolean {
    const type = this.#type(id)
    return type === 'f32' || type === 'vector'
  }

  #run(instruction: Instruction): void {
    const { values } = this
    const of = (id: number): readonly number[] => values[id]!
    switch (instruction.op) {
      case 'constant': {
        const value = this.#isFloat(instruction.result) ? f(instruction.value) : instruction.value
        values[instruction.result] = fill(this.#lanesOf(instruction.result), () => value)
        break
      }
      case 'parameter': {
        const address = this.#parameters + 8 * instruction.index
        const float = this.#isFloat(instruction.result)
        values[instruction.result] = [
          float ? this.#heap.getFloat32(address, true) : this.#heap.getInt32(address, true),
        ]
        break
      }
      case 'scratch':
        values[instruction.result] = [this.#scratch | 0]
        break
      case 'laneIndex':
        values[instruction.result] = fill(this.#lanes, (lane) => lane)
        break
      case 'binary': {
        const { name, result, a, b } = instruction
        const operation = this.#isFloat(result) ? floatOperations[name]! : integerOperations[name]
        values[result] = of(a).map((x, i) => operation(x, of(b)[i]!))
        break
      }
      case 'unary': {
        const { name, result, a } = instruction
        const type = this.#type(result)
        if (type === 'bool' || type === 'mask') values[result] = of(a).map((x) => 1 - x)
        else
          values[result] = of(a).map(this.#isFloat(result) ? floatFunctions[name]! : integerFunctions[name]!)
        break
      }
      case 'compare': {
        const { name, result, a, b } = instruction
        values[result] = of(a).map((x, i) => Number(comparisons[name](x, of(b)[i]!)))
        break
      }
      case 'convert':
        values[instruction.result] = this.#convert(instruction.name, of(instruction.a))
        break
      case 'reduce':
        values[instruction.result] = [
          reduce(instruction.name, of(instruction.a), this.#isFloat(instruction.a)),
        ]
        break
      case 'fma': {
        const { result, a, b, c } = instruction
        const multiplyAdd = !this.#isFloat(result)
          ? (x: number, y: number, z: number) => (Math.imul(x, y) + z) | 0
          : this.#program.machine.fused
            ? fusedMultiplyAdd
            : (x: number, y: number, z: number) => f(f(x * y) + z)
        values[result] = of(a).map((x, i) => multiplyAdd(x, of(b)[i]!, of(c)[i]!))
        break
      }
      case 'shuffle': {
        const { name, result, a, b } = instruction
        const [x, y] = [of(a), of(b)]
        values[result] = x.map((_, i) => {
          const [group, lane] = [i - (i % 4), i % 4]
          const pick = { low: 0, high: 2, lowPairs: 0, highPairs: 2, evenGroups: 0, oddGroups: 4 }[name]
          if (name === 'low' || name === 'high') return (lane % 2 === 0 ? x : y)[group + pick + (lane >> 1)]!
          if (name === 'lowPairs' || name === 'highPairs')
            return (lane < 2 ? x : y)[group + pick + (lane % 2)]!
          return [...x, ...y][2 * group + pick + lane]!
        })
        break
      }
      case 'select': {
        const { result, condition, a, b } = instruction
        values[result] = of(condition).map((test, i) => (test ? of(a)[i]! : of(b)[i]!))
        break
      }
      case 'load': {
        const { element, result, address, offset, mask } = instruction
        const start = (of(address)[0]! >>> 0) + offset
        values[result] = fill(this.#lanesOf(result), (lane) =>
          mask === undefined || of(mask)[lane] ? this.#load(element, start + lane * sizes[element]) : 0,
        )
        break
      }
      case 'gather': {
        const { element, result, address, offset, indices, mask } = instruction
        const start = (of(address)[0]! >>> 0) + offset
        values[result] = of(indices).map((index, lane) =>
          mask === undefined || of(mask)[lane] ? this.#load(element, start + index * sizes[element]) : 0,
        )
        break
      }
      case 'prefetch':
        break
      case 'store': {
        const { element, value, address, offset, mask, past } = instruction
        const start = (of(address)[0]! >>> 0) + offset
        if (past && start % (sizes[element] * of(value).length) !== 0)
          throw new Error(`a store past the caches to ${start}, where a vector is not aligned`)
        of(value).forEach((x, lane) => {
          if (mask === undefined || of(mask)[lane]) this.#store(element, start + lane * sizes[element], x)
        })
        break
      }
      case 'declare':
      case 'assign':
        this.#variables[instruction.variable] = of(instruction.value)
        break
      case 'read':
        values[instruction.result] = this.#variables[instruction.variable]!
        break
      case 'loop': {
        const [start, end, step] = [instruction.start, instruction.end, instruction.step].map(
          (id) => of(id)[0]!,
        )
        for (let i = start!; i < end!; i += step!) {
          values[instruction.counter] = [i]
          this.block(instruction.body)
        }
        break
      }
      case 'while':
        for (;;) {
          this.block(instruction.condition)
          if (!of(instruction.test)[0]) break
          this.block(instruction.body)
        }
        break
      case 'if':
        this.block(of(instruction.test)[0] ? instruction.then : instruction.otherwise)
        break
      case 'math':
        throw new Error(`${instruction.name} is written out on machines without it`)
    }
  }

  #convert(name: Conversion, a: readonly number[]): readonly number[] {
    if (name === 'broadcast') return fill(this.#lanes, () => a[0]!)
    return a.map(conversions[name])
  }

  #load(element: MachineElement, address: number): number {
    const heap = this.#heap
    switch (element) {
      case 'f32':
        return heap.getFloat32(address, true)
      case 'i32':
        return heap.getInt32(address, true)
      case 'u16':
        return heap.getUint16(address, true)
      case 'f16':
        return f16ToF32(heap.getUint16(address, true))
      case 'u8':
        return heap.getUint8(address)
      case 'i8':
        return heap.getInt8(address)
    }
  }

  #store(element: StoredElement, address: number, value: number): void {
    if (element === 'f32') this.#heap.setFloat32(address, value, true)
    else if (element === 'i32') this.#heap.setInt32(address, value, true)
    else if (element === 'u16') this.#heap.setUint16(address, value, true)
    else this.#heap.setUint8(address, value)
  }
}

const sizes: Readonly<Record<MachineElement, number>> = {
  f32: 4,
  i32: 4,
  u16: 2,
  f16: 2,
  u8: 1,
  i8: 1,
}

function fill(count: number, value: (index: number) => number): readonly number[] {
  return Array.from({ length: count }, (_, index) => value(index))
}

const integerOperations: Readonly<Record<BinaryOperation, (a: number, b: number) => number>> = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: Math.imul,
  div: (a, b) => (a / b) | 0,
  rem: (a, b) => (a % b) | 0,
  min: Math.min,
  max: Math.max,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr: (a, b) => a >> b,
  ushr: (a, b) => (a >>> b) | 0,
}
const floatOperations: Readonly<Partial<Record<BinaryOperation, (a: number, b: number) => number>>> = {
  add: (a, b) => f(a + b),
  sub: (a, b) => f(a - b),
  mul: (a, b) => f(a * b),
  div: (a, b) => f(a / b),
  min: (a, b) => (b < a ? b : a),
  max: (a, b) => (a < b ? b : a),
}
const integerFunctions: Readonly<Partial<Record<UnaryOperation, (a: number) => number>>> = {
  neg: (a) => -a | 0,
  abs: (a) => Math.abs(a) | 0,
  not: (a) => ~a,
}
const floatFunctions: Readonly<Partial<Record<UnaryOperation, (a: number) => number>>> = {
  neg: (a) => -a,
  abs: Math.abs,
  sqrt: (a) => f(Math.sqrt(a)),
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundTiesToEven,
}
const comparisons: Readonly<Record<Comparison, (a: number, b: number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
}
const conversions: Readonly<Record<Exclude<Conversion, 'broadcast'>, (a: number) => number>> = {
  toFloat: f,
  toInt: (a) => Math.trunc(a) | 0,
  toBits,
  fromBits,
}

/** Halves are combined until one lane is left. */
function reduce(name: Reduction, a: readonly number[], float: boolean): number {
  if (name === 'any') return Number(a.some((x) => x !== 0))
  if (name === 'all') return Number(a.every((x) => x !== 0))
  const combine = (float ? floatOperations : integerOperations)[
    ({ sum: 'add', least: 'min', largest: 'max' } as const)[name]
  ]!
  let rest = a
  while (rest.length > 1) {
    const half = rest.length / 2
    const upper = rest.slice(half)
    rest = rest.slice(0, half).map((x, i) => combine(x, upper[i]!))
  }
  return rest[0]!
}

const double = new Float64Array(1)
const doubleBits = new BigInt64Array(double.buffer)

/**
 * a × b + c, rounded once to f32. The product is exact in f64; the sum is rounded there to odd, after which
 * rounding it again does no harm (Boldo and Melquiond 2008).
 */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b
  const sum = product + c
  if (!Number.isFinite(sum)) return f(sum)
  const other = sum - product
  const error = product - (sum - other) + (c - other)
  if (error === 0) return f(sum)
  double[0] = sum
  if ((doubleBits[0]! & 1n) === 0n) doubleBits[0]! += error > 0 === sum > 0 ? 1n : -1n
  return f(double[0])
}
