/**
 * Text that others wrote (tokens, names and values out of files, arguments) made safe to show: characters
 * that act on a terminal, or on the text around them, are shown by a mark and never sent.
 */

const NAMED: Readonly<Record<string, string>> = {
  ' ': '␣',
  '\n': '↵',
  '\r': '␍',
  '\t': '⇥',
  '\u00a0': '⍽',
  '\u007f': '␡',
}

/**
 * What acts, or hides, in place of showing: controls (C0, DEL, C1), formats (bidirectional overrides and
 * isolates, zero widths, tags), lone surrogates, the separators of lines and paragraphs, and letters without
 * a shape (fillers).
 */
const ACTING = /\u034f|[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/u
const EVERY_ACTING = new RegExp(ACTING, 'gu')

const PICTURE = /\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f/u
/** Scripts whose spelling needs joiners and non-joiners. */
const JOINING = new RegExp(
  ['Arabic', 'Syriac', 'Mongolian', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya', 'Tamil']
    .concat('Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Khmer')
    .map((script) => `\\p{Script=${script}}`)
    .join('|'),
  'u',
)

/** What stands for a character that doesn't show itself. */
export function markOf(character: string): string {
  const named = NAMED[character]
  if (named !== undefined) return named
  const code = character.codePointAt(0)!
  if (code < 32) return String.fromCodePoint(0x2400 + code)
  const hex = code.toString(16).toUpperCase()
  // A byte that is part of no character, see `tokenLabels` of heed.
  return code >= 0xdc80 && code <= 0xdcff ? hex.slice(2) : `U+${hex.padStart(4, '0')}`
}

/**
 * Whether a joiner belongs to what stands before and after it: a picture (👩‍💻), or a word of a joining
 * script.
 */
export function joins(character: string, before: string, after: string): boolean {
  if (character !== '\u200d' && character !== '\u200c') return false
  const both = (pattern: RegExp): boolean => pattern.test(before) && pattern.test(after)
  return both(JOINING) || (character === '\u200d' && both(PICTURE))
}

/** Whether a character acts, or hides, in place of showing. */
export function acts(character: string): boolean {
  return ACTING.test(character)
}

/**
 * Text as it may be shown: what would act is a mark, `␛` or `U+202E`. A terminal shows the result as it
 * stands, on one line.
 *
 * @param kept characters that are let through: `'\n'` where lines are wanted
 * @param before the character that was shown before the text
 */
export function escaped(text: string, kept = '', before = ''): string {
  if (!ACTING.test(text) || (kept === '\n' && !acts(text.replaceAll('\n', '')))) return text
  const characters = [...text]
  return characters
    .map((character, index) => {
      if (!ACTING.test(character) || kept.includes(character)) return character
      const [left, right] = [characters[index - 1] ?? before, characters[index + 1] ?? '']
      return joins(character, left, right) ? character : markOf(character)
    })
    .join('')
}

/**
 * JSON whose strings hold no acting character as itself: `\u202e`. It says the same, and may be sent to a
 * terminal.
 */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent)
  return text.replace(EVERY_ACTING, (character) =>
    character === '\n'
      ? character // between the lines; within strings it is \n already
      : Array.from(
          { length: character.length },
          (_, unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`,
        ).join(''),
  )
}
