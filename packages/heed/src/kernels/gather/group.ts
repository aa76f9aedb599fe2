/** Entries grouped by the row that they are added to. */
export interface Groups {
  /** Entry numbers, those of one row together and in ascending order. */
  readonly order: Int32Array
  /** The row of each group, ascending. */
  readonly rows: Int32Array
  /** Where each group begins in `order`, and at the end how many entries there are. */
  readonly starts: Int32Array
}

const digitBits = 11
const digits = 1 << digitBits

/** Groups entries 0 … n − 1 by `rowOf[entry]`, a number from 0 to rowCount − 1: a stable radix sort. */
export function groupByRow(rowOf: Int32Array, rowCount: number): Groups {
  const count = rowOf.length
  let order = Int32Array.from({ length: count }, (_, entry) => entry)
  let other = new Int32Array(count)
  const places = new Int32Array(digits)
  for (let shift = 0; shift < 31 && 2 ** shift < rowCount; shift += digitBits) {
    places.fill(0)
    for (let i = 0; i < count; i++) places[(rowOf[i]! >>> shift) & (digits - 1)]!++
    let start = 0
    for (let digit = 0; digit < digits; digit++) {
      const found = places[digit]!
      places[digit] = start
      start += found
    }
    for (let i = 0; i < count; i++) {
      const entry = order[i]!
      other[places[(rowOf[entry]! >>> shift) & (digits - 1)]!++] = entry
    }
    ;[order, other] = [other, order]
  }
  const rows = new Int32Array(count)
  const starts = new Int32Array(count + 1)
  let groups = 0
  for (let i = 0; i < count; i++) {
    const row = rowOf[order[i]!]!
    if (groups > 0 && rows[groups - 1] === row) continue
    rows[groups] = row
    starts[groups++] = i
  }
  starts[groups] = count
  return { order, rows: rows.subarray(0, groups), starts: starts.subarray(0, groups + 1) }
}
