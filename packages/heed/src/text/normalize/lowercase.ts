import { codePointAt } from '../byte-alphabet.js'
import type { Component } from '../steps/component.js'
import type { NormalizedText } from '../steps/normalized-text.js'
import type { Normalizer } from '../steps/pieces.js'
import { Rewriter } from '../steps/rewriter.js'
import { capitalDottedI, lowercaseOf } from '../unicode/index.js'

/** Makes every letter lowercase by itself: Σ gives σ, also at the end of a word. */
export interface LowercaseDefinition {
  readonly type: 'Lowercase'
}

export const lowercase: Component<LowercaseDefinition, Normalizer> = {
  read: () => ({ type: 'Lowercase' }),
  create: () => inLowercase,
}

export function inLowercase(input: NormalizedText): NormalizedText {
  const { text } = input
  // The engine's own is fast and differs seldom: by the end of a word, or by its version of Unicode.
  const lower = text.toLowerCase()
  if (!isLetterByLetter(text, lower)) return letterByLetter(input)
  return lower === text ? input : { ...input, text: lower }
}

/** Whether each character of a text became what it becomes by itself, of as many code units. */
function isLetterByLetter(text: string, lower: string): boolean {
  if (lower.length !== text.length) return false
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) continue
    const point = codePointAt(text, at)
    if (point > 0xffff) {
      if (lowercaseOf(point) !== codePointAt(lower, at)) return false
      at++
    } else if (point === unit && lowercaseOf(point) !== lower.charCodeAt(at)) return false
  }
  return true
}

function letterByLetter(input: NormalizedText): NormalizedText {
  const { text } = input
  const rewriter = new Rewriter(input)
  let done = 0
  for (let at = 0; at < text.length;) {
    const point = codePointAt(text, at)
    const next = at + (point > 0xffff ? 2 : 1)
    const lower = lowercaseOf(point)
    if (lower !== point) {
      rewriter.keep(done, at)
      if (point === capitalDottedI) rewriter.put('i\u0307', at, next)
      else rewriter.putPoint(lower, at, next)
      done = next
    }
    at = next
  }
  rewriter.keep(done, text.length)
  return rewriter.finish()
}
