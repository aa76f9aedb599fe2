import type { Bool, Builder, Int, Kernel, Machine, Variable } from '../language/index.js'
import { kernel, Pointer } from '../language/index.js'
import { type Epilogue, epilogueName, type FinishOperands, writeFinish } from './epilogue.js'
import { divide, type OuterParameters, outerParameters, outerPointers } from './outer.js'
import { tileOf } from './tile.js'

/**
 * How a tile meets A:
 *
 * - `rows`: rows are read where they are.
 * - `runs`: the same, for rows whose elements are neighbours.
 * - `columns`: columns whose elements are neighbours are read where they are.
 * - `copied`: a block of columns is copied first, tile by tile.
 * - `panels`: another kernel packed A in panels.
 */
export type Left = 'rows' | 'runs' | 'columns' | 'copied' | 'panels'

/**
 * How a tile meets B:
 *
 * - `rows`: rows are read where they are.
 * - `copied`: a block's panels are copied together first.
 * - `panels`: another kernel packed B in panels.
 */
export type Right = 'rows' | 'copied' | 'panels'

/** What is fixed while a product kernel is written. */
export interface ProductForm {
  /** Rows of C that a tile holds in registers. */
  readonly rows: number
  /** Panels of B that a tile spans. */
  readonly panels: number
  /** Vectors in a panel's row. */
  readonly vectors: number
  readonly left: Left
  readonly right: Right
  /** Few rows meet each panel of B: its speed is that of memory. */
  readonly streamed: boolean
  /**
   * Lines of the next panel of B that a turn of the innermost loop asks for, so that it has come from memory
   * when its turn is.
   */
  readonly next: number
  /** Neighbours along n are neighbours in C. */
  readonly contiguous: boolean
  /** Outer axes. */
  readonly rank: number
  readonly epilogue: Epilogue
}

export type ProductKernel = Kernel<typeof productParameters & OuterParameters>

const kernels = new Map<string, ProductKernel>()

/**
 * C = A·B over tiles. A task is a block of `blockRows` × `blockPanels` panels of C, at one place of the outer
 * axes. It goes over blocks of k, over the panels of B (each stays in the nearest cache), and over tiles of
 * rows. For each tile the sums run over k in registers, and are added to C. The epilogue follows when k is
 * complete.
 *
 * Strides are in elements:
 *
 * - Row i of A starts at `a + i · aRow` (of panels, tile i). Its next k is `aDepth` further.
 * - Panel p of B starts at `b + p · bPanel`. Its next k is `bDepth` further, and its columns are adjacent.
 */
export function productKernel(form: ProductForm): ProductKernel {
  const { rows, panels, vectors, left, right, streamed, next, contiguous, rank, epilogue } = form
  const name = `matmul-${rows}x${panels}x${vectors}-${left}-${right}${streamed ? '-streamed' : ''}${next > 0 ? `-next${next}` : ''}${contiguous ? '' : '-scattered'}-${rank}${epilogueName(epilogue)}`
  let known = kernels.get(name)
  if (known === undefined) kernels.set(name, (known = write(name, form)))
  return known
}

const productParameters = {
  a: 'f32*',
  b: 'f32*',
  c: 'f32*',
  m: 'i32',
  n: 'i32',
  k: 'i32',
  aRow: 'i32',
  aDepth: 'i32',
  bPanel: 'i32',
  bDepth: 'i32',
  cRow: 'i32',
  cColumn: 'i32',
  blocksM: 'i32',
  blocksN: 'i32',
  blockRows: 'i32',
  blockPanels: 'i32',
  blockDepth: 'i32',
  scale: 'f32',
  bias: 'f32*',
  biasRow: 'i32',
  biasColumn: 'i32',
  residual: 'f32*',
  residualRow: 'i32',
  residualColumn: 'i32',
} as const

export const productOperands = ['a', 'b', 'c', 'bias', 'residual'] as const

function write(name: string, form: ProductForm): ProductKernel {
  const { rows, panels, vectors, left, right, contiguous, rank, epilogue } = form
  const parameters = { ...productParameters, ...outerParameters(rank, productOperands) }
  return kernel(name, parameters, (k, p, task) => {
    const { columns, unroll } = tileOf(k.machine, vectors)
    const [mBlock, rest] = divide(task, p.blocksM)
    const [nBlock, outer] = divide(rest, p.blocksN)
    const { a, b, c, bias, residual } = outerPointers(
      { a: p.a, b: p.b, c: p.c, bias: p.bias, residual: p.residual },
      rank,
      p,
      outer,
    )
    const firstRow = mBlock.mul(p.blockRows)
    const firstPanel = nBlock.mul(p.blockPanels)
    const firstColumn = firstPanel.mul(columns)
    const rowEnd = firstRow.add(p.blockRows).min(p.m)
    const columnEnd = firstColumn.add(p.blockPanels.mul(columns)).min(p.n)
    const lastPanel = p.n.sub(1).div(columns)

    const depth = k.variable(k.int(0))
    const block = (start: Int): void => {
      const count = p.k.sub(start).min(p.blockDepth)
      const aStart = a.at(start.mul(p.aDepth))
      const panelAt = copyPanels(k, form, b.at(start.mul(p.bDepth)), firstPanel, columnEnd, count, p)
      const near = copyBlock(k, form, aStart, firstRow, rowEnd, count, p)
      k.loop(firstPanel, columnEnd.add(columns - 1).div(columns), panels, (panel) => {
        const column = panel.mul(columns)
        k.loop(firstRow, rowEnd, rows, (row) => {
          const tile = new TileWriter(k, form)
          tile.sum(
            near?.(row) ??
              (left === 'panels'
                ? [aStart.at(row.div(rows).mul(p.aRow))]
                : left === 'columns'
                  ? [aStart.at(row)]
                  : repeat(rows, (r) => aStart.at(row.add(r).min(p.m.sub(1)).mul(p.aRow)))),
            repeat(panels, (q) =>
              panelAt === undefined
                ? b.at(start.mul(p.bDepth)).at(panel.add(q).min(lastPanel).mul(p.bPanel))
                : panelAt(panel.add(q).min(lastPanel)),
            ),
            count,
            leftStep(k.machine, form) ?? p.aDepth,
            right === 'rows' ? p.bDepth : columns,
            form.next === 0
              ? undefined
              : b
                  .at(start.mul(p.bDepth))
                  .at(panel.add(panels).mul(p.bPanel))
                  .at(
                    row
                      .sub(firstRow)
                      .div(rows)
                      .mul(count.div(unroll).mul(form.next * lineElements)),
                  ),
          )
          tile.store(
            c.at(row.mul(p.cRow)).at(column.mul(p.cColumn)),
            p.cRow,
            p.cColumn,
            rowEnd.sub(row).min(rows),
            columnEnd.sub(column).min(columns * panels),
            start.eq(0),
          )
        })
      })
    }
    // At least once: without any k, C is the epilogue of 0.
    k.while(
      () => depth.get().lt(p.k.max(1)),
      () => {
        const start = depth.get()
        block(start)
        depth.set(start.add(p.blockDepth))
      },
    )
    const finish: FinishOperands = {
      ...p,
      c: c.at(firstRow.mul(p.cRow)).at(firstColumn.mul(p.cColumn)),
      bias: bias.at(firstRow.mul(p.biasRow)).at(firstColumn.mul(p.biasColumn)),
      residual: residual.at(firstRow.mul(p.residualRow)).at(firstColumn.mul(p.residualColumn)),
    }
    writeFinish(k, epilogue, contiguous, finish, rowEnd.sub(firstRow), columnEnd.sub(firstColumn))
  })
}

/** Elements between one k and the next of a tile of `rows` rows in packed A. */
export const panelPitch = ({ lanes }: Machine, rows: number): number => Math.ceil(rows / lanes) * lanes

/** Elements between one k and the next where a tile meets A, if the form tells. */
function leftStep(machine: Machine, { left, rows }: ProductForm): number | undefined {
  return left === 'rows' || left === 'columns'
    ? undefined
    : left === 'runs'
      ? 1
      : left === 'copied'
        ? rows
        : panelPitch(machine, rows)
}

/** Elements of scratch memory that a tile takes on its way to the edge of C. */
const tileElements = (rows: number, panels: number, columns: number): number =>
  Math.ceil((rows * panels * columns) / 16) * 16

/** Steps along k that a streamed panel is asked for ahead: some kilobytes. */
const stepsAhead = 16

/** Elements in a line of the caches. */
export const lineElements = 16

/** Between the tiles or panels of a copied block, so that they don't fall on the same cache lines. */
const gap = 16

/** Elements of scratch memory for a block of `blockRows` rows and `blockDepth` steps. */
export function scratchElements(
  { rows, panels, left, right }: ProductForm,
  columns: number,
  blockRows: number,
  blockDepth: number,
  blockPanels: number,
): number {
  const tile =
    tileElements(rows, panels, columns) +
    (right === 'copied' ? blockPanels * (blockDepth * columns + gap) : 0)
  if (left === 'copied') return tile + Math.ceil(blockRows / rows) * (blockDepth * rows + gap)
  return tile
}

/**
 * Copies the block's panels of B behind its part of A, where the form asks for it, and gives what finds a
 * panel there.
 */
function copyPanels(
  k: Builder,
  form: ProductForm,
  b: Pointer<'f32'>,
  firstPanel: Int,
  columnEnd: Int,
  count: Int,
  { bDepth, blockDepth }: CopyParameters,
): ((panel: Int) => Pointer<'f32'>) | undefined {
  if (form.right !== 'copied') return undefined
  const { columns, vectors } = tileOf(k.machine, form.vectors)
  const block = k.scratch('f32').at(tileElements(form.rows, form.panels, columns))
  const pitch = blockDepth.mul(columns).add(gap)
  const first = firstPanel.mul(columns)
  const width = columnEnd.sub(first)
  k.loop(0, count, 1, (step) => {
    const line = b.at(step.mul(bDepth)).at(first)
    const to = block.at(step.mul(columns))
    const target = k.variable(to.address)
    // Whole panels: what lies beyond B's columns is read, but no column of C that counts.
    k.loop(0, width, columns, (column) => {
      const here = line.at(column)
      const there = new Pointer(k, 'f32', target.get(), to.offset)
      const loaded = repeat(vectors, (v) => k.load(here.at(v * k.lanes)))
      loaded.forEach((vector, v) => k.store(there.at(v * k.lanes), vector))
      target.set(target.get().add(pitch.mul(k.elementBytes('f32'))))
    })
  })
  return (panel) => block.at(panel.sub(firstPanel).mul(pitch))
}

interface CopyParameters {
  readonly bDepth: Int
  readonly blockPanels: Int
  readonly aDepth: Int
  readonly blockDepth: Int
}

/**
 * Copies a block of A to scratch memory, where the form asks for it, and gives what finds a tile's rows
 * there.
 */
function copyBlock(
  k: Builder,
  { rows, panels, vectors: width, left, right }: ProductForm,
  a: Pointer<'f32'>,
  firstRow: Int,
  rowEnd: Int,
  count: Int,
  { aDepth, blockDepth, blockPanels }: CopyParameters,
): ((row: Int) => readonly Pointer<'f32'>[]) | undefined {
  if (left !== 'copied') return undefined
  const { columns } = tileOf(k.machine, width)
  const start = k.scratch('f32').at(tileElements(rows, panels, columns))
  const block = right === 'copied' ? start.at(blockPanels.mul(blockDepth.mul(columns).add(gap))) : start
  const height = rowEnd.sub(firstRow)
  // Whole vectors: what lies beyond a tile's rows is written over by the next step, or is the gap.
  const pitch = blockDepth.mul(rows).add(gap)
  const starts = repeat(Math.ceil(rows / k.lanes), (v) => v * k.lanes)
  k.loop(0, count, 1, (step) => {
    const line = a.at(step.mul(aDepth)).at(firstRow)
    const to = block.at(step.mul(rows))
    const [source, target] = [k.variable(line.address), k.variable(to.address)]
    k.loop(0, height, rows, () => {
      const [here, there] = [
        new Pointer(k, 'f32', source.get(), line.offset),
        new Pointer(k, 'f32', target.get(), to.offset),
      ]
      const vectors = starts.map((start) => k.load(here.at(start)))
      vectors.forEach((vector, v) => k.store(there.at(starts[v]!), vector))
      source.set(source.get().add(rows * k.elementBytes('f32')))
      target.set(target.get().add(pitch.mul(k.elementBytes('f32'))))
    })
  })
  return (row) => [block.at(row.sub(firstRow).div(rows).mul(pitch))]
}

/** The sums of one tile of C, in registers. */
class TileWriter {
  readonly #k: Builder
  readonly #form: ProductForm
  readonly #columns: number
  readonly #vectors: number
  /** [row][vector], vectors counted over all panels. */
  readonly #sums: readonly (readonly Variable<'vector'>[])[]

  constructor(k: Builder, form: ProductForm) {
    const { columns, vectors } = tileOf(k.machine, form.vectors)
    this.#k = k
    this.#form = form
    this.#columns = columns
    this.#vectors = vectors
    this.#sums = repeat(form.rows, () => repeat(form.panels * vectors, () => k.variable(k.vector(0))))
  }

  /**
   * Adds `count` products to each sum, and asks for what lies at `ahead`, where there is something. Steps
   * along A and B that are known beforehand cost no addition while the loop is unrolled: on some processors
   * those take a multiply-add's place. WebAssembly's loop is not unrolled, and `#settle` is called between
   * rows: V8 places each multiply-add as late as it can, after all loads of its block, and would run out of
   * registers.
   */
  sum(
    a: readonly Pointer<'f32'>[],
    b: readonly Pointer<'f32'>[],
    count: Int,
    aDepth: Int | number,
    bDepth: Int | number,
    ahead?: Pointer<'f32'>,
  ): void {
    const k = this.#k
    const { next } = this.#form
    const asked = ahead && new Walk(k, [ahead], next * lineElements)
    const { unroll } = tileOf(k.machine, this.#vectors)
    const [aWalk, bWalk] = [new Walk(k, a, aDepth), new Walk(k, b, bDepth)]
    const whole = unroll === 1 ? k.int(0) : count.sub(count.rem(unroll))
    const steps = (start: Int, end: Int, at: number): void =>
      k.loop(start, end, at, (step) => {
        k.unroll(at, (u) => this.#step(step, aWalk.at(u), bWalk.at(u)))
        if (at === unroll) {
          for (const line of asked?.at(0) ?? []) repeat(next, (i) => k.prefetch(line.at(i * lineElements)))
          asked?.advance(1)
        }
        aWalk.advance(at)
        bWalk.advance(at)
      })
    if (unroll > 1) steps(k.int(0), whole, unroll)
    steps(whole, count, 1)
  }

  #step(step: Int, a: readonly Pointer<'f32'>[], b: readonly Pointer<'f32'>[]): void {
    const k = this.#k
    const { rows: fullRows, settleAfter } = tileOf(k.machine, this.#vectors)
    const { rows, left, streamed } = this.#form
    const columns = b.flatMap((row) => repeat(this.#vectors, (v) => k.load(row.at(v * k.lanes))))
    if (streamed) {
      const ahead = b.map((row) => row.at(stepsAhead * this.#columns))
      for (const row of ahead) repeat(this.#vectors, (v) => k.prefetch(row.at(v * k.lanes)))
    }
    // The line that a later tile of rows meets at this step: one that comes from far would hold it up, since
    // steps are lines apart.
    if (left === 'columns') k.prefetch(a[0]!.at(lineElements))
    this.#sums.forEach((sums, r) => {
      if (r === settleAfter && rows === fullRows) this.#settle(r, step)
      const element = k.loadBroadcast(left === 'rows' || left === 'runs' ? a[r]! : a[0]!.at(r))
      sums.forEach((sum, v) => sum.set(columns[v]!.fma(element, sum.get())))
    })
  }

  /**
   * Uses the sums of the first rows in a branch that is never taken (a step is not negative): they must be
   * ready by then.
   */
  #settle(rows: number, step: Int): void {
    if (rows === 0) return
    const k = this.#k
    k.if(step.lt(0), () => {
      const scratch = k.scratch('f32')
      this.#sums
        .slice(0, rows)
        .flat()
        .forEach((sum, v) => k.store(scratch.at(v * k.lanes), sum.get()))
    })
  }

  /**
   * Writes the sums to C if `first`, else adds them to it; only the first `rows` rows and `columns` columns.
   */
  store(c: Pointer<'f32'>, cRow: Int, cColumn: Int, rows: Int, columns: Int, first: Bool): void {
    const k = this.#k
    const { lanes } = k
    const width = this.#form.panels * this.#columns
    if (!this.#form.contiguous) return this.#storePart(c, cRow, cColumn, rows, columns, first)
    const full = rows.eq(this.#form.rows).and(columns.eq(width))
    k.if(
      full,
      () => {
        const each = (write: (at: Pointer<'f32'>, sum: Variable<'vector'>) => void): void =>
          this.#sums.forEach((sums, r) => {
            const row = c.at(cRow.mul(r))
            sums.forEach((sum, v) => write(row.at(v * lanes), sum))
          })
        k.if(
          first,
          () => each((at, sum) => k.store(at, sum.get())),
          () => each((at, sum) => k.store(at, k.load(at).add(sum.get()))),
        )
      },
      () => this.#storePart(c, cRow, cColumn, rows, columns, first),
    )
  }

  /** By way of scratch memory, so that it is written in loops. */
  #storePart(c: Pointer<'f32'>, cRow: Int, cColumn: Int, rows: Int, columns: Int, first: Bool): void {
    const k = this.#k
    const { lanes } = k
    const width = this.#form.panels * this.#columns
    const scratch = k.scratch('f32')
    this.#sums.forEach((sums, r) =>
      sums.forEach((sum, v) => k.store(scratch.at(r * width + v * lanes), sum.get())),
    )
    k.loop(0, rows, 1, (r) => {
      const [from, to] = [scratch.at(r.mul(width)), c.at(r.mul(cRow))]
      if (this.#form.contiguous) {
        k.vectors(columns, (i, mask) => {
          k.if(
            first,
            () => k.store(to.at(i), k.load(from.at(i), mask), mask),
            () => k.store(to.at(i), k.load(to.at(i), mask).add(k.load(from.at(i), mask)), mask),
          )
        })
        return
      }
      k.loop(0, columns, 1, (i) => {
        const at = to.at(i.mul(cColumn))
        k.if(
          first,
          () => k.store(at, k.loadScalar(from.at(i))),
          () => k.store(at, k.loadScalar(at).add(k.loadScalar(from.at(i)))),
        )
      })
    })
  }
}

/** Places that move together, by `depth` elements a step. */
class Walk {
  readonly #k: Builder
  readonly #places: readonly Variable<'i32'>[]
  readonly #depth: Int | number

  constructor(k: Builder, starts: readonly Pointer<'f32'>[], depth: Int | number) {
    this.#k = k
    this.#places = starts.map((start) => k.variable(start.address.add(start.offset)))
    this.#depth = depth
  }

  /** Where the places are `steps` ahead. A step that isn't known beforehand is taken. */
  at(steps: number): readonly Pointer<'f32'>[] {
    if (steps > 0 && typeof this.#depth !== 'number') this.#move(this.#depth)
    return this.#places.map((place) => {
      const here = new Pointer(this.#k, 'f32', place.get())
      return typeof this.#depth === 'number' ? here.at(steps * this.#depth) : here
    })
  }

  /** Goes on after `at(0)` to `at(steps - 1)`. */
  advance(steps: number): void {
    this.#move(typeof this.#depth === 'number' ? this.#depth * steps : this.#depth)
  }

  #move(elements: Int | number): void {
    const bytes = this.#k.elementBytes('f32')
    const by = typeof elements === 'number' ? elements * bytes : elements.mul(bytes)
    for (const place of this.#places) place.set(place.get().add(by))
  }
}

export function repeat<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
