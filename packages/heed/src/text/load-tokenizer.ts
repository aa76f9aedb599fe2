import type { GgufBytes } from '../formats/index.js'
import { readGgufVocabulary, readLlama2cVocabulary, readTokenizerJson } from './files/index.js'
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

/**
 * Builds the tokenizer of a GGUF file, which gives what llama.cpp gives with it.
 *
 * @param bytes the file, of which only what stands before the tensors' data is read
 * @param file its path, for errors
 * @throws FormatError, PatternError as `loadTokenizer` does
 */
export function loadGgufTokenizer(bytes: Uint8Array | GgufBytes, file?: string): Tokenizer {
  return createTokenizer(readGgufVocabulary(bytes, file))
}

/**
 * Builds the tokenizer of llama2.c from its `tokenizer.bin`.
 *
 * @param file its path, for errors
 * @throws FormatError for anything else
 */
export function loadLlama2cTokenizer(bytes: Uint8Array, file?: string): Tokenizer {
  return createTokenizer(readLlama2cVocabulary(bytes, file))
}
