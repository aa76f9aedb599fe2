import { intersection, propertyRanges } from '../unicode/index.js'
import type { Ranges } from '../unicode/index.js'
import { nothing, rangesFrom } from './ranges.js'

const known = new Map<string, Ranges>()
const ascii: Ranges = rangesFrom(0, 0x7f)
/** More names than there are come only from files that make them up. */
const mostKnown = 256

/** The name of a property as it is compared. */
export function plainName(name: string): string {
  return name.replace(/[ _-]/g, '').toLowerCase()
}

/** The characters that have a property in Unicode 16, by its plain name; none where there is none of it. */
export function property(name: string): Ranges {
  let ranges = known.get(name)
  if (ranges === undefined) {
    ranges = propertyRanges(name) ?? nothing
    if (known.size < mostKnown) known.set(name, ranges)
  }
  return ranges
}

/** What of a set is within ASCII. */
export function asciiOnly(ranges: Ranges): Ranges {
  return intersection(ranges, ascii)
}
