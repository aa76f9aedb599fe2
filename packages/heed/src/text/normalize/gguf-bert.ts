import { codePointAt } from '../byte-alphabet.js'
import type { Component } from '../steps/component.js'
import type { Normalizer } from '../steps/pieces.js'
import { Rewriter } from '../steps/rewriter.js'
import { capitalDottedI, lowercaseOf, propertySet, whiteSpace } from '../unicode/index.js'
import { decompositions } from './decomposition.js'

/**
 * What llama.cpp does with a text before WordPiece, where `BertNormalizer` is what the package `tokenizers`
 * does. Accents go by what the first character of a decomposition is (of a Hangul syllable its first letter),
 * and control characters by a newer version of Unicode. Heed's own type.
 */
export interface GgufBertNormalizerDefinition {
  readonly type: 'GgufBert'
  readonly lowercase: boolean
  readonly strip_accents: boolean
}

export const ggufBert: Component<GgufBertNormalizerDefinition, Normalizer> = {
  read: (value) => ({
    type: 'GgufBert',
    lowercase: value.member('lowercase').boolean(),
    strip_accents: value.member('strip_accents').boolean(),
  }),
  create: ({ lowercase, strip_accents: strips }) => {
    const becomes = characterOf(lowercase, strips)
    return (input) => {
      const { text } = input
      const rewriter = new Rewriter(input)
      let done = 0
      for (let at = 0; at < text.length;) {
        const point = codePointAt(text, at)
        const next = at + (point > 0xffff ? 2 : 1)
        const other = becomes(point)
        if (other !== point) {
          rewriter.keep(done, at)
          rewriter.put(other < 0 ? '' : String.fromCodePoint(other), at, next)
          done = next
        }
        at = next
      }
      rewriter.keep(done, text.length)
      return rewriter.finish()
    }
  },
}

/** What a character becomes; -1: it goes. */
function characterOf(isLowered: boolean, strips: boolean): (point: number) => number {
  const marks = propertySet('M')!
  const controls = ['Cc', 'Cf', 'Co'].map((name) => propertySet(name)!)
  const replacement = 0xfffd
  const compute = (whole: number): number => {
    const decomposed = strips ? decompositions(false).of(whole) : undefined
    const point = decomposed === undefined ? whole : codePointAt(decomposed, 0)
    if (whiteSpace.has(point)) return point
    if (point === 0 || point === replacement || controls.some((set) => set.has(point))) return -1
    if (strips && marks.has(point)) return -1
    if (!isLowered) return point
    return point === capitalDottedI ? 0x69 : lowercaseOf(point)
  }
  const pages: (Int32Array | undefined)[] = []
  return (point) => {
    const page = (pages[point >> 8] ??= Int32Array.from({ length: 256 }, (_, low) =>
      compute((point & ~255) | low),
    ))
    return page[point & 255]!
  }
}
