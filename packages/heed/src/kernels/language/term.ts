import type {
  BinaryOperation,
  Comparison,
  Conversion,
  ElementType,
  MathOperation,
  Reduction,
  Type,
  UnaryOperation,
} from './ir.js'

/**
 * What scalars and vectors share: `f32` and `vector` are floats, `i32` and `ivector` integers, `bool` and
 * `mask` conditions.
 */
export type FloatType = 'f32' | 'vector'
export type IntegerType = 'i32' | 'ivector'
export type ConditionType = 'bool' | 'mask'

/** The condition that comparing two `T` gives. */
export type ConditionOf<T extends Type> = T extends 'i32' | 'f32' | 'bool' ? 'bool' : 'mask'
/** The scalar that fills a vector of type `T`. */
export type ScalarOf<T extends Type> = T extends FloatType ? 'f32' : T extends IntegerType ? 'i32' : 'bool'

export type Int = Term<'i32'>
export type Float = Term<'f32'>
export type Bool = Term<'bool'>
export type IntVector = Term<'ivector'>
export type Vector = Term<'vector'>
export type Mask = Term<'mask'>

/** What may stand on the right of an operation on `T`: the same type, its scalar (broadcast), or a number. */
export type Operand<T extends Type> = Term<T> | Term<ScalarOf<T>> | number

/** What terms write to: the builder, as far as they know it. */
export interface TermWriter {
  int(value: number): Int
  operand<T extends Type>(type: T, value: Operand<T>): Term<T>
  binary<T extends Type>(name: BinaryOperation, a: Term<T>, b: Term<T>): Term<T>
  unary<T extends Type>(name: UnaryOperation, a: Term<T>): Term<T>
  math<T extends FloatType>(name: MathOperation, a: Term<T>): Term<T>
  compare<T extends Type>(name: Comparison, a: Term<T>, b: Term<T>): Term<ConditionOf<T>>
  fma<T extends Type>(a: Term<T>, b: Term<T>, c: Term<T>): Term<T>
  select<T extends Type>(condition: Term<ConditionType>, a: Term<T>, b: Term<T>): Term<T>
  convert(name: Conversion, a: Term<Type>): Term<Type>
  reduce(name: Reduction, a: Term<Type>): Term<Type>
  read<T extends Type>(variable: Variable<T>): Term<T>
  assign<T extends Type>(variable: Variable<T>, value: Term<T>): void
  elementBytes(element: ElementType): number
  /** True where `fma` rounds once. */
  readonly fused: boolean
}

/**
 * A value inside a kernel. Each method appends an instruction to the kernel that is being built and gives its
 * result. Scalars on the right of a vector are broadcast. Constants are folded where that is exact.
 */
export class Term<T extends Type> {
  readonly builder: TermWriter
  readonly type: T
  readonly id: number
  /** The value, where it is known while building. */
  readonly constant: number | undefined

  constructor(builder: TermWriter, type: T, id: number, constant?: number) {
    this.builder = builder
    this.type = type
    this.id = id
    this.constant = constant
  }

  add(other: Operand<T>): Term<T> {
    return this.#binary('add', other)
  }
  sub(other: Operand<T>): Term<T> {
    return this.#binary('sub', other)
  }
  mul(other: Operand<T>): Term<T> {
    return this.#binary('mul', other)
  }
  /** Floats: quotient. Integers: truncated towards 0; the divisor must not be 0. */
  div(other: Operand<T>): Term<T> {
    return this.#binary('div', other)
  }
  /** Integers: remainder with the sign of the dividend. */
  rem(this: Term<T & IntegerType>, other: Operand<T & IntegerType>): Term<T & IntegerType> {
    return this.#binary('rem', other)
  }
  /**
   * The lesser. Of floats, NaN where either is (IEEE 754-2019 minimum, with −0 and 0 taken for equal). It is
   * one instruction beside a constant, else three.
   */
  min(other: Operand<T>): Term<T> {
    return this.#extreme('min', other)
  }
  /** The greater; else as `min`. */
  max(other: Operand<T>): Term<T> {
    return this.#extreme('max', other)
  }
  /** The lesser in one instruction: a NaN in `this` stays, one in `other` is ignored. */
  minIgnoringNaN(other: Operand<T>): Term<T> {
    return this.#binary('min', other)
  }
  /** The greater in one instruction: a NaN in `this` stays, one in `other` is ignored. */
  maxIgnoringNaN(other: Operand<T>): Term<T> {
    return this.#binary('max', other)
  }
  and(other: Operand<T>): Term<T> {
    return this.#binary('and', other)
  }
  or(other: Operand<T>): Term<T> {
    return this.#binary('or', other)
  }
  xor(other: Operand<T>): Term<T> {
    return this.#binary('xor', other)
  }
  shl(other: Operand<T>): Term<T> {
    return this.#binary('shl', other)
  }
  /** Arithmetic shift right. */
  shr(other: Operand<T>): Term<T> {
    return this.#binary('shr', other)
  }
  /** Logical shift right. */
  ushr(other: Operand<T>): Term<T> {
    return this.#binary('ushr', other)
  }

  neg(): Term<T> {
    return this.#unary('neg')
  }
  abs(): Term<T> {
    return this.#unary('abs')
  }
  sqrt(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#unary('sqrt')
  }
  floor(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#unary('floor')
  }
  ceil(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#unary('ceil')
  }
  /** To the nearest integer, ties to even. */
  round(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#unary('round')
  }
  not(): Term<T> {
    return this.#unary('not')
  }

  exp(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#math('exp')
  }
  log(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#math('log')
  }
  /** exp(x) − 1, without loss around 0. */
  expm1(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#math('expm1')
  }
  /** log(1 + x), without loss around 0. */
  log1p(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#math('log1p')
  }
  tanh(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#math('tanh')
  }
  erf(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#math('erf')
  }
  /** 1 / sqrt(x) */
  rsqrt(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#math('rsqrt')
  }
  sin(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#math('sin')
  }
  cos(this: Term<T & FloatType>): Term<T & FloatType> {
    return this.#math('cos')
  }

  eq(other: Operand<T>): Term<ConditionOf<T>> {
    return this.#compare('eq', other)
  }
  ne(other: Operand<T>): Term<ConditionOf<T>> {
    return this.#compare('ne', other)
  }
  lt(other: Operand<T>): Term<ConditionOf<T>> {
    return this.#compare('lt', other)
  }
  le(other: Operand<T>): Term<ConditionOf<T>> {
    return this.#compare('le', other)
  }
  gt(other: Operand<T>): Term<ConditionOf<T>> {
    return this.#compare('gt', other)
  }
  ge(other: Operand<T>): Term<ConditionOf<T>> {
    return this.#compare('ge', other)
  }

  /** this × factor + addend: rounded once where the machine fuses, else twice. */
  fma(factor: Operand<T>, addend: Operand<T>): Term<T> {
    return this.builder.fma(this, this.#operand(factor), this.#operand(addend))
  }
  /**
   * On conditions: this ? a : b. A bool chooses between scalars, a mask between vectors (scalars are
   * broadcast).
   */
  select<V extends Type>(a: Term<V>, b: Operand<V>): Term<V> {
    return this.builder.select(this as Term<ConditionType>, a, this.builder.operand(a.type, b))
  }

  toFloat(this: Term<T & IntegerType>): Term<T extends 'i32' ? 'f32' : 'vector'> {
    return this.builder.convert('toFloat', this) as never
  }
  /** Truncates towards 0. */
  toInt(this: Term<T & FloatType>): Term<T extends 'f32' ? 'i32' : 'ivector'> {
    return this.builder.convert('toInt', this) as never
  }
  /** The 32 bits of a float, as an integer. */
  toBits(this: Term<T & FloatType>): Term<T extends 'f32' ? 'i32' : 'ivector'> {
    return this.builder.convert('toBits', this) as never
  }
  fromBits(this: Term<T & IntegerType>): Term<T extends 'i32' ? 'f32' : 'vector'> {
    return this.builder.convert('fromBits', this) as never
  }
  /** A vector with this scalar in each lane. */
  broadcast(
    this: Term<T & ('i32' | 'f32' | 'bool')>,
  ): Term<T extends 'i32' ? 'ivector' : T extends 'f32' ? 'vector' : 'mask'> {
    return this.builder.convert('broadcast', this) as never
  }

  /** The sum over the lanes. */
  sum(this: Term<T & ('vector' | 'ivector')>): Term<ScalarOf<T>> {
    return this.builder.reduce('sum', this) as never
  }
  /** The least over the lanes; of floats NaN where one is. */
  least(this: Term<T & ('vector' | 'ivector')>): Term<ScalarOf<T>> {
    return this.#extremeLane('least') as never
  }
  /** The largest over the lanes; of floats NaN where one is. */
  largest(this: Term<T & ('vector' | 'ivector')>): Term<ScalarOf<T>> {
    return this.#extremeLane('largest') as never
  }
  /**
   * The largest over the lanes, of which none may be NaN, or whose NaNs show elsewhere: with one it is
   * unspecified.
   */
  largestIgnoringNaN(this: Term<T & 'vector'>): Term<'f32'> {
    return this.builder.reduce('largest', this) as never
  }
  any(this: Term<T & 'mask'>): Bool {
    return this.builder.reduce('any', this) as never
  }
  all(this: Term<T & 'mask'>): Bool {
    return this.builder.reduce('all', this) as never
  }

  #operand(other: Operand<T>): Term<T> {
    return this.builder.operand(this.type, other)
  }
  #binary(name: BinaryOperation, other: Operand<T>): Term<T> {
    return this.builder.binary(name, this, this.#operand(other))
  }
  #extreme(name: 'min' | 'max', value: Operand<T>): Term<T> {
    const other = this.#operand(value)
    const { builder, type } = this
    if ((type !== 'f32' && type !== 'vector') || isNumber(other)) return builder.binary(name, this, other)
    if (isNumber(this)) return builder.binary(name, other, this)
    return builder.select(other.ne(other) as Term<ConditionType>, other, builder.binary(name, this, other))
  }
  #extremeLane(name: 'least' | 'largest'): Term<Type> {
    const found = this.builder.reduce(name, this)
    if (this.type !== 'vector') return found
    const faulty = this.builder.reduce('any', this.ne(this as Operand<T>))
    return this.builder.select(faulty as Bool, this.builder.operand('f32', NaN) as Term<Type>, found)
  }
  #unary(name: UnaryOperation): Term<T> {
    return this.builder.unary(name, this)
  }
  #math(name: MathOperation): Term<T & FloatType> {
    return this.builder.math(name, this as Term<T & FloatType>)
  }
  #compare(name: Comparison, other: Operand<T>): Term<ConditionOf<T>> {
    return this.builder.compare(name, this, this.#operand(other))
  }
}

/** Whether the value is known, and not NaN. */
function isNumber({ constant }: { readonly constant: number | undefined }): boolean {
  return constant !== undefined && !Number.isNaN(constant)
}

/** A place that can be assigned again: what a loop carries from one round to the next. */
export class Variable<T extends Type> {
  readonly builder: TermWriter
  readonly type: T
  readonly id: number

  constructor(builder: TermWriter, type: T, id: number) {
    this.builder = builder
    this.type = type
    this.id = id
  }

  get(): Term<T> {
    return this.builder.read(this)
  }
  set(value: Operand<T>): void {
    this.builder.assign(this, this.builder.operand(this.type, value))
  }
}

/** A typed address in the heap. Steps are counted in elements of `E`. */
export class Pointer<E extends ElementType = ElementType> {
  readonly builder: TermWriter
  readonly element: E
  /** Byte address. */
  readonly address: Int
  /** Bytes to add to the address, ≥ 0, known while building: it costs nothing at run time. */
  readonly offset: number

  constructor(builder: TermWriter, element: E, address: Int, offset = 0) {
    this.builder = builder
    this.element = element
    this.address = address
    this.offset = offset
  }

  /** The pointer `elements` further on. */
  at(elements: Int | number): Pointer<E> {
    const bytes = this.builder.elementBytes(this.element)
    const known = typeof elements === 'number' ? elements : elements.constant
    if (known !== undefined) {
      const offset = this.offset + known * bytes
      if (offset >= 0) return new Pointer(this.builder, this.element, this.address, offset)
      return new Pointer(this.builder, this.element, this.address.add(offset), 0)
    }
    return new Pointer(
      this.builder,
      this.element,
      this.address.add((elements as Int).mul(bytes)),
      this.offset,
    )
  }

  /** The same address, read as another element type. */
  as<F extends ElementType>(element: F): Pointer<F> {
    return new Pointer(this.builder, element, this.address, this.offset)
  }
}
