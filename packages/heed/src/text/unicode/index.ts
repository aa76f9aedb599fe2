export { CharacterSet } from './character-set.js'
export { combiningClass } from './combining-class.js'
export { scriptOfUnicode9 } from './earlier-script.js'
export {
  bertAccent,
  bertChinese,
  bertControl,
  mark,
  numeric,
  punctuation,
  unassignedInUnicode9,
  whiteSpace,
  wordCharacter,
} from './fixed-sets.js'
export { graphemeEnd, graphemeEndOfUnicode17, standsAloneInUnicode17 } from './grapheme.js'
export { capitalDottedI, caseFoldings, foldingOf, lowercaseOf } from './letter-case.js'
export { propertyRanges, propertySet } from './property.js'
export { complement, difference, intersection, pointCount, rangesOf, union } from './ranges.js'
export type { Ranges } from './ranges.js'
export { scriptNumber } from './script.js'
