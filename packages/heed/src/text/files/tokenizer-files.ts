import { FormatError } from '../../base/index.js'
import type { AddedToken } from '../added-tokens.js'
import type { TokenizerDefinition } from '../definition.js'
import type { NormalizerDefinition } from '../normalize/index.js'
import type { ModelDefinition } from '../subword/index.js'
import { readBertVocabulary } from './bert-vocabulary.js'
import { type BytePairFamily, readBytePairFiles } from './byte-pair-files.js'
import { readGgufVocabulary } from './gguf-vocabulary.js'
import { addedToken } from '../added-tokens.js'
import { around, readSentencePiece } from './sentence-piece.js'
import { readTekken } from './tekken.js'
import { readTiktoken } from './tiktoken.js'
import { readTokenizerConfig, type TokenizerConfig } from './tokenizer-config.js'
import { readTokenizerJson } from './tokenizer-json.js'

/** A tokenizer, and what else its files say. */
export interface TokenizerFiles {
  readonly definition: TokenizerDefinition
  /** The file that the vocabulary was read from. */
  readonly source: string
  readonly config: TokenizerConfig
}

const operation = 'readTokenizerFiles'
const sentencePieceNames = [
  'tokenizer.model',
  'spiece.model',
  'sentencepiece.bpe.model',
  'spm.model',
] as const

/**
 * The tokenizer of a model's folder: from `tokenizer.json` if it is there, else from the older files that
 * are: `tokenizer.model` or `spiece.model`, `vocab.json` and `merges.txt`, `vocab.txt`, `tekken.json`, one
 * `*.tiktoken`, one `*.gguf`. What `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`
 * change is changed.
 *
 * @param files bytes, by name; others than these are not looked at
 * @throws FormatError where a file is wrong, or none of them is there; it names those that are
 */
export function readTokenizerFiles(files: Readonly<Record<string, Uint8Array>>): TokenizerFiles {
  const fileOf = (name: string): Uint8Array | undefined =>
    Object.hasOwn(files, name) ? files[name] : undefined
  const config = readTokenizerConfig(fileOf)
  const [source, definition] = readSource(files, fileOf, config)
  return { definition: configured(definition, config, source), source, config }
}

function readSource(
  files: Readonly<Record<string, Uint8Array>>,
  fileOf: (name: string) => Uint8Array | undefined,
  config: TokenizerConfig,
): readonly [string, TokenizerDefinition] {
  const json = fileOf('tokenizer.json')
  if (json !== undefined) return ['tokenizer.json', readTokenizerJson(json, 'tokenizer.json')]
  for (const name of sentencePieceNames) {
    const bytes = fileOf(name)
    if (bytes !== undefined) return [name, fromSentencePiece(bytes, config, name)]
  }
  const [vocabulary, merges] = [fileOf('vocab.json'), fileOf('merges.txt')]
  if (vocabulary !== undefined && merges !== undefined)
    return ['vocab.json', fromBytePairs(vocabulary, merges, config)]
  const lines = fileOf('vocab.txt')
  if (lines !== undefined) return ['vocab.txt', fromLines(lines, config)]
  const tekken = fileOf('tekken.json')
  if (tekken !== undefined) return ['tekken.json', readTekken(tekken, 'tekken.json')]
  for (const [ending, read] of [
    ['.tiktoken', fromRanks],
    ['.gguf', readGgufVocabulary],
  ] as const) {
    const names = Object.keys(files).filter((name) => name.endsWith(ending))
    if (names.length === 1) return [names[0]!, read(files[names[0]!]!, names[0]!)]
  }
  const hint =
    vocabulary === undefined && merges === undefined
      ? 'a tokenizer is in tokenizer.json, tokenizer.model, vocab.json and merges.txt, vocab.txt or tekken.json'
      : `${vocabulary === undefined ? 'vocab.json' : 'merges.txt'} is missing beside the other one`
  const found = Object.keys(files).sort().slice(0, 20).join(', ') || 'none'
  throw new FormatError({ operation, expected: 'the files of a tokenizer', found, hint })
}

/** The encoding is what the file is called after: `cl100k_base.tiktoken`. */
function fromRanks(bytes: Uint8Array, name: string): TokenizerDefinition {
  return readTiktoken(bytes, { encoding: name.replace(/\.tiktoken$/, ''), file: name })
}

function refuseClass(className: string, source: string): never {
  throw new FormatError({
    operation,
    expected: `a tokenizer_class whose ${source} heed reads`,
    found: `'${className.slice(0, 60)}'`,
    hint: 'put its tokenizer.json beside, or read the file by itself',
  })
}

/** What the classes that read a file of SentencePiece put around a text. */
const sentencePieceClasses: Readonly<Record<string, readonly [begins: boolean, ends: boolean]>> = {
  LlamaTokenizer: [true, false],
  CodeLlamaTokenizer: [true, false],
  GemmaTokenizer: [true, false],
  T5Tokenizer: [false, true],
}

function fromSentencePiece(bytes: Uint8Array, config: TokenizerConfig, file: string): TokenizerDefinition {
  const { className, flag } = config
  if (className === undefined) return readSentencePiece(bytes, { file })
  const added = Object.hasOwn(sentencePieceClasses, className) ? sentencePieceClasses[className] : undefined
  const [begins, ends] = added ?? refuseClass(className, file)
  const addBeginning = flag('add_bos_token') ?? begins
  const definition = readSentencePiece(bytes, { file, addBeginning, addEnd: flag('add_eos_token') ?? ends })
  return className === 'T5Tokenizer' ? withExtraTokens(definition, config) : definition
}

/** T5 has tokens for parts that were left out, the last one first, unless the files list them. */
function withExtraTokens(definition: TokenizerDefinition, config: TokenizerConfig): TokenizerDefinition {
  const { size } = (definition.model as ModelDefinition).vocab
  const count = config.count('extra_ids') ?? 100
  const isListed = config.added.some(({ content }) => content.startsWith('<extra_id_'))
  const extra = Array.from({ length: isListed ? 0 : count }, (_, i) =>
    addedToken(size + i, `<extra_id_${count - 1 - i}>`),
  )
  return { ...definition, addedTokens: [...definition.addedTokens, ...extra] }
}

const families: Readonly<Record<string, BytePairFamily>> = {
  GPT2Tokenizer: 'GPT-2',
  CodeGenTokenizer: 'GPT-2',
  WhisperTokenizer: 'GPT-2',
  RobertaTokenizer: 'RoBERTa',
  BartTokenizer: 'RoBERTa',
  LongformerTokenizer: 'RoBERTa',
  LEDTokenizer: 'RoBERTa',
  CLIPTokenizer: 'CLIP',
  Qwen2Tokenizer: 'Qwen2',
}

function fromBytePairs(
  vocabulary: Uint8Array,
  merges: Uint8Array,
  config: TokenizerConfig,
): TokenizerDefinition {
  const { className = 'GPT2Tokenizer', specials, flag } = config
  const family = Object.hasOwn(families, className) ? families[className] : undefined
  const { bos, cls, eos, sep, unk, pad, mask } = specials
  return readBytePairFiles(vocabulary, merges, {
    family: family ?? refuseClass(className, 'vocab.json'),
    addPrefixSpace: flag('add_prefix_space') ?? false,
    addBeginning: flag('add_bos_token') ?? false,
    file: 'vocab.json',
    ...given({ begin: cls ?? bos, end: sep ?? eos, unknown: unk, pad, mask }),
  })
}

const bertClasses =
  /^(?:Bert|DistilBert|Electra|MobileBert|Funnel|Lxmert|Layoutlm|LayoutLM|DPR\w*|ConvBert|Retribert|Splinter|SqueezeBert)Tokenizer$/

function fromLines(bytes: Uint8Array, config: TokenizerConfig): TokenizerDefinition {
  const { className = 'BertTokenizer', specials, flag } = config
  if (!bertClasses.test(className)) refuseClass(className, 'vocab.txt')
  const { cls, sep, unk, pad, mask } = specials
  return readBertVocabulary(bytes, {
    file: 'vocab.txt',
    ...given({
      lowercase: flag('do_lower_case'),
      stripAccents: flag('strip_accents'),
      splitChinese: flag('tokenize_chinese_chars'),
      begin: cls,
      end: sep,
      unknown: unk,
      pad,
      mask,
    }),
  })
}

/** The options that are there. */
function given<Options extends object>(
  options: Options,
): { [Name in keyof Options]?: NonNullable<Options[Name]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Options]?: NonNullable<Options[Name]>
  }
}

/** Adds the tokens that the other files have, and does to the steps what the hub's classes do. */
function configured(
  definition: TokenizerDefinition,
  config: TokenizerConfig,
  source: string,
): TokenizerDefinition {
  const addedTokens = withAdded(definition, config)
  if (source !== 'tokenizer.json') return { ...definition, addedTokens }
  const { className, flag } = config
  let { normalizer, postProcessor } = definition
  if (className !== undefined && bertClasses.test(className) && normalizer?.type === 'BertNormalizer')
    normalizer = {
      ...normalizer,
      ...given({
        lowercase: flag('do_lower_case'),
        strip_accents: flag('strip_accents'),
        handle_chinese_chars: flag('tokenize_chinese_chars'),
      }),
    }
  const { bos, eos } = config.specials
  const [begins, ends] = [flag('add_bos_token'), flag('add_eos_token')]
  const isLlama = className === 'LlamaTokenizer' || className === 'GemmaTokenizer'
  if (isLlama && (begins !== undefined || ends !== undefined)) {
    const ids = new Map(addedTokens.map(({ id, content }) => [content, id]))
    const idOf = (token: string): number =>
      ids.get(token) ?? (definition.model as ModelDefinition).vocab.id(token) ?? refuseToken(token)
    postProcessor = around(begins === false ? undefined : bos, ends === true ? eos : undefined, idOf)
  }
  return { ...definition, addedTokens, normalizer: normalizer as NormalizerDefinition | null, postProcessor }
}

function refuseToken(token: string): never {
  throw new FormatError({
    operation,
    expected: 'special tokens that the vocabulary has',
    found: `'${token.slice(0, 60)}'`,
    hint: 'check that tokenizer.json and tokenizer_config.json belong together',
  })
}

function withAdded(
  { addedTokens, model }: TokenizerDefinition,
  config: TokenizerConfig,
): readonly AddedToken[] {
  const { vocab } = model as ModelDefinition
  const tokens = new Map(addedTokens.map((token) => [token.content, token]))
  const owners = new Map(addedTokens.map(({ id, content }) => [id, content]))
  for (const token of config.added) {
    if (tokens.has(token.content) || token.content === '') continue
    const id = vocab.id(token.content) ?? token.id
    const owner = owners.get(id) ?? vocab.token(id)
    if ((owner !== undefined && owner !== token.content) || id >= 4 * vocab.size + 65_536)
      throw new FormatError({
        operation,
        expected: `an id of its own for '${token.content.slice(0, 60)}'`,
        found: owner === undefined ? String(id) : `${id}, that of '${owner.slice(0, 60)}'`,
        hint: 'check that the files belong together',
      })
    owners.set(id, token.content)
    tokens.set(token.content, { ...token, id })
  }
  for (const content of [...Object.values(config.specials), ...config.additional]) {
    const token = tokens.get(content)
    const id = token?.id ?? vocab.id(content)
    if (id === undefined || token?.special === true) continue
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false }
    tokens.set(content, { id, content, ...(token ?? plain), special: true })
  }
  return [...tokens.values()].sort((a, b) => a.id - b.id)
}
