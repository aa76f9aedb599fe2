/** heed's tokenizers and the ones of other packages, behind one interface. No special tokens are added. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as ours from 'heed'

export type Loaded = { encode: (text: string) => ArrayLike<number> }
export type Engine = {
  version: string
  load(path: string, vocabulary: string): Loaded | Promise<Loaded>
  /** A byte-level BPE of the texts: the tokens in the order of their ids. */
  train?(texts: readonly string[], size: number): string[]
}

/** How tiktoken's ranks are named that are the same vocabulary. */
export const ranks: Readonly<Record<string, { tiktoken: string; gptTokenizer: string }>> = {
  gpt2: { tiktoken: 'gpt2', gptTokenizer: 'r50k_base' },
  'gpt-4o': { tiktoken: 'o200k_base', gptTokenizer: 'o200k_base' },
}

/** `BENCH_HEED` names a module that stands in for heed, such as another build of it. */
async function heed(): Promise<Engine> {
  const other = process.env['BENCH_HEED']
  const { loadTokenizer } = (other ? await import(pathToFileURL(other).href) : ours) as typeof ours
  return {
    version: '',
    load(path) {
      const tokenizer = loadTokenizer(readFileSync(path), path)
      const options = { addSpecial: false, specials: 'allow' } as const
      return { encode: (text) => tokenizer.encode(text, options).ids }
    },
    train(texts, vocabularySize) {
      const { definition } = ours.trainByteLevel(texts, { vocabularySize })
      return [...definition.model.vocab].sort(([, a], [, b]) => a - b).map(([token]) => token)
    },
  }
}

/** @param folder where the peers are installed */
export async function engineOf(name: string, folder: string): Promise<Engine> {
  if (name === 'heed') return heed()
  const require = createRequire(join(folder, 'package.json'))
  const versionOf = (): string => {
    const text = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')
    return (JSON.parse(text) as { version: string }).version
  }
  const imported = async (specifier: string): Promise<unknown> =>
    await import(pathToFileURL(require.resolve(specifier)).href)
  switch (name) {
    case '@huggingface/tokenizers': {
      type Encode = (text: string, options: { add_special_tokens: boolean }) => { ids: number[] }
      type Package = { Tokenizer: new (json: unknown, config: unknown) => { encode: Encode } }
      const { Tokenizer } = require(name) as Package
      return {
        version: versionOf(),
        load(path) {
          const tokenizer = new Tokenizer(JSON.parse(readFileSync(path, 'utf8')), {})
          return { encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids }
        },
      }
    }
    case 'tiktoken': {
      type Package = { get_encoding: (name: string) => { encode_ordinary(text: string): Uint32Array } }
      const { get_encoding } = require(name) as Package
      return {
        version: versionOf(),
        load(_, vocabulary) {
          const known = ranks[vocabulary]
          if (!known) throw new Error(`does not have ${vocabulary}`)
          const encoding = get_encoding(known.tiktoken)
          return { encode: (text) => encoding.encode_ordinary(text) }
        },
      }
    }
    case 'gpt-tokenizer':
      return {
        version: versionOf(),
        async load(_, vocabulary) {
          const known = ranks[vocabulary]
          if (!known) throw new Error(`does not have ${vocabulary}`)
          type Package = { encode: (text: string) => number[] }
          const { encode } = (await imported(`${name}/encoding/${known.gptTokenizer}`)) as Package
          // Its vocabulary is read at the first text.
          encode('a')
          return { encode }
        },
      }
    default:
      throw new Error(`no engine ${name}`)
  }
}
