import { JsonReader, type JsonValue } from '../../base/index.js'
import type { TokenizerDefinition } from '../definition.js'
import { Vocabulary } from '../steps/vocabulary.js'
import { largestFile, mostTokens } from './limits.js'
import { around } from './sentence-piece.js'
import { SpelledBytes } from './spelled-base64.js'
import { rankedDefinition } from './tiktoken.js'

const operation = 'readTekken'
/** The special tokens of files that don't list them. */
const names =
  '<unk> <s> </s> [INST] [/INST] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_RESULTS] [/TOOL_RESULTS] ' +
  '[TOOL_CALLS] <pad> [PREFIX] [MIDDLE] [SUFFIX]'
const mostSpecials = 2 ** 14

/**
 * Reads Mistral's `tekken.json`: tokens that are bytes with ranks, and how texts are cut. Ids of special
 * tokens come first. `<s>` comes before a text.
 *
 * @param file its path, for errors
 * @throws FormatError for anything else
 */
export function readTekken(json: string | Uint8Array, file?: string): TokenizerDefinition {
  const hint = 'check that it is a tekken.json'
  const reader = new JsonReader(json, { operation, file, hint, length: largestFile })
  const tokens: { readonly spelled: Uint8Array; readonly rank: number }[] = []
  const bytes = new SpelledBytes()
  const fields = reader.value({
    vocab: () =>
      reader.list((index) => {
        if (index === mostTokens) reader.refuse(`one of at most ${mostTokens} tokens`, { found: 'more' })
        const { at } = reader
        let rank = -1
        let spelled: Uint8Array | undefined
        reader.record((name) => {
          if (name === 'rank') rank = reader.count(mostTokens)
          else if (name === 'token_bytes') {
            const letters = new TextEncoder().encode(reader.string())
            if (!bytes.read(letters, 0, letters.length)) reader.refuse('bytes in base64', { at })
            spelled = bytes.bytes.slice(0, bytes.length)
          } else reader.skip()
        })
        if (spelled === undefined || rank < 0) reader.refuse('a token with a rank and token_bytes', { at })
        else tokens.push({ spelled, rank })
      }),
    image: () => reader.skip(),
    audio: () => reader.skip(),
    multimodal: () => reader.skip(),
  })
  reader.end()
  const config = fields.member('config')
  const specials = specialsOf(fields, config)
  const size = config.member('default_vocab_size').count(mostTokens)
  const vocabulary = new Vocabulary(tokens.length)
  for (const { spelled, rank } of tokens.slice(0, Math.max(0, size - specials.length))) {
    const id = specials.length + rank
    if (!vocabulary.addBytes(spelled, 0, spelled.length, id))
      fields.member('vocab').refuse('tokens that are there once', { found: `rank ${rank} again` })
  }
  for (let place = 0; place < vocabulary.size; place++)
    if (vocabulary.placeOfId(vocabulary.idAt(place)) !== place)
      fields.member('vocab').refuse('ranks that are there once', { found: 'one again' })
  const definition = rankedDefinition(vocabulary, {
    pattern: config.member('pattern').string(),
    specials: specials.map((name, id) => [name, id] as const),
    operation,
    file,
  })
  const begin = specials.includes('<s>') ? '<s>' : undefined
  return { ...definition, postProcessor: around(begin, undefined, (token) => specials.indexOf(token)) }
}

function specialsOf(fields: JsonValue, config: JsonValue): readonly string[] {
  const count = config.member('default_num_special_tokens').count(mostSpecials)
  const listed = fields.member('special_tokens')
  const specials = Array.from({ length: count }, (_, id) => `<SPECIAL_${id}>`)
  if (listed.isNull) names.split(' ').forEach((name, id) => id < count && (specials[id] = name))
  else
    for (const item of listed.items())
      specials[item.member('rank').count(count - 1)] = item.member('token_str').string()
  return specials
}
