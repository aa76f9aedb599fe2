import { codePointAt } from './byte-alphabet.js'

/**
 * A text after normalization. Code unit i of `text` comes from [starts[i], ends[i]) of the original; where
 * both are undefined, nothing changed and it comes from [i, i + 1).
 */
export interface NormalizedText {
  readonly text: string
  readonly starts?: Int32Array
  readonly ends?: Int32Array
}

const longRunOfMarks = /\p{M}{100}/u

/** A character and its change: 0 replaces one, 1 is inserted, -n replaces one and removes the n after it. */
interface Change {
  readonly character: string
  readonly change: number
}

/**
 * Normalization form C (UAX #15), with where each character comes from. A composed character has the place of
 * its base alone, as in the tokenizers that models were trained with: "e" and U+0301 become "é" with the span
 * of "e".
 */
export function normalizeNfc(original: string): NormalizedText {
  // JavaScript's own takes quadratic time for long runs of marks; those are left to what follows.
  if (!longRunOfMarks.test(original) && original.normalize('NFC') === original) return { text: original }
  const characters = [...original]
  const changes = compose(decompose(characters))
  const text = changes.map((change) => change.character).join('')
  const offsets = new Int32Array(characters.length + 1)
  characters.forEach((character, i) => (offsets[i + 1] = offsets[i]! + character.length))
  const starts = new Int32Array(text.length)
  const ends = new Int32Array(text.length)
  let unit = 0
  let at = 0
  for (const { character, change } of changes) {
    const from = Math.min(change > 0 ? at - 1 : at, characters.length - 1)
    if (change <= 0) at += 1 - change
    for (let i = 0; i < character.length; i++) {
      starts[unit] = from < 0 ? 0 : offsets[from]!
      ends[unit++] = from < 0 ? 0 : offsets[from + 1]!
    }
  }
  return { text, starts, ends }
}

/** Canonical decomposition, in canonical order. */
function decompose(characters: readonly string[]): Change[] {
  const changes: Change[] = []
  let marks: Change[] = []
  const flush = (): void => {
    if (marks.length > 1) marks = inCanonicalOrder(marks)
    for (const mark of marks) changes.push(mark)
    marks = []
  }
  for (const character of characters) {
    let change = 0
    for (const part of codePointAt(character, 0) < 0xc0 ? character : character.normalize('NFD')) {
      const entry = { character: part, change }
      if (isStarter(part)) {
        flush()
        changes.push(entry)
      } else marks.push(entry)
      change = 1
    }
  }
  flush()
  return changes
}

/** Sorts marks by combining class; those of one class keep their order. */
function inCanonicalOrder(marks: readonly Change[]): Change[] {
  const different = [...new Set(marks.map((mark) => mark.character))].sort((a, b) =>
    precedes(a, b) ? -1 : precedes(b, a) ? 1 : 0,
  )
  const ranks = new Map<string, number>()
  different.forEach((mark, i) => {
    const last = different[i - 1]
    ranks.set(mark, last === undefined ? 0 : ranks.get(last)! + (precedes(last, mark) ? 1 : 0))
  })
  return marks.toSorted((a, b) => ranks.get(a.character)! - ranks.get(b.character)!)
}

/** Canonical composition: a mark joins the last starter unless one of its own class stands between. */
function compose(changes: readonly Change[]): Change[] {
  const composed: Change[] = []
  let starter = -1
  let last: string | undefined
  for (const { character, change } of changes) {
    const stands = isStarter(character)
    if (starter >= 0) {
      const base = composed[starter]!
      const blocked = last !== undefined && (stands || !precedes(last, character))
      const joined = blocked ? '' : (base.character + character).normalize('NFC')
      if (joined !== '' && isOneCharacter(joined)) {
        composed[starter] = { character: joined, change: base.change + change - 1 }
        continue
      }
    }
    if (stands) {
      starter = composed.length
      last = undefined
    } else if (starter >= 0) last = character
    composed.push({ character, change })
  }
  return composed
}

function isOneCharacter(text: string): boolean {
  return text.length === 1 || (text.length === 2 && text.codePointAt(0)! > 0xffff)
}

const starters = new Map<number, boolean>()

/** Whether a character's combining class is 0: marks of class 1 and 240 show it by staying where they are. */
function isStarter(character: string): boolean {
  const point = character.codePointAt(0)!
  if (point < 0x300) return true
  let known = starters.get(point)
  if (known === undefined) {
    known =
      `${character}\u0334`.normalize('NFD') === `${character.normalize('NFD')}\u0334` &&
      `\u0345${character}`.normalize('NFD') === `\u0345${character.normalize('NFD')}`
    starters.set(point, known)
  }
  return known
}

/**
 * Whether the class of one mark is below the class of another, both not 0. JavaScript doesn't tell the
 * classes, but its normalization puts the lower one first.
 */
function precedes(first: string, second: string): boolean {
  return (second + first).normalize('NFD') !== second + first
}
