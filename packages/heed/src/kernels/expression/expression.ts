import { kindOf, UsageError } from '../../base/index.js'
import type { BinaryName, ComparisonName, Kind, Operation } from './operation.js'
import { simplify } from './simplify.js'
import { noteMade, refusePrimitive } from './tracing.js'

/**
 * What may stand on the right: numbers are lifted, integers become floats where a float stands on the left.
 */
export type Lifted<K extends Kind> = K extends 'float'
  ? Expression<'float'> | Expression<'integer'> | number
  : K extends 'integer'
    ? Expression<'integer'> | number
    : Expression<'boolean'> | boolean

type Number_ = 'float' | 'integer'

/**
 * A scalar function of positions and of elements of tensors, as a graph: what tracing a user's TypeScript
 * function gives. Immutable. Methods build larger expressions; identities that hold for every float (x − 0, x
 * × 1, arithmetic on constants) are simplified at once.
 */
export class Expression<K extends Kind = Kind> {
  readonly kind: K
  readonly operation: Operation
  readonly operands: readonly Expression[]
  /**
   * The constant (booleans: 0, 1), the slot, the axis, or the number on the right of pow, divideBy,
   * remainderBy.
   */
  readonly value: number | string

  constructor(
    kind: K,
    operation: Operation,
    operands: readonly Expression[] = [],
    value: number | string = 0,
  ) {
    this.kind = kind
    this.operation = operation
    this.operands = operands
    this.value = value
  }

  add<N extends Number_>(this: Expression<N>, other: Lifted<N>): Expression<N> {
    return this.#binary('add', other)
  }
  sub<N extends Number_>(this: Expression<N>, other: Lifted<N>): Expression<N> {
    return this.#binary('sub', other)
  }
  mul<N extends Number_>(this: Expression<N>, other: Lifted<N>): Expression<N> {
    return this.#binary('mul', other)
  }
  /**
   * The lesser. Its gradient goes to the lesser operand; of equals half to each, all of it to the one that is
   * no constant.
   */
  min<N extends Number_>(this: Expression<N>, other: Lifted<N>): Expression<N> {
    return this.#binary('min', other)
  }
  /** The greater; gradients as for `min`. (x.max(0) has gradient 1 at 0; x.gt(0).select(x, 0) has 0.) */
  max<N extends Number_>(this: Expression<N>, other: Lifted<N>): Expression<N> {
    return this.#binary('max', other)
  }
  neg<N extends Number_>(this: Expression<N>): Expression<N> {
    return make(this.kind, 'neg', [this])
  }
  /** The gradient at 0 is 0. */
  abs<N extends Number_>(this: Expression<N>): Expression<N> {
    return make(this.kind, 'abs', [this])
  }

  /** Floats: the quotient. */
  div(this: Expression<'float'>, other: Lifted<'float'>): Expression<'float'> {
    return this.#binary('div', other)
  }
  sqrt(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'sqrt', [this])
  }
  /** 1 / sqrt(x) */
  rsqrt(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'rsqrt', [this])
  }
  exp(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'exp', [this])
  }
  /** exp(x) − 1, without loss around 0. */
  expm1(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'expm1', [this])
  }
  /** log(1 + x), without loss around 0. */
  log1p(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'log1p', [this])
  }
  /** The logistic function 1 / (1 + exp(−x)). */
  sigmoid(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'sigmoid', [this])
  }
  /** log(1 + exp(x)), without overflow; small results keep their digits. */
  softplus(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'softplus', [this])
  }
  /** log(sigmoid(x)) = −softplus(−x), without underflow. */
  logSigmoid(this: Expression<'float'>): Expression<'float'> {
    return this.neg().softplus().neg()
  }
  /** The natural logarithm. */
  log(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'log', [this])
  }
  tanh(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'tanh', [this])
  }
  /** The error function, 2 / sqrt(π) ∫ exp(−t²) dt from 0 to x. */
  erf(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'erf', [this])
  }
  /** Of an angle in radians. */
  sin(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'sin', [this])
  }
  cos(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'cos', [this])
  }
  /** The largest whole number that is not above; its gradient is 0. */
  floor(this: Expression<'float'>): Expression<'float'> {
    return make('float', 'floor', [this])
  }
  /** x to a power that is known: NaN below 0 where that is not whole. */
  pow(this: Expression<'float'>, exponent: number): Expression<'float'> {
    if (typeof exponent !== 'number')
      throw refuse('pow', 'an exponent that is a number', kindOfValue(exponent), 'write exp(y.mul(x.log()))')
    return make('float', 'pow', [this], exponent)
  }
  square(this: Expression<'float'>): Expression<'float'> {
    return this.mul(this)
  }
  /** Cut off towards 0; its gradient is 0. */
  toInteger(this: Expression<'float'>): Expression<'integer'> {
    return make('integer', 'toInteger', [this])
  }

  /** ⌊x / divisor⌋ for a whole divisor ≥ 1: rounds down below 0, too. */
  divideBy(this: Expression<'integer'>, divisor: number): Expression<'integer'> {
    return make('integer', 'divideBy', [this], positive('divideBy', divisor))
  }
  /** x − divisor ⌊x / divisor⌋, in 0 … divisor − 1. */
  remainderBy(this: Expression<'integer'>, divisor: number): Expression<'integer'> {
    return make('integer', 'remainderBy', [this], positive('remainderBy', divisor))
  }
  /** x · 2^count */
  shl(this: Expression<'integer'>, count: Lifted<'integer'>): Expression<'integer'> {
    return this.#binary('shl', count)
  }
  /** ⌊x / 2^count⌋ */
  shr(this: Expression<'integer'>, count: Lifted<'integer'>): Expression<'integer'> {
    return this.#binary('shr', count)
  }
  /** ⌊x / 2^count⌋ of x without a sign: zeros come in from above. */
  ushr(this: Expression<'integer'>, count: Lifted<'integer'>): Expression<'integer'> {
    return this.#binary('ushr', count)
  }
  /** The bits in which two whole numbers differ. */
  xor(this: Expression<'integer'>, other: Lifted<'integer'>): Expression<'integer'> {
    return this.#binary('xor', other)
  }
  toFloat(this: Expression<'integer'>): Expression<'float'> {
    return make('float', 'toFloat', [this])
  }

  eq<N extends Number_>(this: Expression<N>, other: Lifted<N>): Expression<'boolean'> {
    return this.#compare('eq', other)
  }
  ne<N extends Number_>(this: Expression<N>, other: Lifted<N>): Expression<'boolean'> {
    return this.#compare('ne', other)
  }
  lt<N extends Number_>(this: Expression<N>, other: Lifted<N>): Expression<'boolean'> {
    return this.#compare('lt', other)
  }
  le<N extends Number_>(this: Expression<N>, other: Lifted<N>): Expression<'boolean'> {
    return this.#compare('le', other)
  }
  gt<N extends Number_>(this: Expression<N>, other: Lifted<N>): Expression<'boolean'> {
    return this.#compare('gt', other)
  }
  ge<N extends Number_>(this: Expression<N>, other: Lifted<N>): Expression<'boolean'> {
    return this.#compare('ge', other)
  }

  and(this: Expression<'boolean'>, other: Lifted<'boolean'>): Expression<'boolean'> {
    return this.#binary('and', other)
  }
  or(this: Expression<'boolean'>, other: Lifted<'boolean'>): Expression<'boolean'> {
    return this.#binary('or', other)
  }
  not(this: Expression<'boolean'>): Expression<'boolean'> {
    return make('boolean', 'not', [this])
  }
  /**
   * this ? a : b. Both are computed; the gradient goes to the one that is chosen. Numbers are floats; write
   * `integer(1)` for integers.
   */
  select<V extends Kind>(this: Expression<'boolean'>, a: Expression<V>, b: Lifted<V>): Expression<V>
  select(this: Expression<'boolean'>, a: number, b: Lifted<'float'>): Expression<'float'>
  select(this: Expression<'boolean'>, a: Expression | number, b: Expression | number | boolean): Expression {
    const first: Expression =
      a instanceof Expression
        ? a
        : lift(b instanceof Expression ? b.kind : typeof b === 'boolean' ? 'boolean' : 'float', a)
    return make(first.kind, 'select', [this, first, lift(first.kind, b)])
  }

  // Operators, templates and the like want a primitive, which an expression is not.
  [Symbol.toPrimitive](): never {
    return refusePrimitive('expressions')
  }
  valueOf(): never {
    return refusePrimitive('expressions')
  }
  toString(): never {
    return refusePrimitive('expressions')
  }
  toJSON(): never {
    return refusePrimitive('expressions')
  }

  #binary(name: BinaryName, other: Expression | number | boolean): Expression<K> {
    return make(this.kind, name, [this, lift(this.kind, other)])
  }
  #compare(name: ComparisonName, other: Expression | number | boolean): Expression<'boolean'> {
    return make('boolean', name, [this, lift(this.kind, other)])
  }
}

/** Makes a node, or the simpler one that is equal to it. */
export function make<K extends Kind>(
  kind: K,
  operation: Operation,
  operands: readonly Expression[],
  value: number | string = 0,
): Expression<K> {
  const [first] = operands
  if (first !== undefined && !takes(operation, first.kind)) {
    throw refuse(
      operation,
      `a ${numbers.has(operation) ? 'number' : (firstKinds[operation] ?? 'boolean')} to call ${operation}() on`,
      `a ${first.kind}`,
    )
  }
  const simple = simplify<Expression>(kind, operation, operands, value)
  const made = (typeof simple === 'number'
    ? new Expression(kind, 'constant', [], simple)
    : (simple ?? new Expression(kind, operation, operands, value))) as Expression<Kind> as Expression<K>
  noteMade(made, operands)
  return made
}

/** Operations whose first operand is a number of either kind. */
const numbers: ReadonlySet<Operation> = new Set<Operation>([
  'add',
  'sub',
  'mul',
  'min',
  'max',
  'neg',
  'abs',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
])
/** The kind of the first operand of the others. */
const firstKinds: Readonly<Partial<Record<Operation, Kind>>> = {
  and: 'boolean',
  or: 'boolean',
  not: 'boolean',
  select: 'boolean',
  divideBy: 'integer',
  remainderBy: 'integer',
  xor: 'integer',
  shl: 'integer',
  shr: 'integer',
  ushr: 'integer',
  toFloat: 'integer',
  div: 'float',
  sqrt: 'float',
  rsqrt: 'float',
  exp: 'float',
  log: 'float',
  tanh: 'float',
  erf: 'float',
  sin: 'float',
  cos: 'float',
  floor: 'float',
  pow: 'float',
  toInteger: 'float',
}

function takes(operation: Operation, kind: Kind): boolean {
  return numbers.has(operation) ? kind !== 'boolean' : (firstKinds[operation] ?? kind) === kind
}

/** A float constant. */
export function float(value: number): Expression<'float'> {
  return new Expression('float', 'constant', [], value)
}
/** An integer constant (32 bits). */
export function integer(value: number): Expression<'integer'> {
  if (!Number.isInteger(value) || value !== (value | 0))
    throw refuse('integer', 'a whole number of 32 bits', kindOfValue(value), 'round it, or write float()')
  return new Expression('integer', 'constant', [], value)
}
/** A condition that is always so, or never: for scores, masks and functions given to `map`. */
export function boolean(value: boolean): Expression<'boolean'> {
  return new Expression('boolean', 'constant', [], value ? 1 : 0)
}

/** The element of the i-th tensor at the current position. */
export function input(slot: number): Expression<'float'> {
  return new Expression('float', 'input', [], slot)
}
/** The position along a named axis: `query`, `key`, `head`, … */
export function index(axis: string): Expression<'integer'> {
  return new Expression('integer', 'index', [], axis)
}
/** A number that is given at launch, so that another number is no other kernel. */
export function parameter(slot: number): Expression<'float'>
export function parameter<N extends Number_>(slot: number, kind: N): Expression<N>
export function parameter(slot: number, kind: Number_ = 'float'): Expression<Number_> {
  return new Expression(kind, 'parameter', [], slot)
}

type Words = readonly [Expression<'integer'>, Expression<'integer'>]

/**
 * Word 0 … 3 of the random bits of a counter under a key, bit for bit base's `philox`, as a whole number of
 * 32 bits with a sign.
 */
export function randomWord(
  key: Words,
  counter: readonly [...Words, ...Words],
  word: 0 | 1 | 2 | 3,
): Expression<'integer'> {
  return new Expression('integer', 'random', [...key, ...counter], word)
}

/** A tensor that a traced function reads from, addressed by integer expressions. */
export class Capture<N extends 'float' | 'integer' = 'float' | 'integer'> {
  readonly slot: number
  readonly kind: N
  readonly rank: number

  constructor(slot: number, kind: N, rank: number) {
    this.slot = slot
    this.kind = kind
    this.rank = rank
  }

  /**
   * The element at these indices, one for each axis. Computed indices are clamped to the axis; a bare
   * `index(…)` must be within it.
   */
  at(...indices: readonly (Expression<'integer'> | number)[]): Expression<N> {
    if (indices.length !== this.rank)
      throw refuse(
        'capture.at',
        `${this.rank} indices, one for each axis`,
        String(indices.length),
        'give one for each axis',
      )
    const operands = indices.map((i) => lift('integer', i))
    const element = new Expression(this.kind, 'capture', operands, this.slot)
    noteMade(element, operands)
    return element
  }
}

export function lift<K extends Kind>(kind: K, value: Expression | number | boolean): Expression<K> {
  if (typeof value === 'number') {
    if (kind === 'float') return float(value) as Expression<Kind> as Expression<K>
    if (kind === 'integer') return integer(value) as Expression<Kind> as Expression<K>
  } else if (typeof value === 'boolean') {
    if (kind === 'boolean') return boolean(value) as Expression<Kind> as Expression<K>
  } else if (value instanceof Expression) {
    if (value.kind === kind) return value as Expression<K>
    if (kind === 'float' && value.kind === 'integer')
      return make('float', 'toFloat', [value]) as Expression<Kind> as Expression<K>
  }
  throw refuse('expression', `a ${kind}`, kindOfValue(value), tensorHint(value))
}

/** How to read a tensor, where one was given, or what `capture` made of one. */
function tensorHint(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if ('at' in value && 'along' in value) return 'say where to read it: capture(x).at({ head })'
  if (!('layout' in value)) return undefined
  return 'in a score or mask read a tensor through capture(x).at({ head }); give map() its tensors as arguments'
}

/** What was given in place of an expression, for a message. */
function kindOfValue(value: unknown): string {
  if (value instanceof Expression) return `a ${value.kind}`
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kindOf(value)
}

function positive(operation: string, divisor: number): number {
  if (!Number.isInteger(divisor) || divisor < 1 || divisor > 0x7fffffff)
    throw refuse(operation, 'a whole divisor ≥ 1', kindOfValue(divisor), 'divide floats with div()')
  return divisor
}

function refuse(
  operation: string,
  expected: string,
  found: string,
  hint = 'convert it with toFloat(), toInteger() or a comparison',
): UsageError {
  return new UsageError({ operation, expected, found, hint })
}
