/** A folder of a tiny encoder, as the hub has them, with what stands beside it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { treeTensors } from '../../checkpoint/index.js'
import { writeSafetensors } from '../../formats/index.js'
import { architectureOf } from '../index.js'
import { configOf, tinyConfigs, tinyEncoder } from './encoders.js'

/** The vocabulary of `tinyTokenizer`. */
export const words: readonly string[] = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'b', 'c']

/** A tokenizer.json of WordPiece over these tokens. */
export function tinyTokenizer(vocabulary: readonly string[]): object {
  const token = (content: string, id: number): object => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: words.slice(0, 4).map(token),
    normalizer: null,
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: {
      type: 'BertProcessing',
      sep: ['[SEP]', 3],
      cls: ['[CLS]', 2],
    },
    decoder: null,
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((word, id) => [word, id])),
    },
  }
}

/** JSON files by name, or their text. */
export type Files = Readonly<Record<string, unknown>>
export type ConfigName = keyof typeof tinyConfigs

/** Makes a folder of a tiny model and these JSON files beside it. */
export function tinyFolder(
  name: ConfigName,
  files: Files = {},
  vocabulary: readonly string[] = words,
): string {
  const folder = mkdtempSync(join(tmpdir(), 'heed-tiny-'))
  const json = { ...tinyConfigs[name]!, vocab_size: vocabulary.length }
  const { design, model } = tinyEncoder(json, 1)
  const tensors = treeTensors(model, architectureOf(configOf(json)).bindings(design))
  writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(tensors))
  const all: Files = { 'config.json': json, 'tokenizer.json': tinyTokenizer(vocabulary), ...files }
  for (const [file, content] of Object.entries(all)) {
    mkdirSync(join(folder, file, '..'), { recursive: true })
    writeFileSync(join(folder, file), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return folder
}

/** Runs `use` with such a folder, which is gone afterwards. */
export function withFolder<T>(name: ConfigName, files: Files, use: (folder: string) => T): T {
  const folder = tinyFolder(name, files)
  try {
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
