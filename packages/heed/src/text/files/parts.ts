/** Parts of definitions that several kinds of files are turned into. */
import type { TemplateDefinition, TemplatePiece } from '../finish/index.js'
import type { PreTokenizerDefinition } from '../split/index.js'

/** GPT-2's byte alphabet, as a pre-tokenizer, post-processor or decoder. */
export function byteLevel(
  add_prefix_space: boolean,
  trim_offsets: boolean,
  use_regex: boolean,
): { readonly type: 'ByteLevel' } & Record<'add_prefix_space' | 'trim_offsets' | 'use_regex', boolean> {
  return { type: 'ByteLevel', add_prefix_space, trim_offsets, use_regex }
}

/** Cuts at each of the patterns, and spells what is left in the byte alphabet if asked to. */
export function splitAtPatterns(
  patterns: readonly string[],
  spellsBytes: boolean,
): PreTokenizerDefinition | null {
  const splits = patterns.map((Regex): PreTokenizerDefinition => ({
    type: 'Split',
    pattern: { Regex },
    behavior: 'Isolated',
    invert: false,
  }))
  const steps = spellsBytes ? [...splits, byteLevel(false, true, false)] : splits
  return steps.length < 2 ? (steps[0] ?? null) : { type: 'Sequence', pretokenizers: steps }
}

/** A special token, or text 0 or 1, and its type. */
export type TemplatePart = readonly [part: string | 0 | 1, type: number]

/**
 * A template of texts and special tokens.
 *
 * @param idOf a special token's id
 */
export function template(
  single: readonly TemplatePart[],
  pair: readonly TemplatePart[],
  idOf: (token: string) => number,
): TemplateDefinition {
  const special_tokens = new Map<string, { id: string; ids: number[]; tokens: string[] }>()
  const pieces = (parts: readonly TemplatePart[]): TemplatePiece[] =>
    parts.map(([part, type_id]) => {
      if (typeof part === 'number') return { Sequence: { id: part === 0 ? 'A' : 'B', type_id } }
      special_tokens.set(part, { id: part, ids: [idOf(part)], tokens: [part] })
      return { SpecialToken: { id: part, type_id } }
    })
  return { type: 'TemplateProcessing', single: pieces(single), pair: pieces(pair), special_tokens }
}
