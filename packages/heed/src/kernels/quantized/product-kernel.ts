import type { Builder, Int, IntVector, Kernel, ParameterType, Variable, Vector } from '../language/index.js'
import { kernel, Pointer } from '../language/index.js'
import { type Epilogue, epilogueName, writeFinish } from '../matmul/epilogue.js'
import { groupDepth, type Multiplication, perWord, type WeightFormat } from './format.js'

/** What is fixed while a kernel that multiplies with packed weights is written. */
export interface QuantizedProductForm {
  readonly format: WeightFormat
  readonly multiplication: Multiplication
  /** Rows of activations and panels of weights whose products are summed at the same time. */
  readonly rows: number
  readonly panels: number
  /** Words of a panel at a time, each with sums of its own: with few sums the units would wait. */
  readonly unroll: number
  readonly epilogue: Epilogue
}

const kernels = new Map<string, QuantizedProductKernel>()

/**
 * C = A·W for packed weights W and rows A in the form that `rowsKernel` gives them. A task is `blockPanels`
 * panels with `blockRows` rows: panel by panel, so that weights are read once where there are few rows, and
 * stay near where there are many.
 */
export function quantizedProductKernel(form: QuantizedProductForm): QuantizedProductKernel {
  const { format, multiplication, rows, panels, unroll, epilogue } = form
  const name = `product-${format}-${multiplication}-${rows}x${panels}x${unroll}${epilogueName(epilogue)}`
  let known = kernels.get(name)
  if (known === undefined) kernels.set(name, (known = write(name, form)))
  return known
}

const parameters = {
  a: 'i32*',
  aScales: 'f32*',
  aStarts: 'i32*',
  w: 'i32*',
  wScales: 'u16*',
  c: 'f32*',
  m: 'i32',
  n: 'i32',
  /** Elements of 4 (or `floatBytes`) bytes from one row to the next. */
  aRow: 'i32',
  words: 'i32',
  groups: 'i32',
  cRow: 'i32',
  panelCount: 'i32',
  blocksM: 'i32',
  blockRows: 'i32',
  blockPanels: 'i32',
  scale: 'f32',
  bias: 'f32*',
  biasRow: 'i32',
  biasColumn: 'i32',
  residual: 'f32*',
  residualRow: 'i32',
  residualColumn: 'i32',
} as const
export type QuantizedProductKernel = Kernel<Readonly<Record<keyof typeof parameters, ParameterType>>>

function write(name: string, form: QuantizedProductForm): QuantizedProductKernel {
  const { format, multiplication, rows, panels, epilogue } = form
  const declared = {
    ...parameters,
    a: multiplication === 'floats' ? 'f32*' : 'i32*',
    wScales: format === 'int8' ? 'f32*' : 'u16*',
  } as const
  return kernel(name, declared, (k, p, task) => {
    const panelBlock = task.div(p.blocksM)
    const firstRow = task.sub(panelBlock.mul(p.blocksM)).mul(p.blockRows)
    const rowEnd = firstRow.add(p.blockRows).min(p.m)
    const firstPanel = panelBlock.mul(p.blockPanels)
    const panelEnd = firstPanel.add(p.blockPanels).min(p.panelCount)
    const columnEnd = panelEnd.mul(k.lanes).min(p.n)
    const [lastRow, lastPanel] = [p.m.sub(1), p.panelCount.sub(1)]
    k.loop(firstPanel, panelEnd, panels, (panel) => {
      // Rows and panels beyond the last repeat it; their sums are dropped.
      const here = repeat(panels, (v) => panel.add(v).min(lastPanel))
      k.loop(firstRow, rowEnd, rows, (row) => {
        const rowsHere = repeat(rows, (r) => row.add(r).min(lastRow))
        const sums = sumTile(k, form, p as unknown as Operands, rowsHere, here)
        k.unroll(rows, (r) =>
          k.if(row.add(r).lt(rowEnd), () => {
            const to = p.c.at(row.add(r).mul(p.cRow))
            k.unroll(panels, (v) => storePanel(k, to, panel.add(v).mul(k.lanes), columnEnd, sums[r]![v]!))
          }),
        )
      })
    })
    const firstColumn = firstPanel.mul(k.lanes)
    writeFinish(
      k,
      epilogue,
      true,
      {
        ...p,
        cColumn: k.int(1),
        c: p.c.at(firstRow.mul(p.cRow)).at(firstColumn),
        bias: p.bias.at(firstRow.mul(p.biasRow)).at(firstColumn.mul(p.biasColumn)),
        residual: p.residual.at(firstRow.mul(p.residualRow)).at(firstColumn.mul(p.residualColumn)),
      },
      rowEnd.sub(firstRow),
      columnEnd.sub(firstColumn),
    )
  })
}

/** As much of a panel's vector as lies before `end`. */
function storePanel(k: Builder, row: Pointer<'f32'>, column: Int, end: Int, value: Vector): void {
  const to = row.at(column)
  k.if(
    column.add(k.lanes).le(end),
    () => k.store(to, value),
    () => k.if(column.lt(end), () => k.store(to, value, k.tail(end.sub(column)))),
  )
}

interface Operands {
  readonly a: Pointer<'i32'>
  readonly aScales: Pointer<'f32'>
  readonly aStarts: Pointer<'i32'>
  readonly w: Pointer<'i32'>
  readonly wScales: Pointer<'f32'>
  readonly aRow: Int
  readonly words: Int
  readonly groups: Int
}

/** The sums of one tile, [row][panel], scales included. */
function sumTile(
  k: Builder,
  form: QuantizedProductForm,
  p: Operands,
  rows: readonly Int[],
  panels: readonly Int[],
): readonly (readonly Vector[])[] {
  const a = rows.map((row) => p.a.at(row.mul(p.aRow)))
  const w = panels.map((panel) => p.w.at(panel.mul(p.words.mul(k.lanes))))
  const places = new Places(k, a, w)
  if (form.format === 'bf16') {
    const sums = new Sums<'vector'>(k, form, () => k.vector(0))
    sums.words(places, p.words)
    return sums.totals()
  }
  if (form.format === 'int8') {
    // With further sums for each word only the first starts with what makes up for the zero point.
    const sums = new Sums<'ivector'>(k, form, (r, u) =>
      u === 0 ? k.loadBroadcast(p.aStarts.at(rows[r]!)) : k.intVector(0),
    )
    sums.words(places, p.words)
    const columnScales = panels.map((panel) => k.load(p.wScales.at(panel.mul(k.lanes))))
    return sums.totals().map((line, r) => {
      const rowScale = k.loadBroadcast(p.aScales.at(rows[r]!))
      return line.map((sum, v) => sum.toFloat().mul(columnScales[v]!.mul(rowScale)))
    })
  }
  const totals = rows.map(() => panels.map(() => k.variable(k.vector(0))))
  const scales = panels.map((panel) =>
    (p.wScales as unknown as Pointer<'bf16'>).as('bf16').at(panel.mul(p.groups.mul(k.lanes))),
  )
  const [rowScales, starts] = [p.aScales, p.aStarts].map((from) =>
    rows.map((row) => (from as Pointer<'i32'>).at(row.mul(p.groups))),
  ) as unknown as [Pointer<'f32'>[], Pointer<'i32'>[]]
  k.loop(0, p.groups, 1, (group) => {
    const sums = new Sums<'ivector'>(k, { ...form, unroll: 1 }, (r) => k.loadBroadcast(starts[r]!.at(group)))
    k.unroll(groupDepth / perWord.int4, (word) => {
      places.ask(form, word)
      sums.word(places, word, 0)
    })
    places.step(form, groupDepth / perWord.int4)
    const columnScales = scales.map((from) => k.load(from.at(group.mul(k.lanes))))
    sums.totals().forEach((line, r) => {
      const rowScale = k.loadBroadcast(rowScales[r]!.at(group))
      line.forEach((sum, v) => {
        const total = totals[r]![v]!
        total.set(sum.toFloat().fma(columnScales[v]!.mul(rowScale), total.get()))
      })
    })
  })
  return totals.map((line) => line.map((total) => total.get()))
}

/** Words of a panel that are asked for ahead: some kilobytes. */
const wordsAhead = 32

/** Where each row and each panel is read next. */
class Places {
  readonly #k: Builder
  readonly #a: readonly Variable<'i32'>[]
  readonly #w: readonly Variable<'i32'>[]

  constructor(k: Builder, a: readonly Pointer<'i32'>[], w: readonly Pointer<'i32'>[]) {
    const place = ({ address, offset }: Pointer): Variable<'i32'> => k.variable(address.add(offset))
    this.#k = k
    this.#a = a.map(place)
    this.#w = w.map(place)
  }

  panel(v: number): Pointer<'i32'> {
    return new Pointer(this.#k, 'i32', this.#w[v]!.get())
  }
  row<E extends 'i32' | 'f32'>(r: number, element: E): Pointer<E> {
    return new Pointer(this.#k, element, this.#a[r]!.get())
  }
  /** Asks for weights some way ahead, where few rows meet them: then the speed is that of memory. */
  ask({ rows }: QuantizedProductForm, word: number): void {
    if (rows > 2) return
    this.#w.forEach((_, v) => this.#k.prefetch(this.panel(v).at((wordsAhead + word) * this.#k.lanes)))
  }
  /** So many words further on. */
  step({ format, multiplication }: QuantizedProductForm, words: number): void {
    const k = this.#k
    const bytes = k.elementBytes(multiplication === 'floats' ? 'f32' : 'i32')
    const ahead = words * partsOf(format, multiplication) * bytes
    for (const place of this.#a) place.set(place.get().add(ahead))
    for (const place of this.#w) place.set(place.get().add(words * k.lanes * 4))
  }
}

/** Sums of a tile in registers, [unroll][row][panel]. */
class Sums<T extends 'vector' | 'ivector'> {
  readonly #k: Builder
  readonly #form: QuantizedProductForm
  readonly #sums: readonly (readonly (readonly Variable<T>[])[])[]

  constructor(
    k: Builder,
    form: QuantizedProductForm,
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

  /** Adds the products of `count` words. */
  words(places: Places, count: Int): void {
    const k = this.#k
    const { unroll } = this.#form
    const whole = unroll === 1 ? count : count.sub(count.rem(unroll))
    k.loop(0, whole, unroll, () => {
      k.unroll(unroll, (u) => {
        places.ask(this.#form, u)
        this.word(places, u, u)
      })
      places.step(this.#form, unroll)
    })
    if (unroll > 1)
      k.loop(whole, count, 1, () => {
        this.word(places, 0, 0)
        places.step(this.#form, 1)
      })
  }

  /** Adds the products of the word that lies `word` words ahead to the sums number `to`. */
  word(places: Places, word: number, to: number): void {
    const k = this.#k
    const { format, multiplication, rows, panels } = this.#form
    const count = partsOf(format, multiplication)
    const load = (v: number): IntVector => k.load(places.panel(v).at(word * k.lanes))
    // Floats read each word for each of its parts: it then is an operand of the instruction that takes the
    // part, and needs no register.
    const words = repeat(panels, (v) => (multiplication === 'floats' ? undefined : load(v)))
    k.unroll(count, (i) => {
      const parts = words.map((each, v) => partOf(this.#form, each ?? load(v), i))
      k.unroll(rows, (r) => {
        const at = word * count + i
        if (multiplication === 'floats') {
          const element = k.loadBroadcast(places.row(r, 'f32').at(at))
          parts.forEach((part, v) => {
            const sum = this.#sums[to]![r]![v]! as unknown as Variable<'vector'>
            sum.set(part.fromBits().fma(element, sum.get()))
          })
          return
        }
        const element = k.loadBroadcast(places.row(r, 'i32').at(at))
        parts.forEach((part, v) => {
          const sum = this.#sums[to]![r]![v]!
          sum.set(multiply(k, multiplication, sum.get() as never, part, element) as never)
        })
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
  multiplication: 'bytes' | 'shorts' | 'halves',
  sum: IntVector,
  weights: IntVector,
  activations: IntVector,
): IntVector {
  if (multiplication === 'bytes') return k.dotBytes(sum, weights, activations)
  if (multiplication === 'shorts') return k.dotShorts(sum, weights, activations)
  return k.dotHalves(sum as never, weights, activations) as never
}

/** How many vectors to multiply with a word of weights gives. */
export function partsOf(format: WeightFormat, multiplication: Multiplication): number {
  const each = { bytes: 4, shorts: 2, halves: 2, floats: 1 }[multiplication]
  return perWord[format] / each
}

/** The i-th of them: see `bitOf`. */
function partOf({ format, multiplication }: QuantizedProductForm, word: IntVector, i: number): IntVector {
  if (multiplication === 'halves') return word
  if (multiplication === 'floats') return i === 0 ? word.shl(16) : word.and(-0x10000)
  if (format === 'int8' && multiplication === 'bytes') return word
  const bits = 32 / perWord[format]
  const mask = multiplication === 'bytes' ? 0x0f0f0f0f : format === 'int8' ? 0x00ff00ff : 0x000f000f
  return (i === 0 ? word : word.ushr(bits * i)).and(mask)
}

function repeat<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
