import { FormatError } from '../base/index.js'
import type { AddedToken } from './added-tokens.js'
import { ByteLevelTokenizer } from './byte-level-tokenizer.js'
import type { BytePairDefinition } from './byte-pair-model.js'
import { JsonValue } from './file-reader.js'
import { stepsOf } from './pre-tokenizer.js'
import type { ByteLevelDefinition, PreTokenizerDefinition, SplitDefinition } from './pre-tokenizer.js'
import type { Tokenizer } from './tokenizer.js'
import type {
  NormalizerDefinition,
  PostProcessorDefinition,
  TemplateDefinition,
  TemplatePiece,
  TokenizerDefinition,
} from './tokenizer-definition.js'

const UNSUPPORTED = 'heed reads byte-level BPE; convert the tokenizer, or use one of that kind'
const DEEPEST_SEQUENCE = 20
/** Each place of a text is compared with added tokens up to this length. */
const LONGEST_ADDED_TOKEN = 1024
const LARGEST_ID = 2 ** 31 - 2

/**
 * Builds a tokenizer from a tokenizer.json in Hugging Face's format: its text, or what JSON.parse made of it.
 * Throws a FormatError that names the part that is wrong or that heed doesn't have.
 */
export function loadTokenizer(json: unknown): Tokenizer {
  let value = json
  if (typeof json === 'string') {
    try {
      value = JSON.parse(json)
    } catch (cause) {
      throw new FormatError({
        operation: 'loadTokenizer',
        expected: 'JSON',
        found: `a text of ${json.length} characters that isn't`,
        hint: 'pass the content of a tokenizer.json',
        cause,
      })
    }
  }
  return new ByteLevelTokenizer(readDefinition(new JsonValue(value, 'tokenizer')))
}

function readDefinition(file: JsonValue): TokenizerDefinition {
  const version = file.member('version')
  if (!version.isNull) version.choice(['1.0'])
  for (const name of ['truncation', 'padding']) {
    const value = file.member(name)
    if (!value.isNull) value.refuse('null', 'remove it from the file and cut or pad the ids yourself')
  }
  const model = readModel(file.member('model'))
  const addedTokens = readAddedTokens(file.member('added_tokens'), model)
  const highest = Math.max(
    [...model.vocabulary.values()].reduce((a, b) => Math.max(a, b), -1),
    addedTokens.reduce((a, b) => Math.max(a, b.id), -1),
  )
  // A file of a few bytes must not claim a table of gigabytes.
  const densest = 4 * (model.vocabulary.size + addedTokens.length) + 65_536
  if (highest >= densest) {
    throw new FormatError({
      operation: 'loadTokenizer',
      expected: `token ids below ${densest}`,
      found: String(highest),
      hint: 'number the tokens from 0 on without large gaps',
    })
  }
  return {
    addedTokens,
    normalizer: readNormalizer(file.member('normalizer'), 0),
    preTokenizer: readPreTokenizer(file.member('pre_tokenizer')),
    postProcessor: readPostProcessor(file.member('post_processor'), 0, highest),
    decoder: readDecoder(file.member('decoder')),
    model,
  }
}

function readModel(model: JsonValue): BytePairDefinition {
  const type = model.member('type')
  if (!type.isNull && type.value !== 'BPE') type.refuse("'BPE'", UNSUPPORTED)
  const dropout = model.member('dropout')
  if (!dropout.isNull && dropout.value !== 0) dropout.refuse('null', 'merges are never left out at random')
  for (const name of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    const value = model.member(name)
    if (!value.isNull && value.value !== '') value.refuse('null', UNSUPPORTED)
  }
  const byteFallback = model.member('byte_fallback')
  if (byteFallback.boolean(false)) byteFallback.refuse('false', UNSUPPORTED)
  const vocabulary = new Map<string, number>()
  const taken = new Set<number>()
  for (const [token, value] of model.member('vocab').members()) {
    const id = value.count()
    if (id > LARGEST_ID) value.refuse(`an id up to ${LARGEST_ID}`)
    if (taken.has(id)) value.refuse('an id that no other token has')
    taken.add(id)
    vocabulary.set(new JsonValue(token, value.path).string(), id)
  }
  const unknown = model.member('unk_token')
  return {
    vocabulary,
    merges: readMerges(model.member('merges')),
    unknownToken: unknown.isNull ? null : unknown.string(),
    fuseUnknown: model.member('fuse_unk').boolean(false),
    ignoreMerges: model.member('ignore_merges').boolean(false),
  }
}

/** Merges are pairs, or in older files strings with a space between. Where a pair comes twice, the last counts. */
function readMerges(list: JsonValue): BytePairDefinition['merges'] {
  const merges = new Map<string, [string, string]>()
  for (const merge of list.items()) {
    const pair =
      typeof merge.value === 'string' ? merge.value.split(' ') : merge.items().map((part) => part.string())
    if (typeof merge.value === 'string' && merge.value.startsWith('#version')) continue
    const [left, right] = pair
    if (pair.length !== 2 || left === '' || right === '') merge.refuse('two tokens')
    const key = `${left?.length} ${left}${right}`
    merges.delete(key)
    merges.set(key, [left!, right!])
  }
  return [...merges.values()]
}

function readAddedTokens(list: JsonValue, model: BytePairDefinition): AddedToken[] {
  const tokens = new Map<string, AddedToken>()
  const contents = new Map<number, string>()
  const vocabularyTokens = new Map([...model.vocabulary].map(([token, id]) => [id, token]))
  for (const item of list.isNull ? [] : list.items()) {
    const content = item.member('content').string()
    if (content === '') continue
    if (content.length > LONGEST_ADDED_TOKEN) {
      item.member('content').refuse(`at most ${LONGEST_ADDED_TOKEN} characters long`)
    }
    const id = item.member('id').count()
    if (id > LARGEST_ID) item.member('id').refuse(`an id up to ${LARGEST_ID}`)
    const owner = vocabularyTokens.get(id) ?? contents.get(id) ?? content
    if (owner !== content) item.member('id').refuse(`another id than that of '${owner.slice(0, 60)}'`)
    const known = model.vocabulary.get(content) ?? tokens.get(content)?.id ?? id
    if (known !== id) item.member('id').refuse(`${known}, which '${content.slice(0, 60)}' has already`)
    contents.set(id, content)
    tokens.set(content, {
      id,
      content,
      single_word: item.member('single_word').boolean(),
      lstrip: item.member('lstrip').boolean(),
      rstrip: item.member('rstrip').boolean(),
      normalized: item.member('normalized').boolean(),
      special: item.member('special').boolean(),
    })
  }
  return [...tokens.values()].sort((a, b) => a.id - b.id)
}

function readNormalizer(value: JsonValue, depth: number): NormalizerDefinition | null {
  if (value.isNull) return null
  const type = value.member('type')
  if (type.value === 'NFC') return { type: 'NFC' }
  if (type.value !== 'Sequence' || depth > DEEPEST_SEQUENCE)
    type.refuse("'NFC' or a Sequence of it", UNSUPPORTED)
  const normalizers = value
    .member('normalizers')
    .items()
    .map((item) => readNormalizer(item, depth + 1) ?? item.refuse('a normalizer'))
  return { type: 'Sequence', normalizers }
}

function readPreTokenizer(value: JsonValue): PreTokenizerDefinition {
  if (value.isNull) value.refuse('ByteLevel, alone or at the end of a Sequence', UNSUPPORTED)
  const definition = readPreTokenizerStep(value, 0)
  const steps = stepsOf(definition)
  if (steps.findIndex((step) => step.type === 'ByteLevel') !== steps.length - 1 || steps.length === 0) {
    value.refuse('a Sequence with ByteLevel at its end and nowhere else', UNSUPPORTED)
  }
  return definition
}

function readPreTokenizerStep(value: JsonValue, depth: number): PreTokenizerDefinition {
  const type = value.member('type')
  switch (type.value) {
    case 'ByteLevel':
      return readByteLevel(value)
    case 'Digits':
      return { type: 'Digits', individual_digits: value.member('individual_digits').boolean() }
    case 'Split':
      return {
        type: 'Split',
        pattern: readSplitPattern(value.member('pattern')),
        behavior: value
          .member('behavior')
          .choice(['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']),
        invert: value.member('invert').boolean(),
      }
    case 'Sequence':
      if (depth > DEEPEST_SEQUENCE) value.refuse(`at most ${DEEPEST_SEQUENCE} deep`)
      return {
        type: 'Sequence',
        pretokenizers: value
          .member('pretokenizers')
          .items()
          .map((item) => readPreTokenizerStep(item, depth + 1)),
      }
    default:
      return type.refuse("'ByteLevel', 'Split', 'Digits' or 'Sequence'", UNSUPPORTED)
  }
}

function readSplitPattern(value: JsonValue): SplitDefinition['pattern'] {
  const text = value.member('String')
  if (text.isNull) return { Regex: value.member('Regex').string() }
  if (text.value === '') text.refuse('a text to split at')
  return { String: text.string() }
}

function readByteLevel(value: JsonValue): ByteLevelDefinition {
  return {
    type: 'ByteLevel',
    add_prefix_space: value.member('add_prefix_space').boolean(),
    trim_offsets: value.member('trim_offsets').boolean(),
    use_regex: value.member('use_regex').boolean(true),
  }
}

function readDecoder(value: JsonValue): ByteLevelDefinition {
  if (value.isNull) value.refuse('ByteLevel', UNSUPPORTED)
  if (value.member('type').value !== 'ByteLevel') value.member('type').refuse("'ByteLevel'", UNSUPPORTED)
  return readByteLevel(value)
}

function readPostProcessor(
  value: JsonValue,
  depth: number,
  highestId: number,
): PostProcessorDefinition | null {
  if (value.isNull) return null
  const type = value.member('type')
  if (type.value === 'ByteLevel') return readByteLevel(value)
  if (type.value === 'TemplateProcessing') return readTemplate(value, highestId)
  if (type.value !== 'Sequence' || depth > DEEPEST_SEQUENCE) {
    type.refuse("'ByteLevel', 'TemplateProcessing' or a Sequence of them", UNSUPPORTED)
  }
  const processors = value
    .member('processors')
    .items()
    .map((item) => readPostProcessor(item, depth + 1, highestId) ?? item.refuse('a post-processor'))
  return { type: 'Sequence', processors }
}

function readTemplate(value: JsonValue, highestId: number): TemplateDefinition {
  const special = new Map(
    value
      .member('special_tokens')
      .members()
      .map(([name, entry]) => {
        const ids = entry
          .member('ids')
          .items()
          .map((id) => id.count())
        const tokens = entry
          .member('tokens')
          .items()
          .map((token) => token.string())
        if (ids.length !== tokens.length) entry.refuse('as many ids as tokens')
        if (ids.some((id) => id > highestId)) entry.refuse(`token ids up to ${highestId}`)
        return [name, { id: entry.member('id').string(), ids, tokens }]
      }),
  )
  const pieces = (list: JsonValue): TemplatePiece[] =>
    list.items().map((item) => {
      const sequence = item.member('Sequence')
      if (!sequence.isNull) {
        const id = sequence.member('id').choice(['A', 'B'])
        return { Sequence: { id, type_id: sequence.member('type_id').count() } }
      }
      const token = item.member('SpecialToken')
      const id = token.member('id').string()
      if (!special.has(id)) token.member('id').refuse('one of special_tokens')
      return { SpecialToken: { id, type_id: token.member('type_id').count() } }
    })
  const single = value.member('single')
  const singlePieces = pieces(single)
  const texts = singlePieces.filter((piece) => 'Sequence' in piece)
  if (texts.length !== 1 || texts[0]!.Sequence.id !== 'A') single.refuse('a template with the text A, once')
  return {
    type: 'TemplateProcessing',
    single: singlePieces,
    pair: pieces(value.member('pair')),
    special_tokens: special,
  }
}

/** The content of a tokenizer.json that `loadTokenizer`, and Hugging Face's tokenizers, read. */
export function saveTokenizer(tokenizer: Tokenizer): string {
  const { addedTokens, normalizer, preTokenizer, postProcessor, decoder, model } = tokenizer.definition
  return writeJson({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens,
    normalizer,
    pre_tokenizer: preTokenizer,
    post_processor: postProcessor,
    decoder,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: model.unknownToken,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: model.fuseUnknown,
      byte_fallback: false,
      ignore_merges: model.ignoreMerges,
      vocab: new Map([...model.vocabulary].sort((a, b) => a[1] - b[1])),
      merges: model.merges,
    },
  })
}

/** JSON, indented by two. A Map becomes an object in the Map's order, which an object with keys like '1' hasn't. */
function writeJson(value: unknown, indent: string = ''): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = `${indent}  `
  const isList = Array.isArray(value)
  const parts = isList
    ? value.map((item) => inner + writeJson(item, inner))
    : (value instanceof Map ? [...value] : Object.entries(value)).map(
        ([name, item]) => `${inner}${JSON.stringify(name)}: ${writeJson(item, inner)}`,
      )
  const [open, close] = isList ? '[]' : '{}'
  return parts.length === 0 ? `${open}${close}` : `${open}\n${parts.join(',\n')}\n${indent}${close}`
}
