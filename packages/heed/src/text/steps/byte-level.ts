import type { JsonValue } from '../../base/index.js'

/**
 * Bytes as characters of GPT-2's alphabet. A pre-tokenizer, a post-processor and a decoder, which each look
 * at some of the fields.
 */
export interface ByteLevelDefinition {
  readonly type: 'ByteLevel'
  /** As pre-tokenizer: puts a space before a piece that has none. */
  readonly add_prefix_space: boolean
  /**
   * As post-processor: spans leave out the white space at a token's ends. As pre-tokenizer: without effect.
   */
  readonly trim_offsets: boolean
  /** As pre-tokenizer: cuts the text into GPT-2's words. */
  readonly use_regex: boolean
}

export function readByteLevel(value: JsonValue): ByteLevelDefinition {
  const regex = value.member('use_regex')
  return {
    type: 'ByteLevel',
    add_prefix_space: value.member('add_prefix_space').boolean(),
    trim_offsets: value.member('trim_offsets').boolean(),
    use_regex: regex.value === undefined ? true : regex.boolean(),
  }
}
