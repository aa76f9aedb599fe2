/** A piece of a token's text: what the text says, or a mark that stands for something invisible in it. */
export interface Piece {
  readonly text: string
  readonly mark: boolean
}

const NAMED: Readonly<Record<string, string>> = {
  ' ': '␣',
  '\n': '↵',
  '\r': '␍',
  '\t': '⇥',
  '\u00a0': '⍽',
  '\u007f': '␡',
}

/** Characters that don't show themselves: controls, formats (bidi, zero width), spaces, unassigned, surrogates. */
const INVISIBLE = /[\p{C}\p{Z}]/u
const PICTURE = /\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f/u
const COMBINING = /^\p{M}/u

function markOf(character: string): string {
  const named = NAMED[character]
  if (named !== undefined) return named
  const code = character.codePointAt(0)!
  if (code < 32) return String.fromCodePoint(0x2400 + code)
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
}

/**
 * A token's text with everything in it visible: a space as `␣`, a line break as `↵`, other characters that
 * don't show (or that would reorder or hide their neighbours) by their code, `U+202E`. The empty text is `∅`.
 */
export function visible(text: string): Piece[] {
  if (text === '') return [{ text: '∅', mark: true }]
  const characters = [...text]
  const pieces: { text: string; mark: boolean }[] = []
  characters.forEach((character, index) => {
    // A zero-width joiner between two pictures belongs to the picture: 👩‍💻.
    const joins =
      character === '\u200d' &&
      PICTURE.test(characters[index - 1] ?? '') &&
      PICTURE.test(characters[index + 1] ?? '')
    const mark = INVISIBLE.test(character) && !joins
    const shown = mark ? markOf(character) : character
    const last = pieces.at(-1)
    if (last !== undefined && last.mark === mark) last.text += shown
    else pieces.push({ text: !mark && COMBINING.test(shown) ? `◌${shown}` : shown, mark })
  })
  return pieces
}

/** {@link visible} as one string of at most `limit` characters, the last of them `…` if some are left out. */
export function visibleText(text: string, limit: number = Infinity): string {
  const characters = [
    ...visible(text)
      .map((piece) => piece.text)
      .join(''),
  ]
  return characters.length <= limit ? characters.join('') : `${characters.slice(0, limit - 1).join('')}…`
}
