import { type Int, type Kernel, kernel, type Machine } from '../language/index.js'
import { roundUpTerm, writePanel, writeRowsOf } from './columns.js'
import type { Tile } from './tile.js'
import { type PlaceParameters, placeParameters } from './workspace.js'

/** Rows that one task of the kernels here has. */
export const rowsPerTask = 64

type DotParameters = PlaceParameters<'output' | 'upstream'> & {
  readonly dots: 'f32*'
  readonly heads: 'i32'
  readonly queries: 'i32'
}
const dotParameters: DotParameters = {
  ...placeParameters('output'),
  ...placeParameters('upstream'),
  dots: 'f32*',
  heads: 'i32',
  queries: 'i32',
}

/** Bytes of scratch memory that `rowDots` needs. */
export function dotScratchBytes(valueWidth: number, { panel }: Tile, { floatBytes }: Machine): number {
  return 2 * valueWidth * panel * floatBytes
}

/**
 * dots[batch head query] = Σ over the width of output × upstream. Its order is that in which the block sums
 * value × upstream. So where a row sees one key, both are equal to the bit and leave no gradient. Tasks:
 * batch × heads × ⌈queries / rowsPerTask⌉.
 */
export function rowDots(valueWidth: number, { panel }: Tile): Kernel<DotParameters> {
  return kernel(`attention row dots ${valueWidth} ${panel}`, dotParameters, (k, p, task) => {
    const { batch, head, matrix, first, end } = rowsOf(task, p.heads, p.queries)
    const output = p.output.at(batch.mul(p.outputBatch)).at(head.mul(p.outputHead))
    const upstream = p.upstream.at(batch.mul(p.upstreamBatch)).at(head.mul(p.upstreamHead))
    const outputs = k.scratch('f32')
    const upstreams = outputs.at(valueWidth * panel)
    k.loop(first, end, panel, (row) => {
      const rows = end.sub(row).min(panel)
      writePanel(k, output.at(row.mul(p.outputRow)), p.outputRow, outputs, valueWidth, panel, rows)
      writePanel(k, upstream.at(row.mul(p.upstreamRow)), p.upstreamRow, upstreams, valueWidth, panel, rows)
      k.vectors(rows, (lane, mask) => {
        const sum = k.variable(k.vector(0))
        k.loop(0, valueWidth, 1, (t) => {
          const at = t.mul(panel).add(lane)
          const value = k.load(outputs.at(at))
          // A row that may see nothing has output 0, and passes nothing, whatever its gradient holds.
          sum.set(
            value
              .ne(0)
              .select(k.load(upstreams.at(at)), 0)
              .fma(value, sum.get()),
          )
        })
        k.store(p.dots.at(matrix.mul(p.queries).add(row)).at(lane), sum.get(), mask)
      })
    })
  })
}

type SumParameters = PlaceParameters<'target'> & {
  readonly partial: 'f32*'
  readonly heads: 'i32'
  readonly queries: 'i32'
  readonly splits: 'i32'
  /** The first of batch × heads that the launch is for, and how many there are. */
  readonly firstMatrix: 'i32'
  readonly matrices: 'i32'
}
const sumParameters: SumParameters = {
  partial: 'f32*',
  ...placeParameters('target'),
  heads: 'i32',
  queries: 'i32',
  splits: 'i32',
  firstMatrix: 'i32',
  matrices: 'i32',
}

/** Bytes of scratch memory that `sumPartials` needs. */
export function sumScratchBytes({ lanes, floatBytes }: Machine): number {
  return lanes * lanes * floatBytes
}

/**
 * target[batch head query width] = Σ over the splits, in their order, of partial[split matrix ⌈query / panel⌉
 * width panel]. Tasks: matrices × ⌈queries / rowsPerTask⌉; a panel divides `rowsPerTask`.
 */
export function sumPartials(width: number, { panel }: Tile): Kernel<SumParameters> {
  return kernel(`attention sum partials ${width} ${panel}`, sumParameters, (k, p, task) => {
    const { batch, head, matrix, first, end } = rowsOf(task, p.heads, p.queries, p.firstMatrix)
    const rowsPadded = roundUpTerm(p.queries, panel)
    const target = p.target.at(batch.mul(p.targetBatch)).at(head.mul(p.targetHead))
    const source = p.partial.at(matrix.sub(p.firstMatrix).mul(rowsPadded).mul(width))
    const stride = p.matrices.mul(rowsPadded).mul(width)
    const spare = k.scratch('f32')
    k.loop(first, end, panel, (row) => {
      k.loop(0, end.sub(row).min(panel), k.lanes, (lane) => {
        const from = source.at(row.mul(width)).at(lane)
        writeRowsOf(
          k,
          width,
          (column, count) => {
            const place = from.at(column.mul(panel))
            const sums = Array.from({ length: count }, (_, i) => k.variable(k.load(place.at(i * panel))))
            k.loop(1, p.splits, 1, (split) => {
              const other = place.at(split.mul(stride))
              sums.forEach((sum, i) => sum.set(sum.get().add(k.load(other.at(i * panel)))))
            })
            return sums.map((sum) => sum.get())
          },
          target.at(row.add(lane).mul(p.targetRow)),
          p.targetRow,
          end.sub(row).sub(lane).min(k.lanes),
          spare,
        )
      })
    })
  })
}

const sinkParameters = {
  largest: 'f32*',
  inverseSum: 'f32*',
  dots: 'f32*',
  sink: 'f32*',
  gradient: 'f32*',
  batches: 'i32',
  heads: 'i32',
  queries: 'i32',
} as const

/**
 * gradient[head] = −Σ over batch and query of exp(sink − largest) × inverseSum × dots: the sink's weight
 * times what it takes away. Tasks: heads.
 */
export function sinkGradient(): Kernel<typeof sinkParameters> {
  return kernel('attention sink gradient', sinkParameters, (k, p, head) => {
    const total = k.variable(k.float(0))
    const logit = k.loadScalar(p.sink.at(head))
    // One of −infinity has no weight anywhere, and its difference from a row without keys would be NaN.
    const some = logit.gt(-Infinity)
    const sink = some.select(logit, 0)
    k.loop(0, p.batches, 1, (batch) => {
      const first = batch.mul(p.heads).add(head).mul(p.queries)
      const sum = k.variable(k.vector(0))
      k.vectors(p.queries, (i, mask) => {
        // Never above 0; lanes outside the mask must not overflow either.
        const weight = k
          .load(p.largest.at(first.add(i)), mask)
          .sub(sink)
          .max(0)
          .neg()
          .exp()
          .mul(k.load(p.inverseSum.at(first.add(i)), mask))
        sum.set(weight.fma(k.load(p.dots.at(first.add(i)), mask), sum.get()))
      })
      total.set(total.get().add(sum.get().sum()))
    })
    k.store(p.gradient.at(head), some.select(total.get().neg(), 0))
  })
}

function rowsOf(
  task: Int,
  heads: Int,
  queries: Int,
  firstMatrix?: Int,
): { batch: Int; head: Int; matrix: Int; first: Int; end: Int } {
  const blocks = queries.add(rowsPerTask - 1).div(rowsPerTask)
  const local = task.div(blocks)
  const matrix = firstMatrix === undefined ? local : local.add(firstMatrix)
  const first = task.rem(blocks).mul(rowsPerTask)
  return {
    batch: matrix.div(heads),
    head: matrix.rem(heads),
    matrix,
    first,
    end: first.add(rowsPerTask).min(queries),
  }
}
