/**
 * The sets of characters that steps go by without naming a property, each in the version of Unicode that the
 * Rust package `tokenizers` 0.23 has there.
 */

import { CharacterSet } from './character-set.js'
import { categoryRanges } from './general-category.js'
import { storedRanges } from './property.js'
import { complement, intersection, union } from './ranges.js'

/** White space: Unicode's, which is Rust's and that of `\s` in Oniguruma, with U+0085 and without U+FEFF. */
export const whiteSpace: CharacterSet = new CharacterSet(() => storedRanges('whitespace')!)

/**
 * The characters of a word in Rust's regular expressions: what `Whitespace` keeps together, and what a
 * `single_word` token may not touch.
 */
export const wordCharacter: CharacterSet = new CharacterSet(() =>
  union(storedRanges('alphabetic')!, categoryRanges('MnMcMeNdPc'), storedRanges('joincontrol')!),
)

/** Numbers of Unicode 17: what `Digits` cuts off. */
export const numeric: CharacterSet = new CharacterSet(() => storedRanges('numeric17')!)

/** Punctuation of Unicode 8 and of ASCII, symbols too: what `Punctuation` and `BertPreTokenizer` cut off. */
export const punctuation: CharacterSet = new CharacterSet(() => storedRanges('punctuation8')!)

/** Nonspacing marks of Unicode 8: the accents that `BertNormalizer` drops. */
export const bertAccent: CharacterSet = new CharacterSet(() => storedRanges('nonspacing8')!)

/** All marks of Unicode 9: what `StripAccents` drops. */
export const mark: CharacterSet = new CharacterSet(() => storedRanges('mark9')!)

/** What `BertNormalizer` drops where it cleans the text: control characters of Unicode 8, U+FFFD. */
export const bertControl: CharacterSet = new CharacterSet(() =>
  intersection(
    union(storedRanges('control8')!, Int32Array.of(0xfffd, 0xfffd)),
    complement(Int32Array.of(9, 10, 13, 13)),
  ),
)

/** What `BertNormalizer` takes for Chinese characters. U+2B820 to U+2B91F are missing in the package. */
export const bertChinese: CharacterSet = new CharacterSet(
  Int32Array.from(
    [0x3400, 0x4dbf, 0x4e00, 0x9fff, 0xf900, 0xfaff, 0x20000, 0x2a6df, 0x2a700, 0x2b81f].concat([
      0x2b920, 0x2ceaf, 0x2f800, 0x2fa1f,
    ]),
  ),
)

/** What Unicode 9 hasn't: it has no normal form but itself. */
export const unassignedInUnicode9: CharacterSet = new CharacterSet(() => storedRanges('unassigned9')!)
