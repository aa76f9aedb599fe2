import { FormatError, JsonReader, type JsonPlace, type JsonValue } from '../base/index.js'
import type { AddedToken } from './added-tokens.js'
import { detached } from './byte-alphabet.js'
import { ByteLevelTokenizer } from './byte-level-tokenizer.js'
import type { BytePairDefinition } from './byte-pair-model.js'
import { type MergeTable, mostMerges, readMerges, spelledMerges } from './merge-table.js'
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

const unsupported = 'heed reads byte-level BPE; convert the tokenizer, or use one of that kind'
/**
 * Limits on what a file may ask for. The largest tokenizers that were published have a third of each, or
 * less.
 */
const largestFile = 2 ** 27
const mostTokens = 3 * 2 ** 18
const mostValues = 2 ** 19
const mostSteps = 64
const mostTemplateTokens = 1024
/** Each place of a text is compared with added tokens up to this length. */
const longestAddedToken = 1024
const longestAddedTokens = 2 ** 19
const largestId = 2 ** 31 - 2

/**
 * Builds a tokenizer from a tokenizer.json in Hugging Face's format: its text, its bytes, or what JSON.parse
 * made of it.
 *
 * @param file its path, for errors
 * @throws FormatError that names the part that is wrong or that heed doesn't have
 */
export function loadTokenizer(json: unknown, file?: string): Tokenizer {
  const { definition, merges } = readDefinition(
    new JsonReader(typeof json === 'string' || json instanceof Uint8Array ? json : textOf(json), {
      operation: 'loadTokenizer',
      file,
      hint:
        typeof json === 'string' && json.endsWith('.json')
          ? "a path is not read here: give the text of the file, readFileSync(path, 'utf8')"
          : 'check that it is a byte-level BPE tokenizer.json',
      length: largestFile,
      values: mostValues,
    }),
  )
  return new ByteLevelTokenizer(definition, merges)
}

function textOf(json: unknown): string {
  let cause: unknown
  try {
    const text = JSON.stringify(json) as string | undefined
    if (text !== undefined) return text
  } catch (thrown) {
    cause = thrown
  }
  throw new FormatError({
    operation: 'loadTokenizer',
    expected: 'the text of a tokenizer.json, or its content',
    found: cause instanceof Error ? `what is no JSON: ${cause.message}` : typeof json,
    hint: 'pass the text of the file',
    cause,
  })
}

/**
 * Vocabulary, merges and added tokens, which may be long, are read as they come, without a tree: the
 * vocabulary first, wherever in the file it stands.
 */
function readDefinition(reader: JsonReader): { definition: TokenizerDefinition; merges: MergeTable } {
  let model: JsonValue | undefined
  let vocabularyPlace: JsonPlace | undefined
  let mergesPlace: JsonPlace | undefined
  let addedPlace: JsonPlace | undefined
  let vocabulary = new Map<string, number>()
  let isVocabulary = false
  let merges: MergeTable | undefined
  const file = reader.value({
    added_tokens: () => {
      if (!reader.sees('null')) addedPlace = reader.place()
      reader.skip()
    },
    model: () => {
      model = reader.value({
        vocab: () => {
          vocabularyPlace = reader.place()
          // That of another type of model is another type of value: the type is refused, below.
          isVocabulary = reader.sees('{')
          if (isVocabulary) vocabulary = readVocabulary(reader)
          else reader.skip()
        },
        merges: () => {
          mergesPlace = reader.place()
          if (isVocabulary) {
            merges = readMerges(reader, vocabulary, false)
            return
          }
          reader.list((index) => {
            if (index === mostMerges) reader.refuse(`one of at most ${mostMerges} merges`, { found: 'more' })
            reader.skip()
          })
        },
      })
    },
  })
  reader.end()
  model ??= file.member('model')
  checkVersion(file)
  checkModel(model)
  if (vocabularyPlace === undefined) return model.member('vocab').refuse('an object of tokens and ids')
  if (!isVocabulary) {
    reader.goTo(vocabularyPlace)
    vocabulary = readVocabulary(reader)
  }
  if (mergesPlace === undefined) return model.member('merges').refuse('a list of merges')
  const addedTokens = addedPlace === undefined ? [] : readAddedTokens(reader, addedPlace, vocabulary)
  const tokens = tokensById(reader, vocabularyPlace, vocabulary, addedTokens)
  for (const { token, value } of addedTokens) {
    const owner = tokens[token.id]
    if (owner !== undefined && owner !== token.content)
      value.member('id').refuse(`another id than that of '${owner.slice(0, 60)}'`)
  }
  let table = merges
  if (table === undefined) {
    reader.goTo(mergesPlace)
    table = readMerges(reader, vocabulary, true)
  }
  const known = table
  const unknown = model.member('unk_token')
  const unknownToken = unknown.isNull ? null : unknown.string()
  if (unknownToken !== null && !vocabulary.has(unknownToken))
    unknown.refuse('a token that the vocabulary has', { found: `no '${unknownToken.slice(0, 100)}'` })
  let spelled: BytePairDefinition['merges'] | undefined
  const definition = {
    addedTokens: addedTokens.map(({ token }) => token).sort((a, b) => a.id - b.id),
    normalizer: readNormalizer(file.member('normalizer'), new Steps()),
    preTokenizer: readPreTokenizer(file.member('pre_tokenizer')),
    postProcessor: readPostProcessor(file.member('post_processor'), new Steps(), tokens.length - 1),
    decoder: readDecoder(file.member('decoder')),
    model: {
      vocabulary,
      unknownToken,
      fuseUnknown: model.member('fuse_unk').boolean(false),
      ignoreMerges: model.member('ignore_merges').boolean(false),
      /** Made when somebody asks: a model needs the ids alone. */
      get merges(): BytePairDefinition['merges'] {
        return (spelled ??= spelledMerges(known, vocabulary))
      },
    },
  }
  return { definition, merges: known }
}

function checkVersion(file: JsonValue): void {
  const version = file.member('version')
  if (!version.isNull) version.choice(['1.0'])
  for (const name of ['truncation', 'padding']) {
    const value = file.member(name)
    if (!value.isNull)
      value.refuse('null', { hint: 'remove it from the file and cut or pad the ids yourself' })
  }
}

function checkModel(model: JsonValue): void {
  const type = model.member('type')
  if (!type.isNull && type.value !== 'BPE') type.refuse("'BPE'", { hint: unsupported })
  const dropout = model.member('dropout')
  if (!dropout.isNull && dropout.value !== 0)
    dropout.refuse('null', { hint: 'merges are never left out at random' })
  for (const name of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    const value = model.member(name)
    if (!value.isNull && value.value !== '') value.refuse('null', { hint: unsupported })
  }
  const byteFallback = model.member('byte_fallback')
  if (byteFallback.boolean(false)) byteFallback.refuse('false', { hint: unsupported })
}

function readVocabulary(reader: JsonReader): Map<string, number> {
  const vocabulary = new Map<string, number>()
  reader.record((token) => {
    const { size } = vocabulary
    if (size === mostTokens) reader.refuse(`one of at most ${mostTokens} tokens`, { found: 'more' })
    vocabulary.set(detached(token), reader.count(largestId))
    if (vocabulary.size === size) reader.refuse('there once', { found: 'it again' })
  }, true)
  return vocabulary
}

/** Id → token of the vocabulary, long enough for added tokens as well. */
function tokensById(
  reader: JsonReader,
  place: JsonPlace,
  vocabulary: ReadonlyMap<string, number>,
  addedTokens: readonly { readonly token: AddedToken }[],
): readonly (string | undefined)[] {
  let highest = -1
  for (const id of vocabulary.values()) if (id > highest) highest = id
  for (const { token } of addedTokens) if (token.id > highest) highest = token.id
  // A file of a few bytes must not claim a table of gigabytes.
  const densest = 4 * (vocabulary.size + addedTokens.length) + 65_536
  if (highest >= densest) {
    throw new FormatError({
      operation: 'loadTokenizer',
      expected: `token ids below ${densest}`,
      found: String(highest),
      hint: 'number the tokens from 0 on without large gaps',
    })
  }
  const tokens = new Array<string | undefined>(highest + 1)
  for (const [token, id] of vocabulary) {
    if (tokens[id] !== undefined) {
      reader.goTo(place)
      reader.record((name) => {
        if (name === token) reader.refuse('an id that no other token has')
        reader.skip()
      }, true)
    }
    tokens[id] = token
  }
  return tokens
}

function readAddedTokens(
  reader: JsonReader,
  place: JsonPlace,
  vocabulary: ReadonlyMap<string, number>,
): { readonly token: AddedToken; readonly value: JsonValue }[] {
  const tokens = new Map<string, { readonly token: AddedToken; readonly value: JsonValue }>()
  const contents = new Map<number, string>()
  let length = 0
  reader.goTo(place)
  reader.list(() => {
    const value = reader.value()
    const content = value.member('content').string()
    if (content === '') return
    if (content.length > longestAddedToken)
      value.member('content').refuse(`at most ${longestAddedToken} characters long`)
    length += content.length
    if (length > longestAddedTokens)
      value.refuse(`one of added tokens of at most ${longestAddedTokens} characters in all`, {
        found: 'more',
      })
    const id = value.member('id').count(largestId)
    const owner = contents.get(id) ?? content
    if (owner !== content) value.member('id').refuse(`another id than that of '${owner.slice(0, 60)}'`)
    const known = vocabulary.get(content) ?? tokens.get(content)?.token.id ?? id
    if (known !== id) value.member('id').refuse(`${known}, which '${content.slice(0, 60)}' has already`)
    contents.set(id, content)
    const token = {
      id,
      content,
      single_word: value.member('single_word').boolean(),
      lstrip: value.member('lstrip').boolean(),
      rstrip: value.member('rstrip').boolean(),
      normalized: value.member('normalized').boolean(),
      special: value.member('special').boolean(),
    }
    tokens.set(content, { token, value })
  })
  return [...tokens.values()]
}

/** Counts the steps of a part of the file, wherever they are nested. */
class Steps {
  #count = 0

  items(value: JsonValue): readonly JsonValue[] {
    const items = value.items()
    this.#count += items.length
    if (this.#count > mostSteps) value.refuse(`one of at most ${mostSteps} steps in all`, { found: 'more' })
    return items
  }
}

function readNormalizer(value: JsonValue, steps: Steps): NormalizerDefinition | null {
  if (value.isNull) return null
  const type = value.member('type')
  if (type.value === 'NFC') return { type: 'NFC' }
  if (type.value !== 'Sequence') type.refuse("'NFC' or a Sequence of it", { hint: unsupported })
  const normalizers = steps
    .items(value.member('normalizers'))
    .map((item) => readNormalizer(item, steps) ?? item.refuse('a normalizer'))
  return { type: 'Sequence', normalizers }
}

function readPreTokenizer(value: JsonValue): PreTokenizerDefinition {
  if (value.isNull) value.refuse('ByteLevel, alone or at the end of a Sequence', { hint: unsupported })
  const definition = readPreTokenizerStep(value, new Steps())
  const steps = stepsOf(definition)
  if (steps.findIndex((step) => step.type === 'ByteLevel') !== steps.length - 1 || steps.length === 0) {
    value.refuse('a Sequence with ByteLevel at its end and nowhere else', { hint: unsupported })
  }
  return definition
}

function readPreTokenizerStep(value: JsonValue, counted: Steps): PreTokenizerDefinition {
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
      return {
        type: 'Sequence',
        pretokenizers: counted
          .items(value.member('pretokenizers'))
          .map((item) => readPreTokenizerStep(item, counted)),
      }
    default:
      return type.refuse("'ByteLevel', 'Split', 'Digits' or 'Sequence'", { hint: unsupported })
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
  if (value.isNull) value.refuse('ByteLevel', { hint: unsupported })
  if (value.member('type').value !== 'ByteLevel')
    value.member('type').refuse("'ByteLevel'", { hint: unsupported })
  return readByteLevel(value)
}

function readPostProcessor(
  value: JsonValue,
  steps: Steps,
  highestId: number,
): PostProcessorDefinition | null {
  if (value.isNull) return null
  const type = value.member('type')
  if (type.value === 'ByteLevel') return readByteLevel(value)
  if (type.value === 'TemplateProcessing') return readTemplate(value, highestId)
  if (type.value !== 'Sequence') {
    type.refuse("'ByteLevel', 'TemplateProcessing' or a Sequence of them", { hint: unsupported })
  }
  const processors = steps
    .items(value.member('processors'))
    .map((item) => readPostProcessor(item, steps, highestId) ?? item.refuse('a post-processor'))
  return { type: 'Sequence', processors }
}

function readTemplate(value: JsonValue, highestId: number): TemplateDefinition {
  let count = 0
  const limited = (list: JsonValue): readonly JsonValue[] => {
    count += list.items().length
    if (count > mostTemplateTokens)
      list.refuse(`of at most ${mostTemplateTokens} parts and tokens in all`, { found: 'more' })
    return list.items()
  }
  const special = new Map(
    value
      .member('special_tokens')
      .members()
      .map(([name, entry]) => {
        const ids = limited(entry.member('ids')).map((id) => id.count())
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
    limited(list).map((item) => {
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

/**
 * JSON, indented by two. A Map becomes an object in the Map's order, which an object with keys like '1'
 * hasn't.
 */
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
