import { type Kernel, kernel } from '../language/index.js'
import { writePanel } from './columns.js'
import type { StoredFloat } from './definition.js'
import { type StoredParameters, storedParameters } from './workspace.js'

/** source [batch head row width] with strides, `heads` of them a batch, and their length. */
type PackParameters = StoredParameters<'source'> & {
  readonly packed: 'f32*'
  readonly heads: 'i32'
  readonly length: 'i32'
}
/**
 * source [batch head row width] -> packed [batch head ⌈row / panel⌉ width panel]: the rows of each panel
 * become columns, zeros where there are no rows. Tasks: batch × heads × ⌈length / panel⌉.
 */
export function packTransposed(width: number, panel: number, element: StoredFloat): Kernel<PackParameters> {
  const name = `attention pack transposed ${width} ${panel}${element === 'f32' ? '' : ` ${element}`}`
  const parameters: PackParameters = {
    ...storedParameters('source', element),
    packed: 'f32*',
    heads: 'i32',
    length: 'i32',
  }
  return kernel(name, parameters, (k, p, task) => {
    const { source, sourceBatch, sourceHead, sourceRow, packed, heads, length } = p
    const panels = length.add(panel - 1).div(panel)
    const row = task.rem(panels).mul(panel)
    const matrix = task.div(panels)
    const from = source
      .at(matrix.div(heads).mul(sourceBatch))
      .at(matrix.rem(heads).mul(sourceHead))
      .at(row.mul(sourceRow))
    const target = packed.at(task.mul(width * panel))
    writePanel(k, from, sourceRow, target, width, panel, length.sub(row).min(panel))
  })
}
