/** The published vocabularies that are compared, and where they are found on this machine. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

export type Vocabulary = {
  name: string
  family: 'byte-level' | 'wordpiece' | 'unigram' | 'sentencepiece'
}

export const vocabularies: readonly Vocabulary[] = [
  { name: 'gpt2', family: 'byte-level' },
  { name: 'gpt-4o', family: 'byte-level' },
  { name: 'llama-3.1', family: 'byte-level' },
  { name: 'minilm', family: 'wordpiece' },
  { name: 'xlm-roberta', family: 'unigram' },
  { name: 'llama-2', family: 'sentencepiece' },
  { name: 'gemma-3', family: 'sentencepiece' },
]

const cache = fileURLToPath(new URL('../../.cache/bench/tokenizers/', import.meta.url))

/** Whether a file asks for truncation or padding, which a bench of whole texts has none of. */
const cuts = /"(?:truncation|padding)"\s*:\s*\{/

/**
 * The path of a vocabulary's tokenizer.json, or undefined where there is none. `BENCH_TOKENIZERS` is a folder
 * with NAME/tokenizer.json; `HEED_SHARED` has some of them, too.
 */
export function pathOf(name: string): string | undefined {
  const { BENCH_TOKENIZERS, HEED_SHARED } = process.env
  const plain = join(BENCH_TOKENIZERS ?? '', name, 'tokenizer.json')
  const packed = join(HEED_SHARED ?? '', 'reference/tokenizers/real', name, 'tokenizer.json.gz')
  const found = BENCH_TOKENIZERS !== undefined && existsSync(plain)
  if (!found && !(HEED_SHARED !== undefined && existsSync(packed))) return undefined
  const text = (found ? readFileSync(plain) : gunzipSync(readFileSync(packed))).toString()
  if (found && !cuts.test(text)) return plain
  mkdirSync(cache, { recursive: true })
  const path = join(cache, `${name}.json`)
  const json = JSON.parse(text) as Record<string, unknown>
  writeFileSync(path, cuts.test(text) ? JSON.stringify({ ...json, truncation: null, padding: null }) : text)
  return path
}
