import type { TokenizerDefinition } from '../definition.js'
import { type ModelDefinition, spelledMerges } from '../subword/index.js'
import type { Vocabulary } from '../steps/vocabulary.js'
import { Decimal, writeJson } from './json-writer.js'

/** How a tokenizer.json is written. */
export interface SaveTokenizerOptions {
  /** Indented by two; false: without line breaks and spaces. Default true. */
  readonly pretty?: boolean
}

/**
 * The content of a tokenizer.json that `loadTokenizer`, and Hugging Face's tokenizers, read: letter by letter
 * what they write themselves.
 */
export function saveTokenizer(
  tokenizer: { readonly definition: TokenizerDefinition } | TokenizerDefinition,
  { pretty = true }: SaveTokenizerOptions = {},
): string {
  const definition = 'definition' in tokenizer ? tokenizer.definition : tokenizer
  const { addedTokens, normalizer, preTokenizer, postProcessor, decoder, model } = definition
  return writeJson(
    {
      version: '1.0',
      truncation: definition.truncation,
      padding: definition.padding,
      added_tokens: addedTokens,
      normalizer,
      pre_tokenizer: preTokenizer,
      post_processor: postProcessor,
      decoder,
      model: modelFields(model as ModelDefinition),
    },
    pretty,
  )
}

function modelFields(model: ModelDefinition): unknown {
  switch (model.type) {
    case 'BPE': {
      const { type, dropout, unk_token, vocab, merges, ...rest } = model
      const { continuing_subword_prefix, end_of_word_suffix, fuse_unk, byte_fallback, ignore_merges } = rest
      return {
        type,
        dropout: dropout === null ? null : new Decimal(dropout),
        unk_token,
        continuing_subword_prefix,
        end_of_word_suffix,
        fuse_unk,
        byte_fallback,
        ignore_merges,
        vocab,
        merges: spelledMerges(merges, vocab),
      }
    }
    case 'Unigram': {
      const { type, unk_id, vocab, scores, byte_fallback } = model
      return { type, unk_id, vocab: piecesOf(vocab, scores), byte_fallback }
    }
    case 'SentencePiece': {
      const { type, algorithm, sums, unk_id, byte_fallback, vocab, scores, types } = model
      return { type, algorithm, sums, unk_id, byte_fallback, vocab: piecesOf(vocab, scores, types) }
    }
    default:
      return model
  }
}

function* piecesOf(
  vocabulary: Vocabulary,
  scores: Float64Array,
  types?: Uint8Array,
): Generator<readonly unknown[]> {
  for (let id = 0; id < vocabulary.size; id++) {
    const piece = [vocabulary.tokenAt(id), new Decimal(scores[id]!)]
    yield types === undefined ? piece : [...piece, types[id]]
  }
}
