import { digitAt, TableReader } from './numbers.js'
import { rangesOf } from './ranges.js'
import type { Ranges } from './ranges.js'
import { categoryLengths, categoryLongNames, categoryNames, categoryValues } from './tables.js'

/** Where each run of characters of one general category begins. */
let starts: Int32Array | undefined

/** The beginning of each run in `categoryValues`, and the end of the last. */
function startsOfRuns(): Int32Array {
  if (starts === undefined) {
    starts = new Int32Array(categoryValues.length + 1)
    const lengths = new TableReader(categoryLengths)
    for (let i = 0; i < categoryValues.length; i++) starts[i + 1] = starts[i]! + lengths.next() + 1
  }
  return starts
}

/**
 * The characters of some general categories in Unicode 16. `categories`: short names, one after the other.
 */
export function categoryRanges(categories: string): Ranges {
  const wanted = new Uint8Array(64)
  for (let i = 0; i < categories.length; i += 2) wanted[indexOf(categories.slice(i, i + 2))] = 1
  const runs = startsOfRuns()
  const pairs: number[] = []
  for (let i = 0; i < categoryValues.length; i++)
    if (wanted[digitAt(categoryValues, i)] === 1) pairs.push(runs[i]!, runs[i + 1]! - 1)
  return rangesOf(pairs)
}

function indexOf(category: string): number {
  for (let i = 0; i < categoryNames.length; i += 2) if (categoryNames.startsWith(category, i)) return i >> 1
  return 63
}

/** Names of general categories and of groups of them, as `plainName` has them → short names. */
export function categoriesByName(): Map<string, string> {
  const names = new Map<string, string>()
  const groups: Record<string, string> = {
    L: 'letter',
    M: 'mark combiningmark',
    N: 'number',
    P: 'punctuation',
    S: 'symbol',
    Z: 'separator',
    C: 'other',
  }
  const longNames = categoryLongNames.split(' ')
  for (let i = 0; i < categoryNames.length; i += 2) {
    const short = categoryNames.slice(i, i + 2)
    const group = short.charAt(0)
    const before = names.get(group.toLowerCase()) ?? ''
    names.set(short.toLowerCase(), short)
    names.set(plainName(longNames[i >> 1]!), short)
    for (const name of [group.toLowerCase(), ...groups[group]!.split(' ')]) names.set(name, before + short)
  }
  for (const name of ['lc', 'casedletter']) names.set(name, 'LuLlLt')
  return names
}

/** A property's name without what may be written either way: case, spaces, `_` and `-`. */
export function plainName(name: string): string {
  return name.replace(/[ _-]+/g, '').replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
