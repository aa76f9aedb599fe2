/** Tables that follow from a design alone, kept for each device. */
import {
  alibiSlopes,
  type PositionTable,
  type RotaryOptions,
  type RotaryTable,
  rotaryTable,
  type SinusoidalOptions,
  sinusoidalTable,
} from '../nn/index.js'
import { currentDevice, keep, type RotaryPairs, tensor, type Tensor } from '../tensor/index.js'

/** Which entries of queries and keys are turned, how fast, and in which pairs. */
export interface RotaryDesign extends RotaryOptions {
  readonly pairs?: RotaryPairs | undefined
}

interface Tables {
  readonly rotary: Map<string, KnownTable>
  readonly slopes: Map<number, Tensor<'head'>>
  readonly sines: Map<string, { readonly length: number; readonly table: PositionTable }>
}

interface KnownTable {
  readonly length: number
  /** What the angles hang on beside the design. */
  readonly of: number | boolean
  readonly table: RotaryTable
}

const tables = new WeakMap<object, Tables>()
const keys = new WeakMap<RotaryDesign, string>()

function tablesHere(): Tables {
  const device = currentDevice()
  let own = tables.get(device)
  if (own === undefined)
    tables.set(device, (own = { rotary: new Map(), slopes: new Map(), sines: new Map() }))
  return own
}

/** The rotary table for at least so many positions: made once on a device. */
export function rotaryFor(design: RotaryDesign, needed: number): RotaryTable {
  const { rotary } = tablesHere()
  const { pairs = 'half', scaling, ...rest } = design
  let key = keys.get(design)
  if (key === undefined) keys.set(design, (key = JSON.stringify(design)))
  const of =
    scaling?.type === 'dynamic'
      ? Math.max(needed, scaling.trained)
      : scaling?.type === 'longrope' && needed > scaling.trained
  const known = rotary.get(key)
  if (known !== undefined && needed <= known.length && of === known.of) return known.table
  const length = tableLength(needed)
  const table = keep(
    rotaryTable(length, {
      ...rest,
      pairs,
      scaling: scaling !== undefined && 'length' in scaling ? { ...scaling, length: needed } : scaling,
    }),
  )
  rotary.set(key, { length, of, table })
  return table
}

/** The slopes of ALiBi: made once on a device. */
export function slopesFor(heads: number): Tensor<'head'> {
  const { slopes } = tablesHere()
  const known = slopes.get(heads) ?? keep(alibiSlopes(heads))
  slopes.set(heads, known)
  return known
}

/** Which sines: their arrangement, and a row that is zeros, which padding gets. */
export interface SinesDesign extends SinusoidalOptions {
  readonly zeroRow?: number | undefined
}

/** The table of sines for at least so many positions: made once on a device. */
export function sinesFor(
  width: number,
  { zeroRow, arrangement, frequencies }: SinesDesign,
  needed: number,
): PositionTable {
  const { sines } = tablesHere()
  const key = [width, zeroRow, arrangement, frequencies].join()
  const known = sines.get(key)
  if (known !== undefined && needed <= known.length) return known.table
  const length = tableLength(needed)
  const made = sinusoidalTable(length, width, {
    ...(arrangement && { arrangement }),
    ...(frequencies && { frequencies }),
  })
  const table = keep(zeroRow === undefined ? made : withoutRow(made, zeroRow))
  sines.set(key, { length, table })
  return table
}

/** The table with zeros in one row. */
function withoutRow(table: PositionTable, row: number): PositionTable {
  const { position, width } = table.shape
  const values = table.values(['position', 'width']).slice()
  values.fill(0, row * width, (row + 1) * width)
  return tensor(values, { position, width })
}

/** A power of two of positions: what a configuration claims may be far more than there is memory for. */
function tableLength(needed: number): number {
  return Math.max(64, 2 ** Math.ceil(Math.log2(needed)))
}
