import { codePointAt } from './byte-alphabet.js'

/**
 * A text after normalization. Code unit i of `text` comes from [starts[i], ends[i]) of the original; where both are
 * undefined, nothing changed and it comes from [i, i + 1).
 */
export interface NormalizedText {
  readonly text: string
  readonly starts?: Int32Array
  readonly ends?: Int32Array
}

/** A character and its change: 0 replaces one, 1 is inserted, -n replaces one and removes the n after it. */
interface Change {
  readonly character: string
  readonly change: number
}

/**
 * Normalization form C (UAX #15), with where each character comes from. A composed character has the place of its
 * base alone, as in the tokenizers that models were trained with: "e" and U+0301 become "é" with the span of "e".
 */
export function normalizeNfc(original: string): NormalizedText {
  const text = original.normalize('NFC')
  if (text === original) return { text }
  const characters = [...original]
  const offsets = new Int32Array(characters.length + 1)
  characters.forEach((character, i) => (offsets[i + 1] = offsets[i]! + character.length))
  const starts = new Int32Array(text.length)
  const ends = new Int32Array(text.length)
  let unit = 0
  let at = 0
  for (const { character, change } of compose(decompose(characters))) {
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

/** JavaScript has no combining classes, but it sorts by them, and equal marks keep their order. */
function inCanonicalOrder(marks: readonly Change[]): Change[] {
  const waiting = new Map<string, Change[]>()
  for (const mark of marks) {
    const same = waiting.get(mark.character)
    if (same === undefined) waiting.set(mark.character, [mark])
    else same.push(mark)
  }
  for (const same of waiting.values()) same.reverse()
  const sorted = [...marks.map((mark) => mark.character).join('').normalize('NFD')]
  return sorted.map((character) => waiting.get(character)!.pop()!)
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

/** Whether the class of one mark is below the class of another, both not 0. */
function precedes(first: string, second: string): boolean {
  return (second + first).normalize('NFD') !== second + first
}
