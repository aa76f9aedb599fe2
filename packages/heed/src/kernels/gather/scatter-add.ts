import { type Builder, type Int, kernel, type Mask } from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'
import { groupByRow } from './group.js'

/** Elements that make one task. */
const taskElements = 16384
/** Rows wider than this are shared out among tasks: one row may get most of the entries. */
const chunkWidth = 128

export interface ScatterAddPlan {
  /** For each entry the row of the output that it is added to, 0 … rows − 1. */
  readonly rowOf: Int32Array
  /** Byte address of entries × width f32 elements, row-major. */
  readonly entries: number
  readonly rows: number
  readonly width: number
  /** Byte address of rows × width f32 elements, row-major; all are written. */
  readonly output: number
  /** Puts integers into the heap until the launches have run, and gives their byte address. */
  readonly place: (integers: Int32Array) => number
}

/**
 * Adds up entries by row, the gradient of a look-up: `output[row] = Σ entries[i] over i with rowOf[i] = row`,
 * zeros where there is none. Entries of a row are added in their order by one task, so the sums don't depend
 * on threads.
 */
export function planScatterAdd(plan: ScatterAddPlan): Launch[] {
  const { rowOf, entries, rows, width, output, place } = plan
  if (rows === 0 || width === 0) return []
  const chunk = Math.min(width, chunkWidth)
  const chunks = Math.ceil(width / chunk)
  const rowsPerTask = Math.max(1, Math.floor(taskElements / chunk))
  const blocks = Math.ceil(rows / rowsPerTask)
  const groups = groupByRow(rowOf, rows)
  const firstGroup = new Int32Array(blocks + 1)
  let group = 0
  for (let block = 0; block <= blocks; block++) {
    while (group < groups.rows.length && groups.rows[group]! < block * rowsPerTask) group++
    firstGroup[block] = group
  }
  const values = {
    rows,
    rowsPerTask,
    width,
    chunk,
    chunks,
    firstGroup: place(firstGroup),
    groupRows: place(groups.rows),
    groupStarts: place(groups.starts),
    order: place(groups.order),
    entries,
    output,
  }
  return [launchOf(scatterAdd, values, blocks * chunks)]
}

const scatterAdd = kernel(
  'scatter-add',
  {
    rows: 'i32',
    rowsPerTask: 'i32',
    width: 'i32',
    chunk: 'i32',
    chunks: 'i32',
    firstGroup: 'i32*',
    groupRows: 'i32*',
    groupStarts: 'i32*',
    order: 'i32*',
    entries: 'f32*',
    output: 'f32*',
  },
  (k, p, task) => {
    const block = task.div(p.chunks)
    const column = task.sub(block.mul(p.chunks)).mul(p.chunk)
    const columns = p.width.sub(column).min(p.chunk)
    const first = block.mul(p.rowsPerTask)
    const last = first.add(p.rowsPerTask).min(p.rows)
    // Rows without an entry are most of a vocabulary: all get zeros first, while they are in the nearest
    // cache.
    const clear = (at: Int, count: Int): void =>
      strips(k, count, (i, vectors, mask) =>
        k.unroll(vectors, (u) => k.store(p.output.at(at.add(i)).at(u * k.lanes), k.vector(0), mask)),
      )
    k.if(
      p.chunks.eq(1),
      () => clear(first.mul(p.width), last.sub(first).mul(p.width)),
      () => k.loop(first, last, 1, (row) => clear(row.mul(p.width).add(column), columns)),
    )
    k.loop(k.loadScalar(p.firstGroup.at(block)), k.loadScalar(p.firstGroup.at(block).at(1)), 1, (group) => {
      const to = p.output.at(k.loadScalar(p.groupRows.at(group)).mul(p.width).add(column))
      const start = k.loadScalar(p.groupStarts.at(group))
      const end = k.loadScalar(p.groupStarts.at(group).at(1))
      strips(k, columns, (i, vectors, mask) => {
        const sums = Array.from({ length: vectors }, () => k.variable(k.vector(0)))
        k.loop(start, end, 1, (entry) => {
          const from = p.entries.at(k.loadScalar(p.order.at(entry)).mul(p.width).add(column).add(i))
          sums.forEach((sum, u) => sum.set(sum.get().add(k.load(from.at(u * k.lanes), mask))))
        })
        sums.forEach((sum, u) => k.store(to.at(i).at(u * k.lanes), sum.get(), mask))
      })
    })
  },
)

/** Covers 0 … count − 1: four vectors at a time, then one, then a masked one. */
function strips(k: Builder, count: Int, body: (i: Int, vectors: number, mask?: Mask) => void): void {
  const round = 4 * k.lanes
  const whole = count.div(round).mul(round)
  k.loop(0, whole, round, (i) => body(i, 4))
  k.vectors(count.sub(whole), (i, mask) => body(whole.add(i), 1, mask))
}
