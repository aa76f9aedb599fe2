import { FormatError, type JsonPlace, JsonReader, type JsonValue } from '../../base/index.js'
import { readDecoder } from '../decode/index.js'
import type { TokenizerDefinition } from '../definition.js'
import { readPadding, readPostProcessor, readTruncation } from '../finish/index.js'
import { readNormalizer } from '../normalize/index.js'
import { readPreTokenizer } from '../split/index.js'
import { ReadContext } from '../steps/component.js'
import type { Vocabulary } from '../steps/vocabulary.js'
import { readAddedTokens, skipAddedTokens } from './added-tokens-json.js'
import { largestFile } from './limits.js'
import { ModelReader } from './model-json.js'

const operation = 'loadTokenizer'
const mostValues = 2 ** 17

/**
 * Reads a tokenizer.json in Hugging Face's format: its text, its bytes, or what JSON.parse made of it.
 *
 * @param file its path, for errors
 * @throws FormatError that names the part that is wrong or that heed doesn't have
 */
export function readTokenizerJson(json: unknown, file?: string): TokenizerDefinition {
  const isText = typeof json === 'string'
  const reader = new JsonReader(isText || json instanceof Uint8Array ? json : textOf(json), {
    operation,
    file,
    hint:
      isText && json.endsWith('.json')
        ? "a path is not read here: give the text of the file, readFileSync(path, 'utf8')"
        : 'check that it is a tokenizer.json',
    length: largestFile,
    values: mostValues,
  })
  let model: ModelReader | undefined
  let addedPlace: JsonPlace | undefined
  const fields = reader.value({
    added_tokens: () => (addedPlace = skipAddedTokens(reader)),
    model: () => (model = new ModelReader(reader)),
  })
  reader.end()
  const version = fields.member('version')
  if (!version.isNull) version.choice(['1.0'])
  if (model === undefined) return fields.member('model').refuse('a model')
  const { vocabulary } = model
  checkDense(vocabulary.highestId, vocabulary.size)
  checkIds(vocabulary, model)
  const addedTokens = addedPlace === undefined ? [] : readAddedTokens(reader, addedPlace, vocabulary)
  const highestId = Math.max(vocabulary.highestId, addedTokens.at(-1)?.id ?? -1)
  checkDense(highestId, vocabulary.size + addedTokens.length)
  const step = <Definition>(
    name: string,
    read: (value: JsonValue, context: ReadContext) => Definition,
  ): Definition | null => {
    const value = fields.member(name)
    return value.isNull ? null : read(value, new ReadContext(highestId))
  }
  return {
    truncation: readTruncation(fields.member('truncation')),
    padding: readPadding(fields.member('padding'), highestId),
    addedTokens,
    normalizer: step('normalizer', readNormalizer),
    preTokenizer: step('pre_tokenizer', readPreTokenizer),
    postProcessor: step('post_processor', readPostProcessor),
    decoder: step('decoder', readDecoder),
    model: model.definition(),
  }
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
    operation,
    expected: 'the text of a tokenizer.json, or its content',
    found: cause instanceof Error ? `what is no JSON: ${cause.message}` : typeof json,
    hint: 'pass the text of the file',
    cause,
  })
}

/** A file of a few bytes must not claim a table of gigabytes. */
function checkDense(highest: number, count: number): void {
  const densest = 4 * count + 65_536
  if (highest < densest) return
  throw new FormatError({
    operation,
    expected: `token ids below ${densest}`,
    found: String(highest),
    hint: 'number the tokens from 0 on without large gaps',
  })
}

function checkIds(vocabulary: Vocabulary, model: ModelReader): void {
  for (let place = 0; place < vocabulary.size; place++)
    if (vocabulary.placeOfId(vocabulary.idAt(place)) !== place)
      model.refuseToken(vocabulary.tokenAt(place), 'an id that no other token has')
}
