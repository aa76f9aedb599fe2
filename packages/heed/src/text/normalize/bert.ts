import type { Component } from '../steps/component.js'
import type { NormalizedText } from '../steps/normalized-text.js'
import type { Normalizer } from '../steps/pieces.js'
import { bertAccent, bertChinese, bertControl, combiningClass, whiteSpace } from '../unicode/index.js'
import { CharacterKinds, difficult, dropped, kept, type Kind, replaced, space } from './character-kinds.js'
import { decompositions } from './decomposition.js'
import { inLowercase } from './lowercase.js'
import { inForm } from './normal-form.js'

/** What BERT does to a text (Devlin et al. 2018; `BasicTokenizer` of its code). */
export interface BertNormalizerDefinition {
  readonly type: 'BertNormalizer'
  /** Leaves control characters out, and makes every white space a plain one. */
  readonly clean_text: boolean
  /** Puts spaces around Chinese characters. */
  readonly handle_chinese_chars: boolean
  /** Leaves nonspacing marks out; null: where `lowercase` does. */
  readonly strip_accents: boolean | null
  readonly lowercase: boolean
}

export const bertNormalizer: Component<BertNormalizerDefinition, Normalizer> = {
  read(value) {
    const accents = value.member('strip_accents')
    return {
      type: 'BertNormalizer',
      clean_text: value.member('clean_text').boolean(),
      handle_chinese_chars: value.member('handle_chinese_chars').boolean(),
      strip_accents: accents.isNull ? null : accents.boolean(),
      lowercase: value.member('lowercase').boolean(),
    }
  },
  create(definition) {
    const { clean_text, handle_chinese_chars, lowercase } = definition
    const strips = definition.strip_accents ?? lowercase
    const kinds = kindsOf(clean_text, handle_chinese_chars, strips)
    return (input) => {
      const text = asciiCleaned(input, clean_text) ?? kinds.rewrite(input) ?? stepByStep(input, definition)
      return lowercase ? inLowercase(text) : text
    }
  },
}

// oxlint-disable-next-line no-control-regex
const notAscii = /[^\0-\x7f]/
// oxlint-disable-next-line no-control-regex
const control = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/

/** A text of ASCII without control characters, where everything stays in its place; undefined: another. */
function asciiCleaned(input: NormalizedText, cleans: boolean): NormalizedText | undefined {
  if (notAscii.test(input.text)) return undefined
  if (!cleans) return input
  if (control.test(input.text)) return undefined
  const text = input.text.replace(/[\t\n\r]/g, ' ')
  return text === input.text ? input : { ...input, text }
}

/**
 * What becomes of characters one by one. A mark that isn't left out makes a text difficult: marks may change
 * places then.
 */
function kindsOf(cleans: boolean, spaces: boolean, strips: boolean): CharacterKinds {
  const canonical = decompositions(false)
  const stays = (point: number): boolean => combiningClass(point) > 0 && !bertAccent.has(point)
  const kindOf = (point: number): Kind => {
    if (cleans && bertControl.has(point)) return dropped
    if (cleans && whiteSpace.has(point)) return space
    if (strips) {
      if (bertAccent.has(point)) return dropped
      const decomposed = canonical.of(point)
      if (decomposed === undefined ? stays(point) : [...decomposed].some((one) => stays(one.codePointAt(0)!)))
        return difficult
      if (decomposed !== undefined) return replaced
    }
    return spaces && bertChinese.has(point) ? replaced : kept
  }
  return new CharacterKinds(kindOf, (point) => {
    const character = String.fromCodePoint(point)
    const decomposed = strips ? canonical.of(point) : undefined
    const plain =
      decomposed === undefined
        ? character
        : [...decomposed].filter((one) => !bertAccent.has(one.codePointAt(0)!)).join('')
    return spaces && bertChinese.has(point) ? ` ${plain} ` : plain
  })
}

/** The same where accents are left out, one step after the other. */
function stepByStep(input: NormalizedText, definition: BertNormalizerDefinition): NormalizedText {
  const cleaned = kindsOf(definition.clean_text, definition.handle_chinese_chars, false).rewrite(input)!
  return withoutAccents.rewrite(canonicalForm(cleaned))!
}

const canonicalForm = inForm('NFD')
const withoutAccents = new CharacterKinds((point) => (bertAccent.has(point) ? dropped : kept))
