import { acts, joins, markOf } from './terminal/escape.js'

/** A piece of a token's text: what the text says, or a mark that stands for something invisible in it. */
export interface Piece {
  readonly text: string
  readonly mark: boolean
}

/** What a token may consist of and doesn't show by itself: spaces, unassigned and private characters. */
const BLANK = /[\p{C}\p{Z}]/u
const COMBINING = /^\p{M}/u

/**
 * A token's text with everything in it visible: a space as `␣`, a line break as `↵`, other characters that
 * don't show (or that would reorder or hide their neighbours) by their code, `U+202E`; a byte that is part of
 * no character (see `tokenLabels` of heed) as `E6`. The empty text is `∅`.
 */
export function visible(text: string): Piece[] {
  if (text === '') return [{ text: '∅', mark: true }]
  const characters = [...text]
  const pieces: { text: string; mark: boolean }[] = []
  characters.forEach((character, index) => {
    const mark =
      (BLANK.test(character) || acts(character)) &&
      !joins(character, characters[index - 1] ?? '', characters[index + 1] ?? '')
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
