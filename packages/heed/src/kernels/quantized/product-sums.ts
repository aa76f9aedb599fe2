import type { Builder, Int, IntVector, Variable, Vector } from '../language/index.js'
import { Pointer } from '../language/index.js'
import { type Multiplication, type PackedFormat, packedShape, packings } from './format.js'
import { pairsOf, quadFrom, quadsOf } from './quads.js'
import { panelScales, type ScaleOperands } from './scales.js'

/** What is fixed while the sums of a tile are written. */
export interface SumsForm {
  readonly format: PackedFormat
  readonly multiplication: Multiplication
  /** Rows of activations and panels of weights whose products are summed at the same time. */
  readonly rows: number
  readonly panels: number
  /** Words of a panel at a time, each with sums of its own: with few sums the units would wait. */
  readonly unroll: number
  /**
   * How rows stand in memory: 'runs', each one after the other; or 'panels', as weights do. Only halves stand
   * in panels. Default runs.
   */
  readonly left?: 'runs' | 'panels' | undefined
}

/** What the sums of a tile read. */
export interface ProductOperands extends ScaleOperands {
  readonly a: Pointer<'i32'>
  readonly aScales: Pointer<'f32'>
  readonly aStarts: Pointer<'i32'>
  readonly w: Pointer<'i32'>
  readonly aRow: Int
  readonly words: Int
}

/** The sums of one tile, [row][panel], scales included. */
export function sumTile(
  k: Builder,
  form: SumsForm,
  p: ProductOperands,
  rows: readonly Int[],
  panels: readonly Int[],
): readonly (readonly Vector[])[] {
  const packing = packings[form.format]
  const a = rows.map((row) => p.a.at(startOf(k, form, p, row)))
  const words = packing.float === 'f16' ? p.w.as('u16') : p.w
  const w = panels.map((panel) => words.at(panel.mul(p.words.mul(k.lanes))))
  const places = new Places(k, form, a, w)
  if (packing.float) {
    const sums = new Sums<'vector'>(k, form, () => k.vector(0))
    sums.words(places, p.words)
    return sums.totals()
  }
  const scales = panels.map((panel) => panelScales(k, packing, p, panel))
  if (packing.group === 'column') {
    // With further sums for each word only the first starts with what makes up for the zero point.
    const sums = new Sums<'ivector'>(k, form, (r, u) =>
      u === 0 ? k.loadBroadcast(p.aStarts.at(rows[r]!)) : k.intVector(0),
    )
    sums.words(places, p.words)
    const factors = scales.map((scale) => scale(k.int(0)).factor)
    return sums.totals().map((line, r) => {
      const rowScale = k.loadBroadcast(p.aScales.at(rows[r]!))
      return line.map((sum, v) => sum.toFloat().mul(factors[v]!.mul(rowScale)))
    })
  }
  const totals = rows.map(() => panels.map(() => k.variable(k.vector(0))))
  const { groupWords } = packedShape(form.format, k.machine, 1, 1)
  const rowScales = rows.map((row) => p.aScales.at(row.mul(p.groups)))
  const starts = rows.map((row) => p.aStarts.at(row.mul(p.groups)))
  /** Sums of activations, times their scale: what minima are multiplied with. */
  const rowSums = rows.map((row) => p.aStarts.as('f32').at(row.mul(p.groups)))
  k.loop(0, p.groups, 1, (group) => {
    const sums = new Sums<'ivector'>(k, { ...form, unroll: 1 }, (r) =>
      packing.minimum ? k.intVector(0) : k.loadBroadcast(starts[r]!.at(group)),
    )
    sums.group(places, groupWords)
    places.step(groupWords, packing.group as number)
    const groupScales = scales.map((scale) => scale(group))
    sums.totals().forEach((line, r) => {
      const rowScale = k.loadBroadcast(rowScales[r]!.at(group))
      line.forEach((sum, v) => {
        const { factor, minimum } = groupScales[v]!
        const total = totals[r]![v]!
        const start = minimum ? minimum.fma(k.loadBroadcast(rowSums[r]!.at(group)), total.get()) : total.get()
        total.set(sum.toFloat().fma(factor.mul(rowScale), start))
      })
    })
  })
  return totals.map((line) => line.map((total) => total.get()))
}

/** Where a row begins. */
function startOf(k: Builder, { left }: SumsForm, p: ProductOperands, row: Int): Int {
  if (left !== 'panels') return row.mul(p.aRow)
  const panel = row.div(k.lanes)
  return panel.mul(p.words.mul(k.lanes)).add(row.sub(panel.mul(k.lanes)))
}

/** Words of a panel that are asked for ahead: some kilobytes. */
const wordsAhead = 32

/** Bytes of an activation. */
const activationBytes = { bytes: 1, shorts: 2, halves: 2 } as const

/** Where each row and each panel is read next. */
class Places {
  readonly #k: Builder
  readonly #form: SumsForm
  readonly #wordBytes: number
  readonly #a: readonly Variable<'i32'>[]
  readonly #w: readonly Variable<'i32'>[]

  constructor(k: Builder, form: SumsForm, a: readonly Pointer[], w: readonly Pointer[]) {
    const place = ({ address, offset }: Pointer): Variable<'i32'> => k.variable(address.add(offset))
    this.#k = k
    this.#form = form
    this.#wordBytes = packedShape(form.format, k.machine, 1, 1).wordBytes
    this.#a = a.map(place)
    this.#w = w.map(place)
  }

  /** Word number `word` of panel v. */
  panel<E extends 'i32' | 'f16'>(v: number, word: number, element: E): Pointer<E> {
    return new Pointer(this.#k, element, this.#w[v]!.get()).at(word * this.#k.lanes)
  }
  row<E extends 'i32' | 'f32'>(r: number, element: E): Pointer<E> {
    return new Pointer(this.#k, element, this.#a[r]!.get())
  }
  /** Asks for weights some way ahead, where few rows meet them: then the speed is that of memory. */
  ask(word: number): void {
    const { rows } = this.#form
    if (rows > 2) return
    const bytes = (wordsAhead * 4 + word * this.#wordBytes) * this.#k.lanes
    for (const place of this.#w) this.#k.prefetch(new Pointer(this.#k, 'u8', place.get()).at(bytes))
  }
  /** So many words of weights, and so many activations, further on. */
  step(words: number, activations: number): void {
    const k = this.#k
    const { multiplication, left } = this.#form
    const each = multiplication === 'floats' ? k.elementBytes('f32') : activationBytes[multiplication]
    const apart = left === 'panels' ? k.lanes : 1
    for (const place of this.#a) place.set(place.get().add(activations * each * apart))
    for (const place of this.#w) place.set(place.get().add(words * k.lanes * this.#wordBytes))
  }
}

/** Sums of a tile in registers, [unroll][row][panel]. */
class Sums<T extends 'vector' | 'ivector'> {
  readonly #k: Builder
  readonly #form: SumsForm
  readonly #sums: readonly (readonly (readonly Variable<T>[])[])[]

  constructor(
    k: Builder,
    form: SumsForm,
    start: (row: number, unroll: number) => ReturnType<Variable<T>['get']>,
  ) {
    this.#k = k
    this.#form = form
    this.#sums = repeat(form.unroll, (u) =>
      repeat(form.rows, (r) => {
        const value = start(r, u)
        return repeat(form.panels, () => k.variable(value))
      }),
    )
  }

  /** Adds the products of `count` words, each by itself. */
  words(places: Places, count: Int): void {
    const k = this.#k
    const { unroll, format } = this.#form
    const { wordBytes } = packedShape(format, k.machine, 1, 1)
    const each = (8 * wordBytes) / packings[format].bits
    const whole = unroll === 1 ? count : count.sub(count.rem(unroll))
    k.loop(0, whole, unroll, () => {
      k.unroll(unroll, (u) => {
        places.ask(u)
        this.#word(places, u, u)
      })
      places.step(unroll, unroll * each)
    })
    if (unroll > 1)
      k.loop(whole, count, 1, () => {
        this.#word(places, 0, 0)
        places.step(1, each)
      })
  }

  /** Adds the products of a group of quads. */
  group(places: Places, words: number): void {
    const k = this.#k
    const { format, panels } = this.#form
    const packing = packings[format]
    const { count, parts } = quadsOf(packing)
    const base = count / parts
    k.unroll(words, (word) => places.ask(word))
    const high = repeat(panels, (v) => (words > base ? k.load(places.panel(v, base, 'i32')) : undefined))
    k.unroll(base, (word) => {
      const loaded = repeat(panels, (v) => k.load(places.panel(v, word, 'i32')))
      k.unroll(parts, (part) => {
        const quads = loaded.map((each, v) => quadFrom(packing, each, high[v], word, part))
        this.#quads(places, quads, word + part * base, 0)
      })
    })
  }

  /** Adds the products of the word that lies `word` words ahead to the sums number `to`. */
  #word(places: Places, word: number, to: number): void {
    const k = this.#k
    const { format, multiplication, panels } = this.#form
    const load = (v: number): IntVector => k.load(places.panel(v, word, 'i32'))
    if (multiplication === 'bytes' || multiplication === 'shorts')
      return this.#quads(places, repeat(panels, load), word, to)
    if (multiplication === 'halves')
      return this.#products(places, repeat(panels, load), word, to, multiplication)
    if (packings[format].float === 'f16')
      return this.#floats(
        places,
        repeat(panels, (v) => k.load(places.panel(v, word, 'f16'))),
        word,
        to,
      )
    // Each word is read for each of its parts: it then is an operand of the instruction that takes the part,
    // and needs no register.
    const lower = repeat(panels, (v) => load(v).shl(16).fromBits())
    this.#floats(places, lower, 2 * word, to)
    const upper = repeat(panels, (v) => load(v).and(-0x10000).fromBits())
    this.#floats(places, upper, 2 * word + 1, to)
  }

  /** Adds the products of quads with activations 4 × quad … 4 × quad + 3. */
  #quads(places: Places, quads: readonly IntVector[], quad: number, to: number): void {
    if (this.#form.multiplication === 'bytes') return this.#products(places, quads, quad, to, 'bytes')
    const pairs = quads.map(pairsOf)
    for (const i of [0, 1] as const)
      this.#products(
        places,
        pairs.map((pair) => pair[i]),
        2 * quad + i,
        to,
        'shorts',
      )
  }

  /** Adds the products with the 32 bits of activations number `at`. */
  #products(
    places: Places,
    weights: readonly IntVector[],
    at: number,
    to: number,
    multiplication: Exclude<Multiplication, 'floats'>,
  ): void {
    const k = this.#k
    const { format, rows, left } = this.#form
    const narrow = packings[format].bits < 8
    k.unroll(rows, (r) => {
      const activations = k.loadBroadcast(places.row(r, 'i32').at(left === 'panels' ? at * k.lanes : at))
      weights.forEach((each, v) => {
        const sum = this.#sums[to]![r]![v]!
        const value = multiply(k, multiplication, narrow, sum.get() as never, each, activations)
        sum.set(value as never)
      })
    })
  }

  #floats(places: Places, weights: readonly Vector[], at: number, to: number): void {
    const k = this.#k
    k.unroll(this.#form.rows, (r) => {
      const activation = k.loadBroadcast(places.row(r, 'f32').at(at))
      weights.forEach((each, v) => {
        const sum = this.#sums[to]![r]![v]! as unknown as Variable<'vector'>
        sum.set(each.fma(activation, sum.get()))
      })
    })
  }

  /** The sums of all words, [row][panel]. */
  totals(): readonly (readonly ReturnType<Variable<T>['get']>[])[] {
    const [first, ...more] = this.#sums
    return first!.map((line, r) =>
      line.map((sum, v) => more.reduce((total, each) => total.add(each[r]![v]!.get()), sum.get())),
    )
  }
}

function multiply(
  k: Builder,
  multiplication: Exclude<Multiplication, 'floats'>,
  narrow: boolean,
  sum: IntVector,
  weights: IntVector,
  activations: IntVector,
): IntVector {
  if (multiplication === 'bytes')
    return narrow ? k.dotSevenBits(sum, weights, activations) : k.dotBytes(sum, weights, activations)
  if (multiplication === 'shorts') return k.dotShorts(sum, weights, activations)
  return k.dotHalves(sum as never, weights, activations) as never
}

function repeat<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
