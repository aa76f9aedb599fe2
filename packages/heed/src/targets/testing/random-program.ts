import type { Bool, Builder, Float, Int, IntVector, Mask, Term, Type, Vector } from '../../kernels/index.js'
import { kernel, type Kernel, type Pointer, Variable } from '../../kernels/index.js'

/** Elements of the memory that a program sees, beside those that a vector may reach behind them. */
export const elements = 128
export const randomParameters = { x: 'f32*', y: 'i32*', z: 'u8*', n: 'i32', v: 'f32' } as const

const types: readonly Type[] = ['i32', 'f32', 'bool', 'ivector', 'vector', 'mask']

/** How deep loops and branches may lie in each other. */
const deepest = 4

/**
 * A kernel whose every choice is one of the given numbers, read in order and 0 once they are used up: shorter
 * lists and smaller numbers are simpler programs. It computes nothing that the language leaves open:
 * conversions to integers are in range, no divisor is 0, bits of NaN are never looked at, and what it reads
 * and writes lies in its memory.
 */
export function randomProgram(choices: readonly number[]): Kernel<typeof randomParameters> {
  return kernel('random', randomParameters, (k, p, task) => new Writer(k, choices, p, task).write())
}

interface Parameters {
  readonly x: Pointer<'f32'>
  readonly y: Pointer<'i32'>
  readonly z: Pointer<'u8'>
  readonly n: Int
  readonly v: Float
}

/** Numbers of values and of variables, by type. */
type Lengths = readonly (readonly [values: number, variables: number])[]
type OfType<T> = Readonly<Record<Type, T[]>>
const empty = <T>(): OfType<T> => ({ i32: [], f32: [], bool: [], ivector: [], vector: [], mask: [] })

class Writer {
  readonly #k: Builder
  readonly #choices: readonly number[]
  readonly #p: Parameters
  readonly #task: Int
  readonly #values: OfType<Term<Type>> = empty()
  readonly #variables: OfType<Variable<Type>> = empty()
  #next = 0
  #depth = 0

  constructor(k: Builder, choices: readonly number[], p: Parameters, task: Int) {
    this.#k = k
    this.#choices = choices
    this.#p = p
    this.#task = task
  }

  write(): void {
    const k = this.#k
    // What everything that is computed ends up in, so that none of it is left out.
    this.#variables.ivector.push(k.variable(k.laneIndex()))
    this.#variables.i32.push(k.variable(this.#task))
    this.#statements(2 + this.#choose(40))
    this.#observe()
    k.store(this.#p.y, this.#variables.ivector[0]!.get() as IntVector)
    k.store(this.#p.y.at(elements - 1), this.#variables.i32[0]!.get() as Int)
  }

  #choose(count: number): number {
    return (this.#choices[this.#next++] ?? 0) % count
  }
  #oneOf<T>(list: readonly T[]): T {
    return list[this.#choose(list.length)]!
  }
  #write<T>(ways: readonly (() => T)[]): T {
    return this.#oneOf(ways)()
  }

  // ---- statements ----

  #statements(count: number): void {
    for (let i = 0; i < count && this.#next < this.#choices.length; i++) this.#statement()
  }

  #statement(): void {
    const k = this.#k
    const type = this.#oneOf(types)
    this.#write([
      () => this.#keep(type),
      () => this.#keep(type),
      // Many at once, which live on: more than there are registers.
      () => {
        for (let i = 1 + this.#choose(40); i > 0; i--) this.#keep(type)
      },
      () => void this.#variables[type].push(k.variable(this.#value(type))),
      () => this.#assign(type),
      () => this.#assign(type),
      () => this.#store(),
      () => this.#store(),
      () => this.#inside(() => this.#loop()),
      () => this.#inside(() => this.#if()),
      () => this.#inside(() => this.#while()),
      () => this.#observe(undefined, this.#choose(2) === 0 ? 8 : Infinity),
    ])
  }

  #keep(type: Type): void {
    this.#values[type].push(this.#value(type))
  }

  #assign(type: Type): void {
    // The first two are what `observe` adds to.
    const [first, ...more] = this.#variables[type]
    const open = type === 'i32' || type === 'ivector' ? more : first === undefined ? [] : [first, ...more]
    if (open.length === 0) return this.#keep(type)
    // The latest ones most of the time: a variable of this block, or of a loop around it.
    const variable = open[Math.max(0, open.length - 1 - this.#choose(open.length))]!
    const value = this.#write<Term<Type>>([
      () => this.#value(type),
      () => this.#combined(type, variable.get(), this.#any(type)),
      () => this.#combined(type, variable.get(), this.#value(type)),
      () => this.#combined(type, this.#any(type), variable.get()),
      () => this.#combined(type, this.#value(type), variable.get()),
    ])
    variable.set(value)
  }

  #inside(write: () => void): void {
    if (this.#depth >= deepest) return
    this.#depth++
    write()
    this.#depth--
  }

  /** Writes a block: what it declares is gone after it, observed or not. */
  #block(before: () => void = () => {}): void {
    const lengths = this.#lengths()
    before()
    this.#statements(1 + this.#choose(8))
    if (this.#choose(2) === 0) this.#observe(lengths)
    this.#forget(lengths)
  }
  #forget(lengths: Lengths): void {
    types.forEach((type, i) => {
      this.#values[type].length = lengths[i]![0]
      this.#variables[type].length = lengths[i]![1]
    })
  }

  #loop(): void {
    const k = this.#k
    const start = this.#write<Int | number>([() => 0, () => this.#choose(3), () => this.#int().and(3)])
    const end = this.#write<Int | number>([
      () => 1 + this.#choose(4),
      () => this.#int().and(3).add(1),
      () => this.#p.n,
    ])
    const step = this.#write<Int | number>([
      () => 1,
      () => 1 + this.#choose(3),
      () => this.#int().and(1).add(1),
    ])
    k.loop(start, end, step, (i) => this.#block(() => this.#values.i32.push(i)))
  }

  #if(): void {
    const test = this.#bool()
    const otherwise = this.#choose(2) === 0
    this.#k.if(test, () => this.#block(), otherwise ? () => this.#block() : () => {})
  }

  #while(): void {
    const k = this.#k
    const rounds = k.variable(k.int(0))
    const most = 1 + this.#choose(4)
    k.while(
      () => {
        const lengths = this.#lengths()
        rounds.set(rounds.get().add(1))
        const test = this.#write<Bool>([
          () => rounds.get().le(most),
          () => rounds.get().le(most).and(this.#bool()),
        ])
        this.#forget(lengths)
        return test
      },
      () => this.#block(),
    )
  }

  /**
   * Puts all values and variables from these on into what is stored at the end, or only the latest few of
   * them.
   */
  #observe(from: Lengths = types.map(() => [0, 0]), most = Infinity): void {
    const k = this.#k
    const all = this.#variables.ivector[0] as Variable<'ivector'>
    const one = this.#variables.i32[0] as Variable<'i32'>
    types.forEach((type, i) => {
      const variables = this.#variables[type]
        .slice(from[i]![1])
        .filter((each) => each !== all && each !== one)
      const values = [...this.#values[type].slice(from[i]![0]), ...variables]
      for (const each of values.slice(-Math.min(most, values.length))) {
        const bits = bitsOf(k, each instanceof Variable ? each.get() : each)
        if (bits.type === 'i32') one.set(one.get().mul(31).xor(bits))
        else all.set(all.get().mul(31).xor(bits))
      }
    })
  }
  /** How many values and variables there are, by type. */
  #lengths(): Lengths {
    return types.map((type) => [this.#values[type].length, this.#variables[type].length])
  }

  #store(): void {
    const k = this.#k
    const mask = this.#choose(2) === 0 ? undefined : this.#mask()
    this.#write([
      () => k.store(this.#floats(), this.#float()),
      () => k.store(this.#floats(), this.#vector(), mask),
      () => k.store(this.#integers(), this.#int()),
      () => k.store(this.#integers(), this.#ints(), mask),
      () => k.storePast(this.#floats(k.lanes), this.#vector(), mask),
      () => k.storePast(this.#integers(k.lanes), this.#ints(), mask),
      () => k.store(this.#bytes(), this.#int()),
      () => k.store(this.#bytes(), this.#ints(), mask),
      () => k.store(this.#shorts(), this.#int()),
      () => k.store(this.#shorts(), this.#ints(), mask),
    ])
  }

  // ---- memory ----

  /** A place in memory with `lanes` elements behind it, a multiple of `step` (a power of two). */
  #place(step = 1): Int | number {
    return this.#write<Int | number>([
      () => this.#choose(elements) & -step,
      () => this.#int().and((elements - 1) & -step),
      () =>
        this.#int()
          .and((elements / 2 - 1) & -step)
          .add(this.#choose(elements / 2) & -step),
    ])
  }
  #floats(step = 1): Pointer<'f32'> {
    return this.#write([() => this.#p.x, () => this.#k.scratch('f32')]).at(this.#place(step))
  }
  #integers(step = 1): Pointer<'i32'> {
    return this.#p.y.at(this.#place(step))
  }
  #bytes(): Pointer<'u8' | 'i8'> {
    return this.#p.z.as(this.#oneOf(['u8', 'i8'] as const)).at(this.#place())
  }
  #shorts(): Pointer<'u16'> {
    return this.#p.z.as('u16').at(this.#place())
  }

  // ---- values ----

  /** A value that there is, or a new one where there is none. */
  #any(type: Type): Term<Type> {
    const [values, variables] = [this.#values[type], this.#variables[type]]
    const at = this.#choose(values.length + variables.length + 1)
    return values[at] ?? variables[at - values.length]?.get() ?? this.#simple(type)
  }
  #int(): Int {
    return this.#any('i32') as Int
  }
  #float(): Float {
    return this.#any('f32') as Float
  }
  #bool(): Bool {
    return this.#any('bool') as Bool
  }
  #ints(): IntVector {
    return this.#any('ivector') as IntVector
  }
  #vector(): Vector {
    return this.#any('vector') as Vector
  }
  #mask(): Mask {
    return this.#any('mask') as Mask
  }

  /** Something that needs nothing. */
  #simple(type: Type): Term<Type> {
    const k = this.#k
    switch (type) {
      case 'i32':
        return this.#write<Int>([
          () => this.#task,
          () => this.#p.n,
          () => k.int(this.#choose(100) - 50),
          () => k.int(this.#choose(2 ** 16) * 40503),
        ])
      case 'f32':
        return this.#write<Float>([
          () => this.#p.v,
          () => k.float((this.#choose(64) - 32) / 4),
          () => k.float(this.#oneOf(specials)),
        ])
      case 'bool':
        return this.#write<Bool>([() => this.#task.eq(0), () => k.bool(this.#choose(2) === 1)])
      case 'ivector':
        return this.#write<IntVector>([
          () => k.laneIndex(),
          () => k.intVector(this.#choose(100) - 50),
          () => this.#p.n.broadcast(),
        ])
      case 'vector':
        return this.#write<Vector>([
          () => k.load(this.#p.x),
          () => k.vector((this.#choose(64) - 32) / 4),
          () => k.vector(this.#oneOf(specials)),
          () => this.#p.v.broadcast(),
        ])
      case 'mask':
        return this.#write<Mask>([
          () => k.tail(this.#choose(17)),
          () => k.laneIndex().and(1).eq(this.#choose(2)),
          () => k.bool(this.#choose(2) === 1).broadcast(),
        ])
    }
  }

  #value(type: Type): Term<Type> {
    return this.#write<Term<Type>>([
      () => this.#any(type),
      () => this.#simple(type),
      () => this.#combined(type, this.#any(type), this.#any(type)),
      () => this.#combined(type, this.#any(type), this.#any(type)),
      () => this.#combined(type, this.#any(type), this.#any(type)),
      () => this.#made(type),
      () => this.#made(type),
      () => this.#made(type),
    ])
  }

  /** Of two of the same type. */
  #combined(type: Type, a: Term<Type>, b: Term<Type>): Term<Type> {
    const k = this.#k
    switch (type) {
      case 'bool':
      case 'mask':
        return this.#write([
          () => k.binary(this.#oneOf(['and', 'or', 'xor'] as const), a, b),
          () => k.unary('not', a),
          () => k.compare(this.#oneOf(comparisons), a, b) as Term<Type>,
        ])
      case 'f32':
      case 'vector':
        return this.#write([
          () => k.binary(this.#oneOf(['add', 'sub', 'mul', 'div', 'min', 'max'] as const), a, b),
          () => k.fma(a, b, this.#any(type)),
          () => k.fma(this.#any(type), b, a),
          () => k.unary(this.#oneOf(['neg', 'abs', 'sqrt', 'floor', 'ceil', 'round'] as const), a),
          ...(type === 'vector' ? [() => this.#shuffled(type, a, b)] : []),
        ])
      case 'i32':
      case 'ivector':
        return this.#write([
          () =>
            k.binary(
              this.#oneOf([
                'add',
                'sub',
                'mul',
                'min',
                'max',
                'and',
                'or',
                'xor',
                'shl',
                'shr',
                'ushr',
              ] as const),
              a,
              b,
            ),
          () =>
            k.binary(
              this.#oneOf(['shl', 'shr', 'ushr', 'mul', 'add'] as const),
              a,
              k.operand(type, this.#choose(5)),
            ),
          () => k.binary(this.#oneOf(['div', 'rem'] as const), a, k.binary('or', b, k.operand(type, 1))),
          () => k.fma(a, b, this.#any(type)),
          () => k.unary(this.#oneOf(['neg', 'abs', 'not'] as const), a),
          ...(type === 'ivector' ? [() => this.#shuffled(type, a, b)] : []),
        ])
    }
  }

  #shuffled(type: 'vector' | 'ivector', a: Term<Type>, b: Term<Type>): Term<Type> {
    const { lanes } = this.#k
    if (lanes === 1) return a
    const names = ['low', 'high', 'lowPairs', 'highPairs', 'evenGroups', 'oddGroups'] as const
    const name = this.#oneOf(lanes > 4 ? names : names.slice(0, 4))
    return this.#k.shuffle(name, a as Term<typeof type>, b as Term<typeof type>)
  }

  /** Of other types, or read from memory. */
  #made(type: Type): Term<Type> {
    const k = this.#k
    const mask = this.#choose(2) === 0 ? undefined : this.#mask()
    const one = type === 'i32' || type === 'f32' || type === 'bool'
    const select = (): Term<Type> =>
      k.select(one ? this.#bool() : this.#mask(), this.#any(type), this.#any(type))
    const compared = (kinds: readonly Type[]): Term<Type> => {
      const kind = this.#oneOf(kinds)
      return k.compare(this.#oneOf(comparisons), this.#any(kind), this.#any(kind)) as Term<Type>
    }
    switch (type) {
      case 'i32':
        return this.#write<Term<Type>>([
          select,
          () =>
            this.#write([() => this.#ints().sum(), () => this.#ints().least(), () => this.#ints().largest()]),
          () => clean(this.#float()).max(-1e9).min(1e9).toInt(),
          () => clean(this.#float()).toBits(),
          () => k.loadScalar(this.#integers()),
          () => k.loadScalar(this.#bytes()),
          () => k.loadScalar(this.#shorts()),
        ])
      case 'f32':
        return this.#write<Term<Type>>([
          select,
          () =>
            this.#write([
              () => this.#vector().sum(),
              () => this.#vector().least(),
              () => this.#vector().largest(),
            ]),
          () => this.#int().toFloat(),
          () => this.#int().fromBits(),
          () => k.loadScalar(this.#floats()),
        ])
      case 'bool':
        return this.#write<Term<Type>>([
          select,
          () => compared(['i32', 'f32', 'bool']),
          () => compared(['i32', 'f32', 'bool']),
          () => this.#mask().any(),
          () => this.#mask().all(),
        ])
      case 'ivector':
        return this.#write<Term<Type>>([
          select,
          () => this.#int().broadcast(),
          () => clean(this.#vector()).max(-1e9).min(1e9).toInt(),
          () => clean(this.#vector()).toBits(),
          () => k.load(this.#integers(), mask),
          () => k.load(this.#bytes(), mask),
          () => k.load(this.#shorts(), mask),
          () => k.loadBroadcast(this.#integers()),
          () => k.gather(this.#p.y, this.#ints().and(elements - 1), mask),
        ])
      case 'vector':
        return this.#write<Term<Type>>([
          select,
          () => this.#float().broadcast(),
          () => this.#ints().toFloat(),
          () => this.#ints().fromBits(),
          () => k.load(this.#floats(), mask),
          () => k.loadBroadcast(this.#floats()),
          () => k.gather(this.#p.x, this.#ints().and(elements - 1), mask),
        ])
      case 'mask':
        return this.#write<Term<Type>>([
          select,
          () => compared(['ivector', 'vector', 'mask']),
          () => compared(['ivector', 'vector', 'mask']),
          () => k.tail(this.#int().and(31)),
          () => this.#bool().broadcast(),
        ])
    }
  }
}

const comparisons = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const
const specials = [0, -0, 1, -1, 0.5, 1e-40, 3e38, Infinity, -Infinity, NaN, 1 / 3]

/** What a value is, as an integer or a vector of them. */
function bitsOf(k: Builder, value: Term<Type>): Int | IntVector {
  switch (value.type) {
    case 'i32':
    case 'ivector':
      return value as Int | IntVector
    case 'f32':
      return clean(value as Float).toBits()
    case 'vector':
      return clean(value as Vector).toBits()
    case 'bool':
      return (value as Bool).select(k.int(1), 0)
    case 'mask':
      return (value as Mask).select(k.intVector(1), 0)
  }
}

/** With 1 for NaN, whose sign and payload are left open. */
function clean<T extends 'f32' | 'vector'>(value: Term<T>): Term<T> {
  return value.eq(value as never).select(value, 1 as never)
}
