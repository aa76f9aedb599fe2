/**
 * The vocabulary of a tokenizer as values of a GGUF file. llama.cpp has few kinds of tokenizers, each with a
 * fixed way from text to words. So what was made is read back, and must give the same ids for some texts.
 */
import { FormatError, UsageError } from '../base/index.js'
import { ggufHeader, type GgufValue } from '../formats/index.js'
import type { TokenizerDefinition } from './definition.js'
import { ggufPreTokenizers } from './files/gguf-pre-tokenizers.js'
import { readGgufVocabulary } from './files/index.js'
import { splitAtPatterns } from './files/parts.js'
import { createTokenizer } from './pipeline.js'
import type { NormalizerDefinition } from './normalize/index.js'
import { createPreTokenizer } from './split/index.js'
import { spelledOut } from './split/spelled-out.js'
import { wholePiece } from './steps/pieces.js'
import { type BytePairDefinition, pieceType, type SentencePieceDefinition } from './subword/index.js'
import type { Tokenizer } from './tokenizer.js'

/** The names of special tokens, as the hub has them. */
export type GgufSpecial = 'bos' | 'eos' | 'unk' | 'sep' | 'pad' | 'cls' | 'mask'

/** What a file is to say beside the vocabulary. */
export interface GgufVocabularyOptions {
  /** How many rows the embedding has: what has no token is unused. Default: `tokenizer.size`. */
  readonly size?: number
  /** The ids of special tokens. Those that the tokenizer puts around a text it knows itself. */
  readonly specials?: Readonly<Partial<Record<GgufSpecial, number>>>
  /** How a conversation becomes a text, in Jinja. */
  readonly chatTemplate?: string
}

const operation = 'ggufVocabulary'
const prefix = 'tokenizer.ggml.'
const { normal, unknown, control, userDefined, unused, byte } = pieceType
/** What the file calls special tokens; `seperator` is its spelling. */
const keys: Readonly<Record<GgufSpecial, string>> = {
  bos: 'bos',
  eos: 'eos',
  unk: 'unknown',
  sep: 'seperator',
  pad: 'padding',
  cls: 'cls',
  mask: 'mask',
}

/**
 * The values of a GGUF file that hold a tokenizer: `gpt2` for byte-level BPE, `llama` for BPE of
 * SentencePiece, `bert` for WordPiece, `t5` for Unigram.
 *
 * Not kept is what no GGUF file can say: normal forms (NFC), the white space that added tokens take along,
 * the longest word of WordPiece, truncation and padding.
 *
 * @throws UsageError for a tokenizer that llama.cpp has no kind for
 */
export function ggufVocabulary(
  tokenizer: Tokenizer,
  options: GgufVocabularyOptions = {},
): Map<string, GgufValue> {
  const kind = kindOf(tokenizer)
  const size = Math.max(options.size ?? 0, tokenizer.size)
  const shared = tokensOf(tokenizer, size, kind)
  const { around, values: edges } = edgesOf(tokenizer, kind.unknownId, options)
  const values = new Map<string, GgufValue>([
    [`${prefix}model`, text(kind.model)],
    [`${prefix}pre`, text('default')],
    ...shared,
    ...kind.values.map(([key, value]) => [`${prefix}${key}`, value] as const),
    ...edges,
  ])
  const texts = kind.spellsAll === true ? [...kind.probes, ...ownTexts(tokenizer)] : kind.probes
  if (!givesTheSame(values, tokenizer, texts, around))
    refuse(`a tokenizer that llama.cpp's '${kind.model}' gives the same ids as`, 'one with other words')
  if (options.chatTemplate !== undefined) values.set('tokenizer.chat_template', text(options.chatTemplate))
  return values
}

type Values = readonly (readonly [key: string, value: GgufValue])[]

interface Kind {
  readonly model: 'gpt2' | 'llama' | 'bert' | 't5'
  /** By id; those of tokens behind the model's are low. */
  readonly scores?: Float64Array
  readonly values: Values
  readonly probes: readonly string[]
  /** Any text has to be the same: texts of the vocabulary's own tokens are compared, too. */
  readonly spellsAll?: true
  /** By id, where the model knows them. */
  readonly types?: Uint8Array
  readonly isByte?: (token: string) => boolean
  readonly unknownId?: number | undefined
  /** A token as the file spells it. */
  readonly spelled?: (token: string) => string
}

function kindOf(tokenizer: Tokenizer): Kind {
  const { definition } = tokenizer
  const { model } = definition
  switch (model.type) {
    case 'BPE':
      return spellsBytes(definition) ? byteLevel(definition, model) : scored(tokenizer, model)
    case 'SentencePiece':
      return sentencePiece(tokenizer, model)
    case 'Unigram':
      return unigram(tokenizer, model.scores, { unknownId: model.unk_id ?? undefined })
    case 'WordPiece':
      return wordPiece(definition, model.continuing_subword_prefix, tokenizer.id(model.unk_token))
    default:
      return refuse('byte pair encoding, WordPiece or Unigram', model.type)
  }
}

/** Plain text of several scripts, with what pre-tokenizers treat differently. */
const plain: readonly string[] = [
  'Hello world',
  ' a sentence, with (some) signs: "quoted" and 50% more - not less!',
  'The quick brown fox jumps over the lazy dog.',
]
const probes: readonly string[] = [
  ...plain,
  "I'll don't they've it's we're I'M HE'S YOU'LL'D",
  '1 12 123 1234 12345 1234567 3.14 x1y22z333 ½ ²³ ٣٤٥',
  '  two  spaces   three\t\ttabs \n\n\nlines\r\n \n end  ',
  'trailing space ',
  '!?... :-) #tag @name a_b __init__ foo/bar//baz {}[]<> ;\n\n=>\n/ path\n/',
  'camelCase XMLHttpRequest HTTPServer iPhone ABCdef Été ÉTÉ',
  'naïve café ÀÉÎõü straße ǅ ﬁ e\u0301 n\u0303o',
  '日本語テキスト 中文字符 한국어 텍스트 ｆｕｌｌ カタカナ、。「」',
  'Привет мир Ελληνικά שלום עולם مرحبا हिन्दी ไทย',
  '🙂👩‍👩‍👧 ☂ → ∑ © ™ € \u00a0x\u200by\u3000z',
]

/**
 * Tokens from everywhere in the vocabulary, some forty to a text; those beside each other are far apart in
 * it.
 */
function ownTexts(tokenizer: Tokenizer): string[] {
  const added = new Set(tokenizer.definition.addedTokens.map(({ id }) => id))
  const step = Math.max(1, Math.floor(tokenizer.size / mostSampled))
  const ids: number[] = []
  for (let id = 0; id < tokenizer.size; id += step)
    if (!added.has(id) && tokenizer.token(id) !== undefined) ids.push(id)
  const count = Math.ceil(ids.length / 40)
  return Array.from({ length: count }, (_, first) =>
    tokenizer.decode(ids.filter((__, i) => i % count === first)).replaceAll('\ufffd', ''),
  )
}

const mostSampled = 4000

type PreTokenizer = TokenizerDefinition['preTokenizer']

/** Whether words are spelled in GPT-2's byte alphabet. */
function spellsBytes({ preTokenizer }: TokenizerDefinition): boolean {
  return piecesOf(preTokenizer, ['é']).includes('Ã©')
}

/** The pieces of some texts, as they are spelled. */
function piecesOf(preTokenizer: PreTokenizer, texts: readonly string[]): string {
  const split = createPreTokenizer(preTokenizer)
  return texts
    .map((own) => {
      const { text: spelled, bounds } = spelledOut(split(wholePiece({ text: own, offset: 0 })))
      const pieces: string[] = []
      for (let i = 0; i < bounds.length; i += 2) pieces.push(spelled.slice(bounds[i], bounds[i + 1]))
      return pieces.join('\n')
    })
    .join('\n\n')
}

/** The pre-tokenizer has to be one that llama.cpp knows by name. */
function byteLevel({ normalizer, preTokenizer }: TokenizerDefinition, model: BytePairDefinition): Kind {
  const other = stepsOf(normalizer).find(({ type }) => type !== 'NFC')
  if (other !== undefined) refuse('no normalizer, or NFC', `'${other.type}'`)
  if ((model.continuing_subword_prefix ?? '') !== '' || (model.end_of_word_suffix ?? '') !== '')
    refuse('tokens without a mark for where in a word they stand', 'a prefix or suffix')
  const wanted = piecesOf(preTokenizer, probes)
  const name = [...usualNames, ...ggufPreTokenizers.keys()].find((one) => {
    const { patterns, isPlain = false, ignoresMerges = false } = ggufPreTokenizers.get(one)!
    if (isPlain || ignoresMerges !== model.ignore_merges) return false
    return piecesOf(splitAtPatterns(patterns, true), probes) === wanted
  })
  if (name === undefined)
    return refuse(
      "words that one of llama.cpp's pre-tokenizers cuts, too",
      JSON.stringify(preTokenizer)?.slice(0, 200),
    )
  return {
    model: 'gpt2',
    values: [
      ['pre', text(name)],
      ['merges', { type: 'string', value: mergesOf(model) }],
    ],
    probes,
    spellsAll: true,
    unknownId: model.vocab.id(model.unk_token ?? ''),
  }
}

function stepsOf(normalizer: TokenizerDefinition['normalizer']): readonly NormalizerDefinition[] {
  if (normalizer === null) return []
  return normalizer.type === 'Sequence' ? normalizer.normalizers.flatMap(stepsOf) : [normalizer]
}

/** Of names for the same, those that files have. */
const usualNames = ['gpt-2', 'llama-bpe', 'qwen2', 'smollm', 'gpt-4o', 'deepseek-v3'] as const

function mergesOf({ merges, vocab }: BytePairDefinition): string[] {
  const { slots } = merges
  return Array.from(merges.byRank(), (at) => `${vocab.token(slots[at]!)} ${vocab.token(slots[at + 1]!)}`)
}

/**
 * A token's score is minus the rank of the first merge that makes it: in the file tokens have ranks, not
 * merges.
 */
function scored(tokenizer: Tokenizer, model: BytePairDefinition): Kind {
  const { merges, vocab } = model
  const scores = new Float64Array(vocab.highestId + 1).fill(-1e9)
  const { slots } = merges
  for (let at = 0; at < slots.length; at += 4) {
    const made = slots[at + 3]!
    if (slots[at + 2] !== 0) scores[made] = Math.max(scores[made]!, 1 - slots[at + 2]!)
  }
  return {
    model: 'llama',
    scores,
    values: [isPrefixed(tokenizer)],
    probes,
    spellsAll: true,
    isByte: (token) => model.byte_fallback && /^<0x[0-9A-F]{2}>$/.test(token),
    unknownId: vocab.id(model.unk_token ?? ''),
  }
}

/** Whether a space comes in front of a text. */
function isPrefixed(tokenizer: Tokenizer): Values[number] {
  const [first] = tokenizer.encode('a', { addSpecial: false, truncation: null, padding: null }).ids
  return ['add_space_prefix', flag(first !== undefined && tokenizer.token(first)?.startsWith('▁') === true)]
}

/** Whether two spaces are one. */
function removesSpaces(tokenizer: Tokenizer): Values[number] {
  const ids = (own: string): string =>
    tokenizer.encode(own, { addSpecial: false, truncation: null, padding: null }).ids.join()
  return ['remove_extra_whitespaces', flag(ids('a  b') === ids('a b'))]
}

function sentencePiece(tokenizer: Tokenizer, model: SentencePieceDefinition): Kind {
  const { scores, types, unk_id: unknownId } = model
  if (model.algorithm === 'Unigram') return unigram(tokenizer, scores, { types, unknownId })
  return {
    model: 'llama',
    scores,
    values: [isPrefixed(tokenizer)],
    probes,
    spellsAll: true,
    types,
    unknownId,
  }
}

function unigram(tokenizer: Tokenizer, scores: Float64Array, known: Pick<Kind, 'types' | 'unknownId'>): Kind {
  const charsmap = charsmapOf(tokenizer.definition.normalizer)
  const rules: Values =
    charsmap === undefined ? [] : [['precompiled_charsmap', { type: 'u8', value: charsmap }]]
  return {
    model: 't5',
    scores,
    values: [isPrefixed(tokenizer), removesSpaces(tokenizer), ...rules],
    probes: plain,
    ...known,
  }
}

/** The rules of normalization, where there are some. */
function charsmapOf(normalizer: TokenizerDefinition['normalizer']): Uint8Array | undefined {
  for (const step of stepsOf(normalizer))
    if ((step.type === 'Precompiled' || step.type === 'SentencePiece') && step.precompiled_charsmap !== null)
      return Uint8Array.from(atob(step.precompiled_charsmap), (letter) => letter.charCodeAt(0))
  return undefined
}

/** In the file a token that begins a word has `▁` before it, and one that goes on has nothing. */
function wordPiece(
  { addedTokens, normalizer }: TokenizerDefinition,
  continuing: string,
  unknownId: number | undefined,
): Kind {
  const added = new Set(addedTokens.map(({ content }) => content))
  const isSpelled = continuing === ''
  const changes = (name: 'lowercase' | 'strip_accents'): Values => {
    const isBert = normalizer?.type === 'BertNormalizer' || normalizer?.type === 'GgufBert'
    const value = isBert ? normalizer[name] : undefined
    return typeof value === 'boolean' ? [[`normalizer.${name}`, flag(value)]] : []
  }
  return {
    model: 'bert',
    values: [...changes('lowercase'), ...changes('strip_accents')],
    probes: plain,
    unknownId,
    spelled(token) {
      if (isSpelled || added.has(token)) return token
      return token.startsWith(continuing) ? token.slice(continuing.length) : `▁${token}`
    },
  }
}

/** The list of tokens, and what each is for. */
function tokensOf(
  tokenizer: Tokenizer,
  size: number,
  { types: known, isByte, unknownId, spelled = (token) => token, model, scores }: Kind,
): [string, GgufValue][] {
  const added = new Map(tokenizer.definition.addedTokens.map((token) => [token.id, token]))
  const types = new Int32Array(size)
  const tokens = Array.from({ length: size }, (_, id) => {
    const token = tokenizer.token(id)
    const own = added.get(id)
    if (token === undefined) types[id] = unused
    else if (known?.[id] !== undefined && known[id] > 0) types[id] = known[id]
    else if (id === unknownId && model !== 'gpt2') types[id] = unknown
    else if (own !== undefined) types[id] = own.special ? control : userDefined
    else types[id] = isByte?.(token) === true ? byte : normal
    return token === undefined ? `[PAD${id}]` : spelled(token)
  })
  const own = Float32Array.from({ length: size }, (_, id) => scores?.[id] ?? -1e9)
  return [
    [`${prefix}tokens`, { type: 'string', value: tokens }],
    ...(scores === undefined
      ? []
      : [[`${prefix}scores`, { type: 'f32', value: own }] as [string, GgufValue]]),
    [`${prefix}token_type`, { type: 'i32', value: types }],
  ]
}

/** Special tokens, and which stand around a text. */
function edgesOf(
  tokenizer: Tokenizer,
  unk: number | undefined,
  { specials = {} }: GgufVocabularyOptions,
): { readonly around: boolean; readonly values: [string, GgufValue][] } {
  const isBert = tokenizer.definition.model.type === 'WordPiece'
  const bare = tokenizer.encode('a', { addSpecial: false, truncation: null, padding: null }).ids
  const whole = tokenizer.encode('a', { truncation: null, padding: null }).ids
  const added = whole.length - bare.length
  const before = added === 0 ? 0 : whole.findIndex((_, at) => bare.every((id, i) => whole[at + i] === id))
  if (before < 0 || before > 1 || added - before > 1)
    refuse('at most one token in front of a text, and one behind it', `${added}`)
  const ids: Partial<Record<GgufSpecial, number>> = { ...specials, ...(unk === undefined ? {} : { unk }) }
  if (before === 1) ids[isBert ? 'cls' : 'bos'] = whole[0]!
  if (added > before) ids[isBert ? 'sep' : 'eos'] = whole.at(-1)!
  // llama.cpp takes what stands in front of BERT's texts for the beginning.
  if (isBert && ids.cls !== undefined) ids.bos = ids.cls
  const values: [string, GgufValue][] = Object.entries(ids).map(([name, id]) => [
    `${prefix}${keys[name as GgufSpecial]}_token_id`,
    { type: 'u32', value: id },
  ])
  if (!isBert)
    values.push(
      [`${prefix}add_bos_token`, flag(before === 1)],
      [`${prefix}add_eos_token`, flag(added > before)],
    )
  return { around: !isBert || added > 0, values }
}

/** Whether the tokenizer in a file with these values gives the ids that this one gives. */
function givesTheSame(
  values: ReadonlyMap<string, GgufValue>,
  tokenizer: Tokenizer,
  texts: readonly string[],
  addSpecial: boolean,
): boolean {
  const read = tokenizerIn(values)
  const options = { addSpecial, truncation: null, padding: null }
  // Normal forms are not kept.
  return texts.every((probe) => {
    const form = probe.normalize('NFC')
    return read.encode(form, options).ids.join() === tokenizer.encode(form, options).ids.join()
  })
}

function tokenizerIn(values: ReadonlyMap<string, GgufValue>): Tokenizer {
  try {
    return createTokenizer(readGgufVocabulary(ggufHeader(values)))
  } catch (cause) {
    if (cause instanceof FormatError) return refuse(cause.expected, cause.found, cause)
    throw cause
  }
}

function text(value: string): GgufValue {
  return { type: 'string', value }
}

function flag(value: boolean): GgufValue {
  return { type: 'bool', value }
}

function refuse(expected: string, found: string, cause?: unknown): never {
  const hint = 'write the model as safetensors, with its tokenizer.json'
  throw new UsageError({ operation, expected, found, hint, cause })
}
