import { categoryRanges } from './general-category.js'
import { TableReader } from './numbers.js'
import { foldings, longFoldings, lowercase, uppercase } from './tables.js'

/** 256 code points a page → what is added to each. Pages without any are left out. */
type ShiftPages = (Int32Array | undefined)[]

let lowercasePages: ShiftPages | undefined
let folded: Map<number, string> | undefined

/** Calls `found` with each code point that has a lowercase of its own, and with that. */
function eachLowercase(found: (point: number, to: number) => void): void {
  const table = new TableReader(uppercase)
  const letters = categoryRanges('Lu')
  let shift = 0
  let left = 0
  for (let i = 0; i < letters.length; i += 2)
    for (let point = letters[i]!; point <= letters[i + 1]!; point++) {
      if (left-- === 0) {
        shift = table.nextSigned()
        left = table.next()
      }
      if (shift !== 0) found(point, point + shift)
    }
  eachShift(lowercase, found)
}

/** Calls `found` with each code point of a table and what it becomes. */
function eachShift(source: string, found: (point: number, to: number) => void): void {
  const table = new TableReader(source)
  for (let point = 0; !table.isDone;) {
    point += table.next()
    const form = table.next()
    const shift = table.nextSigned()
    for (let i = form >> 1; ; i--) {
      found(point, point + shift)
      if (i === 0) break
      point += (form & 1) + 1
    }
  }
}

/**
 * The lowercase of one character in Unicode 17, whatever stands around it: Σ gives σ. İ gives i, after which
 * U+0307 is to follow.
 */
export function lowercaseOf(point: number): number {
  lowercasePages ??= readLowercase()
  const page = lowercasePages[point >> 8]
  return page === undefined ? point : point + page[point & 255]!
}

/** The character whose lowercase is two: i and U+0307. */
export const capitalDottedI = 0x130

function readLowercase(): ShiftPages {
  const pages: ShiftPages = []
  eachLowercase((point, to) => {
    const page = (pages[point >> 8] ??= new Int32Array(256))
    page[point & 255] = to - point
  })
  return pages
}

/**
 * Full case foldings of Unicode 16 (status C and F of CaseFolding.txt): code point → what it becomes, in the
 * order of the code points only within one length.
 */
export function caseFoldings(): ReadonlyMap<number, string> {
  if (folded !== undefined) return folded
  folded = new Map()
  const simple = new Map<number, number>()
  eachLowercase((point, to) => simple.set(point, to))
  eachShift(foldings, (point, to) => simple.set(point, to))
  for (const [point, to] of simple) if (point !== to) folded.set(point, String.fromCodePoint(to))
  const table = new TableReader(longFoldings)
  for (let point = 0; !table.isDone;) {
    point += table.next()
    let text = ''
    for (let i = table.next(); i > 0; i--) text += String.fromCodePoint(table.next())
    folded.set(point, text)
  }
  return folded
}

/** The full case folding of a character; undefined where it is itself. */
export function foldingOf(point: number): string | undefined {
  return caseFoldings().get(point)
}
