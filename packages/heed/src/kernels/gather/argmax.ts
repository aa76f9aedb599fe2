import { kernel } from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'

/** Elements that make one task. */
const taskElements = 16384

export interface ArgmaxPlan {
  /** Byte address of rows × width f32 elements, row-major; width ≥ 1. */
  readonly input: number
  readonly rows: number
  readonly width: number
  /** Byte address of one i32 for each row. */
  readonly output: number
}

/**
 * The position of the largest element of each row, of equals the first; that of the first NaN where there is
 * one (as NumPy and PyTorch have it).
 */
export function planArgmax({ input, rows, width, output }: ArgmaxPlan): Launch[] {
  const rowsPerTask = Math.max(1, Math.floor(taskElements / width))
  return [launchOf(argmax, { rows, rowsPerTask, width, input, output }, Math.ceil(rows / rowsPerTask))]
}

const argmax = kernel(
  'argmax',
  { rows: 'i32', rowsPerTask: 'i32', width: 'i32', input: 'f32*', output: 'i32*' },
  (k, p, task) => {
    const first = task.mul(p.rowsPerTask)
    k.loop(first, first.add(p.rowsPerTask).min(p.rows), 1, (row) => {
      const from = p.input.at(row.mul(p.width))
      const largest = k.variable(k.vector(-Infinity))
      const place = k.variable(k.laneIndex())
      const faulty = k.variable(k.vector(0).ne(0))
      k.vectors(p.width, (i, mask) => {
        const value = k.load(from.at(i), mask)
        const known = largest.get()
        const greater = value.gt(known)
        const better = mask === undefined ? greater : greater.and(mask)
        // The next vector waits for this alone: the greater in one instruction.
        largest.set(mask === undefined ? known.maxIgnoringNaN(value) : better.select(value, known))
        place.set(better.select(k.laneIndex().add(i), place.get()))
        faulty.set(faulty.get().or(value.ne(value)))
      })
      const found = largest.get()
      const best = found.eq(found.largestIgnoringNaN())
      const first = k.variable(best.select(place.get(), 0x7fffffff))
      k.if(faulty.get().any(), () => {
        first.set(0x7fffffff)
        k.vectors(p.width, (i, mask) => {
          const value = k.load(from.at(i), mask)
          const position = k.laneIndex().add(i)
          first.set(value.ne(value).select(first.get().min(position), first.get()))
        })
      })
      k.store(p.output.at(row), first.get().least())
    })
  },
)
