import { kernel, type Kernel } from '../language/index.js'
import type { Launch } from '../launch.js'

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
  return [
    {
      kernel: argmax,
      parameters: [rows, rowsPerTask, width, input, output],
      tasks: Math.ceil(rows / rowsPerTask),
    },
  ]
}

const argmax: Kernel = kernel(
  'argmax',
  { rows: 'i32', rowsPerTask: 'i32', width: 'i32', input: 'f32*', output: 'i32*' },
  (k, p, task) => {
    const first = task.mul(p.rowsPerTask)
    k.loop(first, first.add(p.rowsPerTask).min(p.rows), 1, (row) => {
      const from = p.input.at(row.mul(p.width))
      const largest = k.variable(k.vector(-Infinity))
      const place = k.variable(k.laneIndex())
      k.vectors(p.width, (i, mask) => {
        const value = k.load(from.at(i), mask)
        // Not at most the largest: greater, or NaN. What was NaN before stays.
        const known = largest.get()
        const greater = value.le(known).not().and(known.eq(known))
        const better = mask === undefined ? greater : greater.and(mask)
        largest.set(better.select(value, largest.get()))
        place.set(better.select(k.laneIndex().add(i), place.get()))
      })
      const found = largest.get()
      const faulty = found.ne(found)
      const best = faulty.any().broadcast().select(faulty, found.eq(found.largestIgnoringNaN()))
      k.store(p.output.at(row), best.select(place.get(), 0x7fffffff).least())
    })
  },
) as unknown as Kernel
