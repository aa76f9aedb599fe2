/** What stands beside a model of sentence-transformers: lengths, prompts, the similarity. */
import type { JsonValue } from '../../base/index.js'
import type { Tokenizer } from '../../text/index.js'
import type { Running } from '../load.js'
import { jsonFile } from './modules.js'

/** How two vectors are compared. */
export type SimilarityName = 'cosine' | 'dot' | 'euclidean' | 'manhattan'
const similarities: readonly SimilarityName[] = ['cosine', 'dot', 'euclidean', 'manhattan']

/** How texts become tokens. */
export interface TextSettings {
  readonly tokenizer: Tokenizer
  /** Tokens that an input has at most, special ones included. */
  readonly maximum: number
  readonly lowercase: boolean
}

/**
 * The settings of a folder's transformer: the least of the model's context and of what its files say.
 *
 * @throws FormatError where the tokenizer has tokens that the model hasn't
 */
export function textSettings(loaded: Running): TextSettings {
  const { path } = loaded.stored
  const file = [
    'sentence_bert_config.json',
    'sentence_roberta_config.json',
    'sentence_distilbert_config.json',
    'sentence_albert_config.json',
    'sentence_xlm-roberta_config.json',
  ].find((name) => jsonFile(path, name) !== undefined)
  const own = file === undefined ? undefined : jsonFile(path, file)
  const said = own?.member('max_seq_length')
  const general = jsonFile(path, 'tokenizer_config.json')?.member('model_max_length')
  const limit = said === undefined || said.isNull ? lengthIn(general) : lengthIn(said)
  return {
    tokenizer: loaded.tokenizer,
    maximum: Math.min(loaded.config.context, limit),
    lowercase: own?.member('do_lower_case').boolean(false) ?? false,
  }
}

/** A length of at least 1; without one, or with one beyond counting, Infinity. */
function lengthIn(value: JsonValue | undefined): number {
  if (value === undefined || value.isNull) return Infinity
  const number = value.value
  return typeof number === 'number' && number >= 1 && (Number.isInteger(number) || number > 2 ** 53)
    ? number
    : value.refuse('a whole number of at least 1')
}

/** `config_sentence_transformers.json` */
export interface SentenceSettings {
  readonly prompts: ReadonlyMap<string, string>
  readonly defaultPrompt: string | undefined
  readonly similarity: SimilarityName | undefined
  /** Only so many of an embedding's first numbers are given. */
  readonly dimensions: number | undefined
}

/** What stands in front of texts, by names: `query`. Throws FormatError for fields that make no sense. */
export function storedPrompts(folder: string): Map<string, string> {
  const prompts = jsonFile(folder, 'config_sentence_transformers.json')?.member('prompts')
  return new Map(
    (prompts === undefined || prompts.isNull ? [] : prompts.members())
      .filter(([, value]) => !value.isNull)
      .map(([name, value]) => [name, value.string()]),
  )
}

/** Those of a model without such a file. */
export const noSettings: SentenceSettings = {
  prompts: new Map(),
  defaultPrompt: undefined,
  similarity: undefined,
  dimensions: undefined,
}

/** Throws FormatError for fields that make no sense. */
export function sentenceSettings(folder: string): SentenceSettings {
  const json = jsonFile(folder, 'config_sentence_transformers.json')
  const field = (name: string): JsonValue | undefined => {
    const value = json?.member(name)
    return value?.isNull === true ? undefined : value
  }
  const prompts = storedPrompts(folder)
  const chosen = field('default_prompt_name')
  if (chosen !== undefined && !prompts.has(chosen.string())) chosen.refuse('the name of one of the prompts')
  return {
    prompts,
    defaultPrompt: chosen?.string(),
    similarity: field('similarity_fn_name')?.choice(similarities),
    dimensions: field('truncate_dim')?.count(2 ** 24) || undefined,
  }
}
