import { readTokenizerJson } from './files/tokenizer-json.js'
import { createTokenizer } from './pipeline.js'
import type { Tokenizer } from './tokenizer.js'

/**
 * Builds a tokenizer from a tokenizer.json in Hugging Face's format: its text, its bytes, or what JSON.parse
 * made of it.
 *
 * @param file its path, for errors
 * @throws FormatError that names the part that is wrong or that heed doesn't have
 * @throws PatternError for a regular expression that heed doesn't take
 */
export function loadTokenizer(json: unknown, file?: string): Tokenizer {
  return createTokenizer(readTokenizerJson(json, file))
}
