import { codePointAt } from '../byte-alphabet.js'
import { categoryRanges } from './general-category.js'
import { TableReader } from './numbers.js'
import { storedRanges } from './property.js'
import type { Ranges } from './ranges.js'
import { graphemeBreaks, laterGraphemeBreaks } from './tables.js'

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

// In Unicode 17, beside the value: of Indic letters, what rule GB9c goes by.
const value = 15
const consonant = 16
const linker = 32

/** The values of characters by pages of 256. */
type Pages = (Uint8Array | undefined)[]

let pages: Pages | undefined
let laterPages: Pages | undefined

/** The value of a character; 14 for one that has none and is Extended_Pictographic. */
function breakOf(point: number, table: Pages): number {
  if (point < 0x7f && point >= 0x20) return other
  if (point >= 0xac00 && point < 0xd7a4) return (point - 0xac00) % 28 === 0 ? hangulLV : hangulLVT
  const page = table[point >> 8]
  return page === undefined ? other : page[point & 255]!
}

function readBreaks(isLater: boolean): Pages {
  const read: Pages = []
  const fill = (first: number, last: number, kind: number, kept = 0): void => {
    for (let point = first; point <= last; point++) {
      const page = (read[point >> 8] ??= new Uint8Array(256))
      page[point & 255] = (page[point & 255]! & kept) | kind
    }
  }
  const fillAll = (ranges: Ranges, kind: number, kept = 0): void => {
    for (let i = 0; i < ranges.length; i += 2) fill(ranges[i]!, ranges[i + 1]!, kind, kept)
  }
  const fillFrom = (source: string): void => {
    const table = new TableReader(source)
    for (let point = 0; !table.isDone;) {
      point += table.next()
      const end = point + table.next() + 1
      fill(point, end - 1, table.next())
      point = end
    }
  }
  fillAll(storedRanges(isLater ? 'pictograph17' : 'extendedpictographic')!, pictograph)
  fillAll(categoryRanges('CcCfZlZp'), control)
  fillAll(categoryRanges('MnMe'), extend)
  fillAll(categoryRanges('Mc'), spacing)
  fillFrom(graphemeBreaks)
  if (!isLater) return read
  fillFrom(laterGraphemeBreaks)
  fillAll(storedRanges('consonant17')!, consonant, value)
  fillAll(storedRanges('linker17')!, linker, value)
  return read
}

/**
 * Where the grapheme cluster that begins at `at` ends: an extended cluster of Unicode 16 (UAX #29) without
 * rule GB9c, as `\X` of Oniguruma has it.
 */
export function graphemeEnd(text: string, at: number, end: number): number {
  return endOfCluster(text, at, end, (pages ??= readBreaks(false)))
}

/** The same in Unicode 17 with rule GB9c, which keeps Indic conjuncts together. */
export function graphemeEndOfUnicode17(text: string, at: number, end: number): number {
  return endOfCluster(text, at, end, (laterPages ??= readBreaks(true)))
}

/**
 * Whether a character is a cluster of its own beside others of which that is said, in Unicode 17: most
 * letters and ideographs, no marks and nothing that counts its neighbours.
 */
export function standsAloneInUnicode17(point: number): boolean {
  return breakOf(point, (laterPages ??= readBreaks(true))) === other
}

function endOfCluster(text: string, at: number, end: number, table: Pages): number {
  let point = codePointAt(text, at, end)
  at += point > 0xffff ? 2 : 1
  let flags = breakOf(point, table)
  let before = flags & value
  // How many regional indicators stand before, and whether a pictograph and what extends it do.
  let indicators = before === regional ? 1 : 0
  let pictured = before === pictograph
  // Whether a consonant and what extends it stand before, and one that links it to the next.
  let linked = flags & consonant
  while (at < end) {
    point = codePointAt(text, at, end)
    flags = breakOf(point, table)
    const after = flags & value
    const conjoins = (flags & consonant) !== 0 && linked === (consonant | linker)
    if (!conjoins && !joins(before, after, indicators, pictured)) break
    at += point > 0xffff ? 2 : 1
    if ((flags & consonant) !== 0) linked = consonant
    else if ((after !== extend && after !== joiner) || point === nonJoiner) linked = 0
    else if (linked !== 0) linked |= flags & linker
    indicators = after === regional ? indicators + 1 : 0
    pictured =
      after === pictograph || (pictured && before !== joiner && (after === extend || after === joiner))
    before = after
  }
  return at
}

/** An extending character that ends a conjunct. */
const nonJoiner = 0x200c

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
