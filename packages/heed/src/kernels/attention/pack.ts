import {
  type Builder,
  copyTransposed,
  type Int,
  type Kernel,
  kernel,
  type ParameterType,
  type ParameterTerms,
  type Pointer,
} from '../language/index.js'
import { roundUp } from './tile.js'

/**
 * Parameters of both packing kernels: source [batch head row width] with strides, `heads` of them a batch, and their length; a launch packs
 * some of batch × heads, from `firstMatrix` on.
 */
const parameters = {
  source: 'f32*',
  packed: 'f32*',
  batchStride: 'i32',
  headStride: 'i32',
  rowStride: 'i32',
  heads: 'i32',
  length: 'i32',
  firstMatrix: 'i32',
} as const

type Parameters = ParameterTerms<typeof parameters>

/**
 * source [batch head row width] -> packed [matrix ⌈row / panel⌉ width panel]: the rows of each panel become columns, zeros
 * where there are no rows. Tasks: matrices × ⌈length / panel⌉.
 */
export function packTransposed(width: number, panel: number): Kernel {
  return define(
    `attention pack transposed ${width} ${panel}`,
    (k, { source, packed, batchStride, headStride, rowStride, heads, length, firstMatrix }, task) => {
      const panels = length.add(panel - 1).div(panel)
      const row = task.rem(panels).mul(panel)
      const matrix = task.div(panels).add(firstMatrix)
      const target = packed.at(task.mul(width * panel))
      const from = source
        .at(matrix.div(heads).mul(batchStride))
        .at(matrix.rem(heads).mul(headStride))
        .at(row.mul(rowStride))
      writePanel(k, from, rowStride, target, width, panel, length.sub(row).min(panel))
    },
  )
}

/** The first `valid` of `panel` rows as columns: target[width panel], zeros where there are no rows. */
export function writePanel(
  k: Builder,
  from: Pointer<'f32'>,
  rowStride: Int,
  target: Pointer<'f32'>,
  width: number,
  panel: number,
  valid: Int,
): void {
  k.if(valid.lt(panel), () => k.vectors(width * panel, (i, mask) => k.store(target.at(i), k.vector(0), mask)))
  const tail = width % k.lanes
  const squares = valid.and(-k.lanes)
  k.loop(0, squares, k.lanes, (column) => {
    const lines = from.at(column.mul(rowStride))
    const place = target.at(column)
    k.loop(0, width - tail, k.lanes, (w) =>
      copyTransposed(k, lines.at(w), rowStride, place.at(w.mul(panel)), panel),
    )
    if (tail > 0)
      copyTransposed(k, lines.at(width - tail), rowStride, place.at((width - tail) * panel), panel, tail)
  })
  k.loop(squares, valid, 1, (column) => {
    const line = from.at(column.mul(rowStride))
    const place = target.at(column)
    k.loop(0, width, 1, (w) => k.store(place.at(w.mul(panel)), k.loadScalar(line.at(w))))
  })
}

/** Rows that one task of `packRows` copies. */
export const packRowsPerTask = 64

/**
 * source [batch head row width] -> packed [matrix ⌈width / panel⌉ row panel]: columns cut into panels, zeros beyond the width.
 * Tasks: matrices × ⌈length / packRowsPerTask⌉.
 */
export function packRows(width: number, panel: number): Kernel {
  return define(
    `attention pack rows ${width} ${panel}`,
    (k, { source, packed, batchStride, headStride, rowStride, heads, length, firstMatrix }, task) => {
      const blocks = length.add(packRowsPerTask - 1).div(packRowsPerTask)
      const first = task.rem(blocks).mul(packRowsPerTask)
      const local = task.div(blocks)
      const matrix = local.add(firstMatrix)
      const target = packed.at(local.mul(length).mul(roundUp(width, panel)))
      const from = source.at(matrix.div(heads).mul(batchStride)).at(matrix.rem(heads).mul(headStride))
      const whole = Math.floor(width / panel)
      k.loop(first, first.add(packRowsPerTask).min(length), 1, (row) => {
        const line = from.at(row.mul(rowStride))
        const copy = (panelIndex: Int, columns: number): void => {
          const place = target.at(panelIndex.mul(length).add(row).mul(panel))
          for (let column = 0; column < panel; column += k.lanes) {
            const left = columns - column
            const at = line.at(panelIndex.mul(panel)).at(column)
            const value = left >= k.lanes ? k.load(at) : left > 0 ? k.load(at, k.tail(left)) : k.vector(0)
            k.store(place.at(column), value)
          }
        }
        k.loop(0, whole, 1, (panelIndex) => copy(panelIndex, panel))
        if (whole * panel < width) copy(k.int(whole), width - whole * panel)
      })
    },
  )
}

function define(name: string, write: (k: Builder, terms: Parameters, task: Int) => void): Kernel {
  return kernel(name, parameters as Record<string, ParameterType>, (k, terms, task) =>
    write(k, terms as unknown as Parameters, task),
  )
}
