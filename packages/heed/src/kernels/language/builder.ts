import { HeedError } from '../../base/index.js'
import { foldBinary } from './fold.js'
import type {
  BinaryOperation,
  Block,
  Comparison,
  Conversion,
  ElementType,
  Instruction,
  Machine,
  MachineElement,
  MathOperation,
  NarrowDot,
  Reduction,
  Shuffle,
  Type,
  UnaryOperation,
} from './ir.js'
import { expandMath } from './math.js'
import { dotBytesByShorts, dotHalvesByFloats } from './narrow-dot.js'
import type {
  ConditionOf,
  ConditionType,
  FloatType,
  Int,
  IntVector,
  Mask,
  Operand,
  TermWriter,
  Vector,
} from './term.js'
import { Pointer, Term, Variable } from './term.js'

/** f32 loads of half-precision elements come back as floats, integer elements as integers. */
export type LoadedScalar<E extends ElementType> = E extends 'f32' | 'f16' | 'bf16' ? 'f32' : 'i32'
export type LoadedVector<E extends ElementType> = E extends 'f32' | 'f16' | 'bf16' ? 'vector' : 'ivector'

const vectorTypes: Readonly<Record<Type, Type>> = {
  i32: 'ivector',
  f32: 'vector',
  bool: 'mask',
  ivector: 'ivector',
  vector: 'vector',
  mask: 'mask',
}
const scalarTypes: Readonly<Record<Type, Type>> = {
  i32: 'i32',
  f32: 'f32',
  bool: 'bool',
  ivector: 'i32',
  vector: 'f32',
  mask: 'bool',
}
const conditionTypes: Readonly<Record<Type, ConditionType>> = {
  i32: 'bool',
  f32: 'bool',
  bool: 'bool',
  ivector: 'mask',
  vector: 'mask',
  mask: 'mask',
}
const elementSizes: Readonly<Record<ElementType, number>> = {
  f32: 4,
  i32: 4,
  u16: 2,
  f16: 2,
  bf16: 2,
  u8: 1,
  i8: 1,
}

/**
 * Writes a kernel: control flow, memory and constants are methods here, arithmetic is methods of `Term`.
 * Kernels ask `machine` for lanes and registers and shape their tiles by them.
 */
export class Builder implements TermWriter {
  readonly machine: Machine
  readonly lanes: number
  readonly fused: boolean
  readonly types: Type[] = []
  readonly variables: Type[] = []
  #block: Block = []

  constructor(machine: Machine) {
    this.machine = machine
    this.lanes = machine.lanes
    this.fused = machine.fused
  }

  // ---- constants ----
  int(value: number): Int {
    return this.#constant('i32', value | 0)
  }
  float(value: number): Term<'f32'> {
    return this.#constant('f32', value)
  }
  bool(value: boolean): Term<'bool'> {
    return this.#constant('bool', value ? 1 : 0)
  }
  /** The same float in each lane. */
  vector(value: number): Vector {
    return this.#constant('vector', value)
  }
  /** The same integer in each lane. */
  intVector(value: number): IntVector {
    return this.#constant('ivector', value | 0)
  }
  /** 0, 1, …, lanes − 1 */
  laneIndex(): IntVector {
    return this.#result('ivector', (result) => ({ op: 'laneIndex', result }))
  }

  // ---- control flow ----
  /** for (i = start; i < end; i += step) body(i). `step` > 0. */
  loop(start: Int | number, end: Int | number, step: Int | number, body: (i: Int) => void): void {
    const counter = this.#number('i32')
    const [first, last, stride] = [
      this.operand('i32', start),
      this.operand('i32', end),
      this.operand('i32', step),
    ]
    const block = this.block(() => body(new Term(this, 'i32', counter)))
    this.#emit({ op: 'loop', counter, start: first.id, end: last.id, step: stride.id, body: block })
  }

  /** Writes `count` copies of the body, with i known while building. */
  unroll(count: number, body: (i: number) => void): void {
    for (let i = 0; i < count; i++) body(i)
  }

  /**
   * Like `unroll`, but the copies' instructions take turns: a processor looks some tens of instructions
   * ahead, and there finds those of other copies while one waits for its last result. What a copy does must
   * not depend on another.
   */
  interleave(count: number, body: (i: number) => void): void {
    if (this.machine.name !== 'x64') return this.unroll(count, body) // V8 would run out of registers
    const copies = Array.from({ length: count }, (_, i) => this.block(() => body(i)))
    const longest = Math.max(...copies.map((copy) => copy.length))
    for (let place = 0; place < longest; place++)
      for (const copy of copies) if (place < copy.length) this.#emit(copy[place]!)
  }

  while(condition: () => Term<'bool'>, body: () => void): void {
    let test: Term<'bool'> | undefined
    const conditionBlock = this.block(() => {
      test = condition()
    })
    this.#emit({ op: 'while', condition: conditionBlock, test: test!.id, body: this.block(body) })
  }

  if(test: Term<'bool'>, then: () => void, otherwise: () => void = () => {}): void {
    if (test.constant !== undefined) {
      ;(test.constant ? then : otherwise)()
      return
    }
    this.#emit({ op: 'if', test: test.id, then: this.block(then), otherwise: this.block(otherwise) })
  }

  /**
   * Covers 0 … count − 1 with whole vectors and one masked tail: body(i) for each whole vector that starts at
   * i, then body(i, mask) once if elements are left. Inside the tail, lane l is active where i + l < count.
   * `together` (a power of two) vectors are interleaved as long as there are so many; then the one that
   * starts at i + ahead is meant.
   */
  vectors(
    count: Int | number,
    body: (i: Int, mask: Mask | undefined, ahead: number) => void,
    together = 1,
  ): void {
    const total = this.operand('i32', count)
    if (this.lanes === 1) {
      this.loop(0, total, 1, (i) => body(i, undefined, 0))
      return
    }
    const upTo = (multiple: number): Int =>
      total.constant === undefined ? total.and(-multiple) : this.int(total.constant & -multiple)
    const [several, whole] = [together === 1 ? this.int(0) : upTo(this.lanes * together), upTo(this.lanes)]
    if (several.constant !== 0)
      this.loop(0, several, this.lanes * together, (i) =>
        this.interleave(together, (copy) => body(i, undefined, copy * this.lanes)),
      )
    if (whole.constant !== several.constant || whole.constant === undefined)
      this.loop(several, whole, this.lanes, (i) => body(i, undefined, 0))
    this.if(whole.lt(total), () => body(whole, this.tail(total.sub(whole)), 0))
  }

  /** The mask whose first `count` lanes are active. */
  tail(count: Int | number): Mask {
    return this.laneIndex().lt(this.operand('i32', count))
  }

  /** A variable that starts with `value`; it lives until the end of the block that declares it. */
  variable<T extends Type>(value: Term<T>): Variable<T> {
    const id = this.variables.push(value.type) - 1
    this.#emit({ op: 'declare', variable: id, value: value.id })
    return new Variable(this, value.type, id)
  }

  // ---- memory ----
  elementBytes(element: ElementType): number {
    return element === 'f32' ? this.machine.floatBytes : elementSizes[element]
  }
  /**
   * This thread's scratch memory: as many bytes as the launch asked for, 64-byte aligned, contents
   * unspecified at the start of each task.
   */
  scratch<E extends ElementType>(element: E): Pointer<E> {
    return new Pointer(
      this,
      element,
      this.#result('i32', (result) => ({ op: 'scratch', result })),
    )
  }
  /** One element. */
  loadScalar<E extends ElementType>(pointer: Pointer<E>): Term<LoadedScalar<E>> {
    return this.#load(pointer, false) as never
  }
  /** `lanes` consecutive elements; lanes outside the mask are 0 and not touched. */
  load<E extends ElementType>(pointer: Pointer<E>, mask?: Mask): Term<LoadedVector<E>> {
    return this.#load(pointer, true, mask) as never
  }
  /** One element, in each lane. */
  loadBroadcast<E extends ElementType>(pointer: Pointer<E>): Term<LoadedVector<E>> {
    return this.convert('broadcast', this.#load(pointer, false)) as never
  }
  /** Lane l is the element at `pointer + indices[l]`; lanes outside the mask are 0 and not touched. */
  gather<E extends 'f32' | 'i32'>(
    pointer: Pointer<E>,
    indices: IntVector,
    mask?: Mask,
  ): Term<LoadedVector<E>> {
    return this.#result(pointer.element === 'f32' ? 'vector' : 'ivector', (result) => ({
      op: 'gather',
      element: pointer.element,
      result,
      address: pointer.address.id,
      offset: pointer.offset,
      indices: indices.id,
      ...(mask && { mask: mask.id }),
    })) as never
  }
  /**
   * Writes a scalar (one element) or a vector (`lanes` elements); lanes outside the mask keep what they had.
   * f16 and bf16 are not written by kernels.
   */
  store<E extends 'f32' | 'i32' | 'u16' | 'u8' | 'i8'>(
    pointer: Pointer<E>,
    value: Term<LoadedVector<E>> | Term<LoadedScalar<E>>,
    mask?: Mask,
  ): void {
    this.#emit({
      op: 'store',
      element: pointer.element,
      value: value.id,
      address: pointer.address.id,
      offset: pointer.offset,
      ...(mask && { mask: mask.id }),
    })
  }
  /** Whether `storePast` is more than `store`. */
  get storesPast(): boolean {
    return this.machine.name === 'x64'
  }
  /**
   * `store`, but past the caches where the machine can: for what nobody reads soon. A line that is written as
   * a whole then need not be read before. Without a mask the place must be aligned to the vector's bytes;
   * with one it is `store`.
   */
  storePast<E extends 'f32' | 'i32'>(pointer: Pointer<E>, value: Term<LoadedVector<E>>, mask?: Mask): void {
    if (!this.storesPast || mask !== undefined) return this.store(pointer, value, mask)
    const { element, address, offset } = pointer
    this.#emit({ op: 'store', element, value: value.id, address: address.id, offset, past: true })
  }
  /**
   * Asks for what lies at `pointer`, which will be read soon, where the machine can be asked. Any address is
   * allowed.
   */
  prefetch(pointer: Pointer<ElementType>): void {
    if (this.machine.name !== 'x64') return
    this.#emit({ op: 'prefetch', address: pointer.address.id, offset: pointer.offset })
  }

  // ---- narrow elements ----
  /** sum + the products of four bytes in each lane, `a`'s unsigned and `b`'s signed: exact, wrapping. */
  dotBytes(sum: IntVector, a: IntVector, b: IntVector): IntVector {
    return this.machine.dots.has('bytes') ? this.#dot('bytes', sum, a, b) : dotBytesByShorts(this, sum, a, b)
  }
  /** `dotBytes` where each byte of `a` is below 128, which more machines have. */
  dotSevenBits(sum: IntVector, a: IntVector, b: IntVector): IntVector {
    return this.machine.dots.has('sevenBits') ? this.#dot('sevenBits', sum, a, b) : this.dotBytes(sum, a, b)
  }
  /** sum + the products of two signed 16-bit integers in each lane: exact, wrapping. */
  dotShorts(sum: IntVector, a: IntVector, b: IntVector): IntVector {
    return this.#dot('shorts', sum, a, b)
  }
  /**
   * sum + the products of two bf16 numbers in each lane, the upper ones first; see `NarrowDot` for how it
   * rounds.
   */
  dotHalves(sum: Vector, a: IntVector, b: IntVector): Vector {
    return this.machine.dots.has('halves') ? this.#dot('halves', sum, a, b) : dotHalvesByFloats(sum, a, b)
  }

  // ---- what Term's methods call ----
  operand<T extends Type>(type: T, value: Operand<T>): Term<T> {
    if (typeof value === 'number')
      return this.#constant(type, type === 'f32' || type === 'vector' ? value : value | 0)
    if (value.type === type) return value as Term<T>
    if (value.type === scalarTypes[type]) return this.convert('broadcast', value as Term<Type>) as Term<T>
    throw new HeedError({
      operation: 'kernel',
      expected: `an operand of type ${type} or ${scalarTypes[type]}`,
      found: value.type,
      hint: 'convert it with toFloat, toInt or broadcast',
    })
  }

  binary<T extends Type>(name: BinaryOperation, a: Term<T>, b: Term<T>): Term<T> {
    const folded = foldBinary(this, name, a, b)
    if (folded !== undefined) return folded
    return this.#result(a.type, (result) => ({ op: 'binary', name, result, a: a.id, b: b.id }))
  }
  unary<T extends Type>(name: UnaryOperation, a: Term<T>): Term<T> {
    return this.#result(a.type, (result) => ({ op: 'unary', name, result, a: a.id }))
  }
  math<T extends FloatType>(name: MathOperation, a: Term<T>): Term<T> {
    return this.machine.math
      ? this.#result(a.type, (result) => ({ op: 'math', name, result, a: a.id }))
      : expandMath(this, name, a)
  }
  compare<T extends Type>(name: Comparison, a: Term<T>, b: Term<T>): Term<ConditionOf<T>> {
    if (a.type === 'i32' && a.constant !== undefined && b.constant !== undefined) {
      const [x, y] = [a.constant, b.constant]
      const truth = { eq: x === y, ne: x !== y, lt: x < y, le: x <= y, gt: x > y, ge: x >= y }[name]
      return this.bool(truth) as never
    }
    return this.#result(conditionTypes[a.type], (result) => ({
      op: 'compare',
      name,
      result,
      a: a.id,
      b: b.id,
    })) as never
  }
  fma<T extends Type>(a: Term<T>, b: Term<T>, c: Term<T>): Term<T> {
    return this.#result(a.type, (result) => ({ op: 'fma', result, a: a.id, b: b.id, c: c.id }))
  }
  shuffle<T extends 'vector' | 'ivector'>(name: Shuffle, a: Term<T>, b: Term<T>): Term<T> {
    return this.#result(a.type, (result) => ({ op: 'shuffle', name, result, a: a.id, b: b.id }))
  }
  select<T extends Type>(condition: Term<ConditionType>, a: Term<T>, b: Term<T>): Term<T> {
    const test =
      condition.type === conditionTypes[a.type]
        ? condition
        : (this.convert('broadcast', condition) as Term<ConditionType>)
    return this.#result(a.type, (result) => ({ op: 'select', result, condition: test.id, a: a.id, b: b.id }))
  }
  convert(name: Conversion, a: Term<Type>): Term<Type> {
    if (name === 'broadcast' && a.constant !== undefined && a.type !== 'bool')
      return this.#constant(vectorTypes[a.type], a.constant)
    return this.#result(conversionResult(name, a.type), (result) => ({
      op: 'convert',
      name,
      result,
      a: a.id,
    }))
  }
  reduce(name: Reduction, a: Term<Type>): Term<Type> {
    return this.#result(scalarTypes[a.type], (result) => ({ op: 'reduce', name, result, a: a.id }))
  }
  read<T extends Type>(variable: Variable<T>): Term<T> {
    return this.#result(variable.type, (result) => ({ op: 'read', result, variable: variable.id }))
  }
  assign<T extends Type>(variable: Variable<T>, value: Term<T>): void {
    this.#emit({ op: 'assign', variable: variable.id, value: value.id })
  }

  /** Runs `write` and gives what it appended, as a block of its own. */
  block(write: () => void): Block {
    const outer = this.#block
    const inner: Block = []
    this.#block = inner
    try {
      write()
    } finally {
      this.#block = outer
    }
    return inner
  }

  /** Reads parameter `index` (done by `assemble`). */
  parameter(index: number, type: 'i32' | 'f32'): Term<'i32' | 'f32'> {
    return this.#result(type, (result) => ({ op: 'parameter', result, index }))
  }
  /** A number for a result that no instruction makes: the task. */
  counter(): Int {
    return new Term(this, 'i32', this.#number('i32'))
  }

  #load(pointer: Pointer, vector: boolean, mask?: Mask): Term<Type> {
    const { element, address, offset } = pointer
    const direct = element === 'f16' && vector && mask === undefined && this.machine.loadsF16 === true
    const half = element === 'bf16' || (element === 'f16' && !direct)
    const machineElement: MachineElement = half ? 'u16' : (element as MachineElement)
    const float = element === 'f32' || direct
    const type: Type = float ? (vector ? 'vector' : 'f32') : vector ? 'ivector' : 'i32'
    const loaded = this.#result(type, (result) => ({
      op: 'load',
      element: machineElement,
      result,
      address: address.id,
      offset,
      ...(mask && { mask: mask.id }),
    }))
    if (element === 'bf16') return (loaded as IntVector).shl(16).fromBits()
    if (element === 'f16' && !direct) return halfToFloat(loaded as IntVector)
    return loaded
  }

  #dot<T extends 'vector' | 'ivector'>(name: NarrowDot, sum: Term<T>, a: IntVector, b: IntVector): Term<T> {
    return this.#result(sum.type, (result) => ({ op: 'dot', name, result, a: a.id, b: b.id, c: sum.id }))
  }

  #constant<T extends Type>(type: T, value: number): Term<T> {
    const result = this.#number(type)
    this.#emit({ op: 'constant', result, value })
    return new Term(this, type, result, value)
  }
  #number(type: Type): number {
    return this.types.push(type) - 1
  }
  #result<T extends Type>(type: T, make: (result: number) => Instruction): Term<T> {
    const result = this.#number(type)
    this.#emit(make(result))
    return new Term(this, type, result)
  }
  #emit(instruction: Instruction): void {
    this.#block.push(instruction)
  }
}

function conversionResult(name: Conversion, type: Type): Type {
  if (name === 'broadcast') return vectorTypes[type]
  const vector = type === 'vector' || type === 'ivector'
  return name === 'toFloat' || name === 'fromBits' ? (vector ? 'vector' : 'f32') : vector ? 'ivector' : 'i32'
}

/**
 * IEEE 754 binary16 in the low 16 bits of an integer -> float, exactly, subnormals, infinities and NaN
 * included.
 */
function halfToFloat(bits: IntVector): Vector {
  const sign = bits.and(0x8000).shl(16)
  const magnitude = bits.and(0x7fff)
  // Shifted into place the exponent is too small by 112; a product with 2^112 repairs it and makes subnormals
  // normal.
  const scaled = magnitude
    .shl(13)
    .fromBits()
    .mul(2 ** 112)
  // Infinity and NaN keep their payload under the largest exponent.
  const special = magnitude.shl(13).or(0x7f800000)
  return magnitude.ge(0x7c00).select(special, scaled.toBits()).or(sign).fromBits()
}
