import {
  type Int,
  type Kernel,
  kernel,
  nearestBf16,
  nearestF16,
  Pointer,
  type Vector,
} from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'
import { roundUp } from './tile.js'
import type { StoredFloat } from './definition.js'

/** Positions to be copied: [head row width] from f32 to where they are stored. */
export interface Appended {
  readonly rows: number
  readonly width: number
  /** Byte addresses of the first row of the first head, and elements between heads and between rows. */
  readonly source: number
  readonly sourceHead: number
  readonly sourceRow: number
  readonly target: number
  readonly targetHead: number
  readonly targetRow: number
}

const columns = [
  'rows',
  'width',
  'source',
  'sourceHead',
  'sourceRow',
  'target',
  'targetHead',
  'targetRow',
] as const satisfies readonly (keyof Appended)[]

const parameters = { table: 'i32*', heads: 'i32' } as const

/**
 * Copies the keys or values of several sequences each to its place, rounded to `element`. `allocate` gives
 * workspace that is freed after the launch ran; `write` fills it before.
 */
export function planAppend({
  element,
  heads,
  appended,
  allocate,
  write,
}: {
  readonly element: StoredFloat
  readonly heads: number
  readonly appended: readonly Appended[]
  readonly allocate: (bytes: number) => number
  readonly write: (address: number, words: Int32Array) => void
}): Launch[] {
  if (heads === 0 || appended.length === 0) return []
  const words = new Int32Array(appended.length * columns.length)
  let at = 0
  for (const each of appended) {
    // In the order of the columns.
    words[at++] = each.rows
    words[at++] = each.width
    words[at++] = each.source
    words[at++] = each.sourceHead
    words[at++] = each.sourceRow
    words[at++] = each.target
    words[at++] = each.targetHead
    words[at++] = each.targetRow
  }
  const table = allocate(roundUp(words.byteLength, 64))
  write(table, words)
  return [launchOf(appendKernel(element), { table, heads }, appended.length * heads)]
}

const kernels = new Map<StoredFloat, Kernel<typeof parameters>>()

function appendKernel(element: StoredFloat): Kernel<typeof parameters> {
  let made = kernels.get(element)
  if (made === undefined) kernels.set(element, (made = appendKernelOf(element)))
  return made
}

function appendKernelOf(element: StoredFloat): Kernel<typeof parameters> {
  return kernel(`append ${element}`, parameters, (k, { table, heads }, task) => {
    const row = table.at(task.div(heads).mul(columns.length))
    const head = task.rem(heads)
    const read = (name: (typeof columns)[number]): Int => k.loadScalar(row.at(columns.indexOf(name)))
    const width = read('width')
    const source = new Pointer(k, 'f32', read('source')).at(head.mul(read('sourceHead')))
    const target = new Pointer(k, element === 'f32' ? 'f32' : 'u16', read('target')).at(
      head.mul(read('targetHead')),
    )
    const round = (x: Vector): Vector =>
      (element === 'bf16' ? nearestBf16(x) : element === 'f16' ? nearestF16(x) : x) as Vector
    k.loop(0, read('rows'), 1, (i) => {
      const [from, to] = [source.at(i.mul(read('sourceRow'))), target.at(i.mul(read('targetRow')))]
      k.vectors(width, (j, mask) => k.store(to.at(j) as typeof from, round(k.load(from.at(j), mask)), mask))
    })
  })
}
