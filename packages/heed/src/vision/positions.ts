/** Learned positions of patches, for pictures of another size than those that they were learned on. */
import type { PositionTable } from '../nn/index.js'
import { concat, dot, tensor, type Tensor } from '../tensor/index.js'
import type { PatchGrid } from './patches.js'

/** The sharpness of the cubic curve that positions are interpolated by, as PyTorch has it. */
const sharpness = -0.75

/**
 * Positions for another grid: bicubic between those of the grid that they were learned on (Dosovitskiy et al.
 * 2021, section 3.2). Half-pixel centres, no smoothing, borders repeated. Those in front, of tokens that are
 * no patches, stay.
 *
 * @param table position width: `before` positions of tokens, then a row of patches after the other
 */
export function interpolatedPositions(
  table: PositionTable,
  from: PatchGrid,
  to: PatchGrid,
  before = 0,
): PositionTable {
  if (from.rows === to.rows && from.columns === to.columns) return table
  const count = from.rows * from.columns
  const grid = table
    .slice('position', before, before + count)
    .split('position', { oldRow: from.rows, oldColumn: from.columns })
  const rows = interpolation(from.rows, to.rows)
  const columns = interpolation(from.columns, to.columns)
  const wide = dot(
    tensor(columns, { gridColumn: to.columns, oldColumn: from.columns }, { device: table.device }),
    grid,
    'oldColumn',
  )
  const high = dot(
    tensor(rows, { gridRow: to.rows, oldRow: from.rows }, { device: table.device }),
    wide,
    'oldRow',
  )
  const patches = (high as Tensor<'gridRow' | 'gridColumn' | 'width'>).merge(
    ['gridRow', 'gridColumn'],
    'position',
  )
  return before === 0 ? patches : concat([table.slice('position', 0, before), patches], 'position')
}

/** How much of each old place each new one takes, new by old, row-major (Keys 1981). */
function interpolation(from: number, to: number): Float64Array {
  const weights = new Float64Array(to * from)
  const last = from - 1
  for (let place = 0; place < to; place++) {
    const centre = (from / to) * (place + 0.5) - 0.5
    const first = Math.floor(centre)
    for (let tap = -1; tap <= 2; tap++) {
      const old = Math.min(last, Math.max(0, first + tap))
      weights[place * from + old]! += cubic(Math.abs(centre - first - tap))
    }
  }
  return weights
}

function cubic(distance: number): number {
  const a = sharpness
  if (distance <= 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1
  if (distance < 2) return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
  return 0
}
