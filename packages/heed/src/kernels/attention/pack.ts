import { type Kernel, kernel } from '../language/index.js'
import { writePanel } from './columns.js'

/** source [batch head row width] with strides, `heads` of them a batch, and their length. */
const parameters = {
  source: 'f32*',
  packed: 'f32*',
  batchStride: 'i32',
  headStride: 'i32',
  rowStride: 'i32',
  heads: 'i32',
  length: 'i32',
} as const

/**
 * source [batch head row width] -> packed [batch head ⌈row / panel⌉ width panel]: the rows of each panel become columns, zeros
 * where there are no rows. Tasks: batch × heads × ⌈length / panel⌉.
 */
export function packTransposed(width: number, panel: number): Kernel {
  const name = `attention pack transposed ${width} ${panel}`
  return kernel(name, parameters, (k, p, task) => {
    const { source, packed, batchStride, headStride, rowStride, heads, length } = p
    const panels = length.add(panel - 1).div(panel)
    const row = task.rem(panels).mul(panel)
    const matrix = task.div(panels)
    const from = source
      .at(matrix.div(heads).mul(batchStride))
      .at(matrix.rem(heads).mul(headStride))
      .at(row.mul(rowStride))
    const target = packed.at(task.mul(width * panel))
    writePanel(k, from, rowStride, target, width, panel, length.sub(row).min(panel))
  }) as unknown as Kernel
}
