import { type ElementType, type Int, kernel, type Kernel, type Pointer } from '../language/index.js'
import { readVector } from '../elementwise/index.js'
import { type Launch, launchOf } from '../launch.js'

/** Elements that make one task. */
const taskElements = 16384

export interface GatherPlan {
  /** Byte address that `offsets` count from. */
  readonly table: number
  readonly element: ElementType
  /**
   * Byte address of one i32 for each row of the output: how many elements after `table` that row starts. They
   * are trusted.
   */
  readonly offsets: number
  readonly rows: number
  readonly width: number
  /** Elements between neighbours within a row of the table. */
  readonly step: number
  /**
   * Byte address of rows × width elements, row-major: f32 where the table holds floats of any kind, else i32.
   */
  readonly output: number
}

/** Copies rows, each from where its offset says: `output[row][i] = table[offsets[row] + i × step]`. */
export function planGather(plan: GatherPlan): Launch[] {
  const { table, element, offsets, rows, width, step, output } = plan
  if (rows === 0 || width === 0) return []
  if (width === 1 && (element === 'f32' || element === 'i32')) {
    const values = { rows, rowsPerTask: taskElements, table, offsets, output }
    return [launchOf(gatherElements(element), values, Math.ceil(rows / taskElements))]
  }
  const rowsPerTask = Math.max(1, Math.floor(taskElements / width))
  const values = { rows, rowsPerTask, width, step, table, offsets, output }
  return [launchOf(gatherRows(element, step === 1), values, Math.ceil(rows / rowsPerTask))]
}

type Written = Pointer<'f32'>

const kernels = new Map<string, Kernel>()

function once(name: string, make: (name: string) => Kernel): Kernel {
  let made = kernels.get(name)
  if (made === undefined) {
    made = make(name)
    kernels.set(name, made)
  }
  return made
}

function outputElement(element: ElementType): 'f32' | 'i32' {
  return element === 'f32' || element === 'f16' || element === 'bf16' ? 'f32' : 'i32'
}

function gatherRows(element: ElementType, adjacent: boolean): Kernel {
  return once(
    `gather rows of ${element} ${adjacent ? 'with' : 'apart'}`,
    (name) =>
      kernel(
        name,
        {
          rows: 'i32',
          rowsPerTask: 'i32',
          width: 'i32',
          step: 'i32',
          table: `${element}*`,
          offsets: 'i32*',
          output: `${outputElement(element)}*`,
        },
        (k, p, task) => {
          const first = task.mul(p.rowsPerTask)
          k.loop(first, first.add(p.rowsPerTask).min(p.rows), 1, (row) => {
            const from = (p.table as Pointer).at(k.loadScalar(p.offsets.at(row)))
            const to = (p.output as Pointer).at(row.mul(p.width)) as Written
            const copy = (i: Int, mask?: Parameters<typeof k.store>[2]): void => {
              const value = readVector(
                k,
                from,
                adjacent ? 'with' : 'apart',
                i,
                () => k.laneIndex().add(i),
                p.step,
                mask,
              )
              k.store(to.at(i), value as never, mask)
            }
            // Four vectors a round: a row is short, and its rounds cost more than its bytes.
            const round = 4 * k.lanes
            const whole = p.width.div(round).mul(round)
            k.loop(0, whole, round, (i) => k.unroll(4, (u) => copy(i.add(u * k.lanes))))
            k.vectors(p.width.sub(whole), (i, mask) => copy(whole.add(i), mask))
          })
        },
      ) as unknown as Kernel,
  )
}

/** Rows of one element: a vector of them at a time. */
function gatherElements(element: 'f32' | 'i32'): Kernel {
  return once(
    `gather elements of ${element}`,
    (name) =>
      kernel(
        name,
        {
          rows: 'i32',
          rowsPerTask: 'i32',
          table: `${element}*`,
          offsets: 'i32*',
          output: `${element}*`,
        },
        (k, p, task) => {
          const first = task.mul(p.rowsPerTask)
          k.vectors(p.rows.sub(first).min(p.rowsPerTask), (i, mask) => {
            const at = first.add(i)
            const value = k.gather(p.table, k.load(p.offsets.at(at), mask), mask)
            k.store((p.output as Pointer).at(at) as Written, value as never, mask)
          })
        },
      ) as unknown as Kernel,
  )
}
