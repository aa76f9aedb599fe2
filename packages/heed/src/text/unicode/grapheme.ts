import { codePointAt } from '../byte-alphabet.js'
import { categoryRanges } from './general-category.js'
import { TableReader } from './numbers.js'
import { storedRanges } from './property.js'
import type { Ranges } from './ranges.js'
import { graphemeBreaks } from './tables.js'

// The values of Grapheme_Cluster_Break, numbered as in the generated table.
const other = 0
const control = 1
const extend = 2
const spacing = 3
const prepend = 4
const regional = 5
const joiner = 6
const hangulL = 7
const hangulV = 8
const hangulT = 9
const hangulLV = 10
const hangulLVT = 11
const carriageReturn = 12
const lineFeed = 13
const pictograph = 14

let pages: (Uint8Array | undefined)[] | undefined

/** The value of a character; 14 for one that has none and is Extended_Pictographic. */
function breakOf(point: number): number {
  if (point < 0x7f && point >= 0x20) return other
  if (point >= 0xac00 && point < 0xd7a4) return (point - 0xac00) % 28 === 0 ? hangulLV : hangulLVT
  pages ??= readBreaks()
  const page = pages[point >> 8]
  return page === undefined ? other : page[point & 255]!
}

function readBreaks(): (Uint8Array | undefined)[] {
  const read: (Uint8Array | undefined)[] = []
  const fill = (first: number, last: number, value: number): void => {
    for (let point = first; point <= last; point++)
      (read[point >> 8] ??= new Uint8Array(256))[point & 255] = value
  }
  const fillAll = (ranges: Ranges, value: number): void => {
    for (let i = 0; i < ranges.length; i += 2) fill(ranges[i]!, ranges[i + 1]!, value)
  }
  fillAll(storedRanges('extendedpictographic')!, pictograph)
  fillAll(categoryRanges('CcCfZlZp'), control)
  fillAll(categoryRanges('MnMe'), extend)
  fillAll(categoryRanges('Mc'), spacing)
  const table = new TableReader(graphemeBreaks)
  for (let point = 0; !table.isDone;) {
    point += table.next()
    const end = point + table.next() + 1
    fill(point, end - 1, table.next())
    point = end
  }
  return read
}

/**
 * Where the grapheme cluster that begins at `at` ends: extended clusters of Unicode 16 (UAX #29), without
 * rule GB9c, which neither `\X` of Oniguruma nor a cluster of fewer than six bytes knows.
 */
export function graphemeEnd(text: string, at: number, end: number): number {
  let point = codePointAt(text, at, end)
  at += point > 0xffff ? 2 : 1
  let before = breakOf(point)
  // How many regional indicators stand before, and whether a pictograph and what extends it do.
  let indicators = before === regional ? 1 : 0
  let pictured = before === pictograph
  while (at < end) {
    point = codePointAt(text, at, end)
    const after = breakOf(point)
    if (!joins(before, after, indicators, pictured)) break
    at += point > 0xffff ? 2 : 1
    indicators = after === regional ? indicators + 1 : 0
    pictured =
      after === pictograph || (pictured && before !== joiner && (after === extend || after === joiner))
    before = after
  }
  return at
}

/** Whether two neighbours are of one cluster. */
function joins(before: number, after: number, indicators: number, pictured: boolean): boolean {
  if (before === carriageReturn) return after === lineFeed
  if (before === control || before === lineFeed) return false
  switch (after) {
    case extend:
    case joiner:
    case spacing:
      return true
    case control:
    case carriageReturn:
    case lineFeed:
      return false
    case pictograph:
      if (before === joiner && pictured) return true
      break
    case regional:
      if (before === regional && (indicators & 1) === 1) return true
      break
    case hangulL:
    case hangulLV:
    case hangulLVT:
      if (before === hangulL) return true
      break
    case hangulV:
      if (before === hangulL || before === hangulLV || before === hangulV) return true
      break
    case hangulT:
      if (before === hangulLV || before === hangulV || before === hangulLVT || before === hangulT) return true
  }
  return before === prepend
}
