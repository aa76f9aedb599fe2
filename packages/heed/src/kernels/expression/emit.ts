import { HeedError } from '../../base/index.js'
import type {
  BinaryOperation,
  Builder,
  ConditionType,
  FloatType,
  IntegerType,
  MathOperation,
  Term,
  Type,
  UnaryOperation,
} from '../language/index.js'
import { philoxWords, power } from '../language/index.js'
import type { Expression } from './expression.js'
import { Gates } from './gates.js'
import { nodesOf } from './graph.js'
import { isGate } from './operation.js'

/** The term that a node of some kind becomes: a scalar where it is the same for all lanes, else a vector. */
export type FloatTerm = Term<'f32'> | Term<'vector'>
export type IntegerTerm = Term<'i32'> | Term<'ivector'>
export type BooleanTerm = Term<'bool'> | Term<'mask'>
export type TermOf<K> = K extends 'float' ? FloatTerm : K extends 'integer' ? IntegerTerm : BooleanTerm

/**
 * Where the leaves of an expression come from. Each gives a scalar or a vector, or `undefined` where it is
 * not known at this place of the kernel. Each is called once for a leaf.
 */
export interface Environment {
  readonly input?: (slot: number) => FloatTerm | undefined
  readonly index?: (axis: string) => IntegerTerm | undefined
  readonly parameter?: (slot: number, kind: 'float' | 'integer') => Term<'f32'> | Term<'i32'> | undefined
  /** The element of the captured tensor `node.value` at `indices` (the terms of `node.operands`). */
  readonly capture?: (
    node: Expression,
    indices: readonly IntegerTerm[],
  ) => FloatTerm | IntegerTerm | undefined
}

/**
 * Writes expressions into a kernel, each node once (give it expressions that went through `share`). An
 * emitter made `within` another one knows what that one has written: `hoist` outside a loop what does not
 * change in it.
 */
export class Emitter {
  readonly k: Builder
  readonly environment: Environment
  readonly #known: Map<Expression, Term<Type>>
  readonly #gates: Gates
  /** Random words by what they were made of. */
  readonly #words: { readonly operands: readonly Expression[]; readonly words: readonly IntegerTerm[] }[]

  constructor(k: Builder, environment: Environment, outer?: Emitter) {
    this.k = k
    this.environment = environment
    this.#known = new Map(outer === undefined ? [] : outer.#known)
    this.#words = outer === undefined ? [] : [...outer.#words]
    this.#gates = new Gates(k, outer === undefined ? undefined : outer.#gates)
  }

  /** An emitter for an inner block: its environment comes first, then this one's. */
  within(environment: Environment): Emitter {
    const outer = this.environment
    return new Emitter(
      this.k,
      {
        input: (slot) => environment.input?.(slot) ?? outer.input?.(slot),
        index: (axis) => environment.index?.(axis) ?? outer.index?.(axis),
        parameter: (slot, kind) => environment.parameter?.(slot, kind) ?? outer.parameter?.(slot, kind),
        capture: (node, indices) => environment.capture?.(node, indices) ?? outer.capture?.(node, indices),
      },
      this,
    )
  }

  /** The term of a node that has been written already. */
  known<K extends Expression>(node: K): TermOf<K['kind']> | undefined {
    return this.#known.get(node) as TermOf<K['kind']> | undefined
  }

  /**
   * Writes what can be known here of the expressions below `roots`; constants are left to where they are
   * used.
   */
  hoist(roots: readonly Expression[]): void {
    for (const node of nodesOf(roots)) {
      if (this.#known.has(node) || node.operation === 'constant') continue
      if (!node.operands.every((operand) => this.#known.has(operand) || operand.operation === 'constant'))
        continue
      const term = this.#node(node)
      if (term !== undefined) this.#known.set(node, term)
    }
  }

  /**
   * Spreads, here and once, the float scalars that what is not written yet of `roots` takes in; for loops
   * over vectors.
   */
  widen(roots: readonly Expression[]): void {
    for (const node of nodesOf(roots)) {
      if (this.#known.has(node)) continue
      for (const operand of node.operands) {
        const term = this.#known.get(operand)
        if (term?.type === 'f32' && term.constant === undefined) this.#known.set(operand, spread(term))
      }
    }
  }

  emit<K extends Expression>(root: K): TermOf<K['kind']> {
    for (const node of nodesOf([root])) {
      if (this.#known.has(node)) continue
      const term = this.#node(node)
      if (term === undefined) {
        throw new HeedError({
          operation: 'kernel',
          expected: 'a leaf that this kernel knows',
          found: `${node.operation} ${node.value}`,
          hint: 'use the inputs, axes, parameters and captured tensors that the operation offers',
        })
      }
      this.#known.set(node, term)
    }
    return this.#known.get(root) as TermOf<K['kind']>
  }

  /** One of four words, which are written together. */
  #random(node: Expression, terms: readonly IntegerTerm[]): IntegerTerm {
    const known = this.#words.find(({ operands }) => operands.every((x, i) => x === node.operands[i]))
    if (known !== undefined) return known.words[node.value as number]!
    const vectors = terms.some(isVector)
    const [low, high, ...counter] = vectors ? terms.map((term) => spread(term) as IntegerTerm) : terms
    const words = philoxWords(
      counter as Term<'i32'>[],
      [low, high] as Term<'i32'>[],
    ) as readonly IntegerTerm[]
    this.#words.push({ operands: node.operands, words })
    return words[node.value as number]!
  }

  #node(node: Expression): Term<Type> | undefined {
    const { k, environment } = this
    const terms = node.operands.map((operand) => this.#known.get(operand) ?? this.#node(operand)!)
    const [a, b, c] = terms
    if (isGate(node.operation)) {
      // What is known of x serves −x as well.
      const [x] = node.operands as [Expression]
      const inner = x.operation === 'neg' ? this.#known.get(x.operands[0]!) : undefined
      if (inner === undefined) return this.#gates.write(node.operation, x, a as Term<FloatType>, false)
      return this.#gates.write(node.operation, x.operands[0]!, inner as Term<FloatType>, true)
    }
    switch (node.operation) {
      case 'constant':
        return constant(k, node)
      case 'input':
        return environment.input?.(node.value as number)
      case 'index':
        return environment.index?.(node.value as string)
      case 'parameter':
        return environment.parameter?.(node.value as number, node.kind as 'float' | 'integer')
      case 'capture':
        return environment.capture?.(node, terms as IntegerTerm[])
      case 'neg':
      case 'abs':
      case 'sqrt':
      case 'floor':
      case 'not':
        return k.unary(node.operation as UnaryOperation, a!)
      case 'exp':
      case 'expm1':
      case 'log':
      case 'log1p':
      case 'tanh':
      case 'erf':
      case 'rsqrt':
      case 'sin':
      case 'cos':
        return k.math(node.operation as MathOperation, a as Term<FloatType>)
      case 'toFloat':
        return (a as Term<'i32'>).toFloat()
      case 'toInteger':
        return (a as Term<'f32'>).toInt()
      case 'random':
        return this.#random(node, terms as IntegerTerm[])
      case 'pow':
        return power(k, a as Term<FloatType>, node.value as number)
      case 'divideBy':
        return floorDivide(a as Term<'i32'>, node.value as number)
      case 'remainderBy':
        return floorRemainder(a as Term<'i32'>, node.value as number)
      case 'select': {
        const [x, y] = alike(b!, c!, isVector(a!))
        return k.select(a as Term<ConditionType>, x, y)
      }
      case 'eq':
      case 'ne':
      case 'lt':
      case 'le':
      case 'gt':
      case 'ge': {
        const [x, y] = alike(a!, b!)
        return k.compare(node.operation, x, y)
      }
      case 'min':
      case 'max': {
        const [x, y] = alike(a!, b!)
        return x[node.operation](y)
      }
      default: {
        const [x, y] = alike(a!, b!)
        return k.binary(node.operation as BinaryOperation, x, y)
      }
    }
  }
}

export function isVector(term: Term<Type>): boolean {
  return term.type === 'vector' || term.type === 'ivector' || term.type === 'mask'
}

/** The term as a vector. */
export function spread<T extends Type>(term: Term<T>): Term<Type> {
  return isVector(term) ? term : term.builder.convert('broadcast', term)
}

function alike(a: Term<Type>, b: Term<Type>, vector = false): [Term<Type>, Term<Type>] {
  return vector || isVector(a) || isVector(b) ? [spread(a), spread(b)] : [a, b]
}

function constant(k: Builder, node: Expression): Term<Type> {
  const value = node.value as number
  return node.kind === 'float' ? k.float(value) : node.kind === 'integer' ? k.int(value) : k.bool(value !== 0)
}

function floorDivide<T extends IntegerType>(x: Term<T>, divisor: number): Term<T> {
  if ((divisor & (divisor - 1)) === 0) return x.shr(31 - Math.clz32(divisor))
  const quotient = x.div(divisor)
  const below = quotient.mul(divisor).gt(x)
  return x.builder.select(below as Term<ConditionType>, quotient.sub(1), quotient)
}

function floorRemainder<T extends IntegerType>(x: Term<T>, divisor: number): Term<T> {
  if ((divisor & (divisor - 1)) === 0) return x.and(divisor - 1)
  const remainder = x.sub(x.div(divisor).mul(divisor))
  return x.builder.select(remainder.lt(0) as Term<ConditionType>, remainder.add(divisor), remainder)
}
