import { readTokenizerFiles } from './files/index.js'
import { createTokenizer } from './pipeline.js'
import type { Tokenizer } from './tokenizer.js'

/**
 * The tokenizer of a model's folder, whatever kind of file it is in: `tokenizer.json` if it is there, else
 * `tokenizer.model` or `spiece.model` (SentencePiece), `vocab.json` and `merges.txt`, `vocab.txt`,
 * `tekken.json`, one `*.tiktoken`, or one `*.gguf`. What `tokenizer_config.json`, `special_tokens_map.json`
 * and `added_tokens.json` change is changed.
 *
 * @param files bytes, by the files' names; others than these are not looked at. Of a GGUF file its beginning
 * will do, with all that comes before the tensors' data
 * @throws FormatError where a file is wrong, or none of them is there
 * @throws PatternError for a regular expression that heed doesn't take
 */
export function loadTokenizerFiles(files: Readonly<Record<string, Uint8Array>>): Tokenizer {
  return createTokenizer(readTokenizerFiles(files).definition)
}
