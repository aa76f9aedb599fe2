import { nearest } from '../../base/index.js'
import { Gguf, type GgufBytes } from '../../formats/index.js'
import type { DecoderDefinition } from '../decode/index.js'
import type { TokenizerDefinition } from '../definition.js'
import type { NormalizerDefinition } from '../normalize/index.js'
import type { PreTokenizerDefinition, SplitBehavior } from '../split/index.js'
import { bytePairDefinition, MergeTable, type ModelDefinition, pieceType } from '../subword/index.js'
import { type GgufPreTokenizer, ggufPreTokenizers } from './gguf-pre-tokenizers.js'
import { addedTokensOf, correctTypes, type GgufTokens, readGgufTokens } from './gguf-tokens.js'
import { mostMerges } from './limits.js'
import { MergeLines } from './merge-lines.js'
import { byteLevel, splitAtPatterns, template, type TemplatePart } from './parts.js'
import { around, scoredBytePair, toBase64 } from './sentence-piece.js'

const operation = 'readGgufVocabulary'
const prefix = 'tokenizer.ggml.'

/**
 * Reads the vocabulary of a GGUF file: `tokenizer.ggml.model` may be `gpt2`, `llama`, `bert`, `t5`, `gemma4`
 * or `whitespace`. The tokenizer gives what llama.cpp gives with it.
 *
 * Control and unknown tokens are special. User-defined ones are found in every text, as llama.cpp has it.
 *
 * @param bytes the file, or its beginning with all that comes before the tensors' data
 * @param file its path, for errors
 * @throws FormatError for anything else, and for pre-tokenizers that llama.cpp doesn't know
 */
export function readGgufVocabulary(bytes: Uint8Array | GgufBytes, file?: string): TokenizerDefinition {
  const gguf = new Gguf(bytes, operation, file)
  const key = `${prefix}model`
  const model = gguf.string(key)
  switch (model) {
    case 'gpt2':
    case 'gemma4':
    case 'whitespace':
      return bytePair(gguf, model)
    case 'llama':
      return scored(gguf)
    case 'bert':
      return wordPiece(gguf)
    case 't5':
      return unigram(gguf)
    default:
      return gguf.refuse(key, "'gpt2', 'llama', 'bert' or 't5'", model === undefined ? 'none' : `'${model}'`)
  }
}

/** What all kinds have. */
interface Parts {
  readonly normalizer?: NormalizerDefinition | null
  readonly preTokenizer?: PreTokenizerDefinition | null
  readonly decoder: DecoderDefinition
  readonly model: ModelDefinition
  readonly begins: string | undefined
  readonly ends: string | undefined
}

function definitionOf(file: Gguf, tokens: GgufTokens, parts: Parts): TokenizerDefinition {
  const { normalizer = null, preTokenizer = null, decoder, model, begins, ends } = parts
  return {
    truncation: null,
    padding: null,
    addedTokens: addedTokensOf(file, tokens),
    normalizer,
    preTokenizer,
    postProcessor: around(begins, ends, (token) => tokens.vocabulary.id(token)!),
    decoder,
    model,
  }
}

function readTokens(file: Gguf): GgufTokens {
  const tokens = readGgufTokens(file)
  correctTypes(file, tokens)
  return tokens
}

/** A token that the file names by its id, or llama.cpp without it; undefined where there is none. */
function namedToken(file: Gguf, tokens: GgufTokens, name: string, assumed: number): string | undefined {
  const id = file.number(`${prefix}${name}_token_id`) ?? assumed
  return tokens.vocabulary.token(id) ?? tokens.vocabulary.token(assumed)
}

/** A token that comes before or after every text, unless the file says that it doesn't. */
function addedAround(
  file: Gguf,
  tokens: GgufTokens,
  name: 'bos' | 'eos',
  isAdded: boolean,
  assumed: number,
): string | undefined {
  const adds = file.boolean(`${prefix}add_${name}_token`) ?? isAdded
  return adds ? namedToken(file, tokens, name, assumed) : undefined
}

function bytePair(file: Gguf, kind: 'gpt2' | 'gemma4' | 'whitespace'): TokenizerDefinition {
  const key = `${prefix}pre`
  const name = kind === 'gemma4' ? 'gemma4' : file.string(key) || 'default'
  const cut = ggufPreTokenizers.get(name) ?? refuseName(file, key, name)
  const tokens = readTokens(file)
  const { isPlain = false, escapesSpaces = false } = cut
  const assumed = cut.lacksBeginning || kind === 'gemma4' ? -1 : 11
  const isGemma = name === 'gemma4' || name === 'granite-embed-multi-311m'
  return definitionOf(file, tokens, {
    normalizer: spacesOf(file, kind, escapesSpaces),
    preTokenizer:
      kind === 'whitespace'
        ? { type: 'Split', pattern: { Regex: '\\s+' }, behavior: 'Removed', invert: false }
        : splitAtPatterns(cut.patterns, !isPlain),
    decoder: isPlain ? piecesDecoder(tokens) : bytesDecoder(tokens),
    model: bytePairDefinition(tokens.vocabulary, readMerges(file, tokens, name), {
      byte_fallback: isPlain,
      ignore_merges: cut.ignoresMerges === true,
    }),
    // The file may not say otherwise for Gemma.
    begins: isGemma
      ? namedToken(file, tokens, 'bos', assumed)
      : addedAround(file, tokens, 'bos', cut.addsBeginning === true, assumed),
    ends: addedAround(file, tokens, 'eos', false, kind === 'gemma4' ? -1 : 11),
  })
}

function refuseName(file: Gguf, key: string, name: string): GgufPreTokenizer {
  const close = nearest(name, [...ggufPreTokenizers.keys()])
  return file.refuse(
    key,
    close === undefined ? 'a pre-tokenizer of llama.cpp' : `a pre-tokenizer of llama.cpp, such as '${close}'`,
    `'${name.slice(0, 60)}'`,
  )
}

function spacesOf(file: Gguf, kind: string, escapesSpaces: boolean): NormalizerDefinition | null {
  if (kind === 'whitespace')
    return file.boolean(`${prefix}normalizer.lowercase`) === true ? { type: 'Lowercase' } : null
  return escapesSpaces ? { type: 'Replace', pattern: { String: ' ' }, content: '▁' } : null
}

/** Pairs with a space between; of a pair that comes twice the first counts. */
function readMerges(file: Gguf, { vocabulary }: GgufTokens, pre: string): MergeTable {
  const key = `${prefix}merges`
  const count = file.countOf(key)
  // Kimi-K2 has none.
  if (count === undefined && pre === 'kimi-k2') return new MergeTable()
  if (count === undefined) return file.refuse(key, 'a list of merges', 'none')
  if (count > mostMerges) file.refuse(key, `at most ${mostMerges} merges`, count)
  const lines = new MergeLines(vocabulary, false)
  file.eachText(key, (bytes, start, end) => {
    let space = start + 1
    while (space < end && bytes[space] !== 0x20) space++
    if (space < end) lines.add(bytes, start, space, end)
  })
  const merges = lines.finish()
  if (lines.missing >= 0)
    file.refuse(key, 'merges of tokens that the vocabulary has', `number ${lines.missing + 1} of others`)
  return merges
}

/** The byte alphabet, but tokens that happen to be spelled in it, and mean themselves. */
function bytesDecoder(tokens: GgufTokens): DecoderDefinition {
  const own = verbatimTokens(tokens).filter((token) => /[^\0-\x7f]/.test(token))
  const decoder = byteLevel(true, true, true)
  return own.length === 0 ? decoder : { type: 'Verbatim', tokens: own, decoder }
}

function verbatimTokens({ vocabulary, types }: GgufTokens): string[] {
  const verbatim: string[] = []
  types.forEach((type, id) => {
    if (type === pieceType.control || type === pieceType.unknown || type === pieceType.userDefined)
      verbatim.push(vocabulary.token(id)!)
  })
  return verbatim
}

/** Decodes `▁` as a space and `<0xE6>` as a byte, but tokens that mean no text as they are spelled. */
function piecesDecoder(tokens: GgufTokens): DecoderDefinition {
  return {
    type: 'SentencePiece',
    byte_fallback: tokens.types.includes(pieceType.byte),
    unk_piece: '',
    unk_surface: '',
    add_dummy_prefix: false,
    remove_extra_whitespaces: false,
    verbatim: verbatimTokens(tokens),
    replaces: 'characters',
  }
}

/** Byte pair encoding whose merges are ranked by the scores of what they make. */
function scored(file: Gguf): TokenizerDefinition {
  const tokens = readTokens(file)
  const { vocabulary, scores, types } = tokens
  const isMarked = (id: number): boolean =>
    types[id] === pieceType.control || types[id] === pieceType.unknown || types[id] === pieceType.byte
  const unknown = vocabulary.id(namedToken(file, tokens, 'unknown', 0) ?? '') ?? 0
  const escape: NormalizerDefinition = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  const isPrefixed = file.boolean(`${prefix}add_space_prefix`) ?? true
  return definitionOf(file, tokens, {
    normalizer: isPrefixed
      ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, escape] }
      : escape,
    decoder: piecesDecoder(tokens),
    model: scoredBytePair(vocabulary, scores, (id) => !isMarked(id), unknown, true),
    begins: addedAround(file, tokens, 'bos', true, 1),
    ends: addedAround(file, tokens, 'eos', false, 2),
  })
}

function wordPiece(file: Gguf): TokenizerDefinition {
  const tokens = readTokens(file)
  const lowercase = file.boolean(`${prefix}normalizer.lowercase`) ?? true
  const unknown = namedToken(file, tokens, 'unknown', 100)
  if (unknown === undefined) return file.refuse(`${prefix}unknown_token_id`, 'the id of a token', 'another')
  const chinese =
    '\\u4E00-\\u9FFF\\u3400-\\u4DBF\\x{20000}-\\x{2A6DF}\\x{2A700}-\\x{2B73F}\\x{2B740}-\\x{2B81F}' +
    '\\x{2B920}-\\x{2CEAF}\\uF900-\\uFAFF\\x{2F800}-\\x{2FA1F}'
  const split = (Regex: string, behavior: SplitBehavior): PreTokenizerDefinition => ({
    type: 'Split',
    pattern: { Regex },
    behavior,
    invert: false,
  })
  const definition = definitionOf(file, tokens, {
    normalizer: {
      type: 'GgufBert',
      lowercase,
      strip_accents: file.boolean(`${prefix}normalizer.strip_accents`) ?? lowercase,
    },
    preTokenizer: {
      type: 'Sequence',
      pretokenizers: [
        split('\\s+', 'Removed'),
        split(`[\\p{P}$+<=>^\`|~${chinese}]`, 'Isolated'),
        { type: 'Prepend', prepend: '▁' },
      ],
    },
    decoder: piecesDecoder(tokens),
    model: {
      type: 'WordPiece',
      unk_token: unknown,
      continuing_subword_prefix: '',
      max_input_chars_per_word: Number.MAX_SAFE_INTEGER,
      vocab: tokens.vocabulary,
    },
    begins: undefined,
    ends: undefined,
  })
  const begin = namedToken(file, tokens, 'bos', 101)
  const end = namedToken(file, tokens, 'seperator', 102)
  if (begin === undefined || end === undefined) return definition
  const first: TemplatePart[] = [
    [begin, 0],
    [0, 0],
    [end, 0],
  ]
  const idOf = (token: string): number => tokens.vocabulary.id(token)!
  return { ...definition, postProcessor: template(first, [...first, [1, 1], [end, 1]], idOf) }
}

function unigram(file: Gguf): TokenizerDefinition {
  const tokens = readTokens(file)
  const { vocabulary, scores, types } = tokens
  const charsmap = file.bytes(`${prefix}precompiled_charsmap`)
  const removes = file.boolean(`${prefix}remove_extra_whitespaces`) ?? false
  const isPrefixed = file.boolean(`${prefix}add_space_prefix`) ?? false
  const unknown = vocabulary.id(namedToken(file, tokens, 'unknown', 2) ?? '')
  if (unknown === undefined) return file.refuse(`${prefix}unknown_token_id`, 'the id of a token', 'another')
  return definitionOf(file, tokens, {
    normalizer: {
      type: 'SentencePiece',
      precompiled_charsmap: charsmap === undefined ? null : toBase64(charsmap),
      // llama.cpp puts a space before every word where it removes those that were there.
      add_dummy_prefix: isPrefixed || removes,
      remove_extra_whitespaces: removes,
      escape_whitespaces: true,
      removes_escaped: false,
      treat_whitespace_as_suffix: false,
      user_defined: [],
    },
    decoder: piecesDecoder(tokens),
    model: {
      type: 'SentencePiece',
      algorithm: 'Unigram',
      sums: 'f64',
      unk_id: unknown,
      byte_fallback: false,
      vocab: vocabulary,
      scores,
      types,
    },
    begins: addedAround(file, tokens, 'bos', false, -1),
    ends: addedAround(file, tokens, 'eos', true, 1),
  })
}
