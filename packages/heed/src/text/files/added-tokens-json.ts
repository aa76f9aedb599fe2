import type { JsonPlace, JsonReader } from '../../base/index.js'
import type { AddedToken } from '../added-tokens.js'
import type { Vocabulary } from '../steps/vocabulary.js'
import { largestId } from './limits.js'

/** Each place of a text is compared with added tokens up to this length, in UTF-16 code units. */
const longestAddedToken = 1024
/** Of all together, and how many there may be. */
const longestAddedTokens = 2 ** 20
const mostAddedTokens = 2 ** 18
const flags = ['single_word', 'lstrip', 'rstrip', 'normalized', 'special'] as const

/** Reads over the added tokens, which wait for the vocabulary, and answers where they are. */
export function skipAddedTokens(reader: JsonReader): JsonPlace | undefined {
  if (reader.sees('null')) {
    reader.skip()
    return undefined
  }
  const place = reader.place()
  reader.list((index) => {
    if (index === mostAddedTokens)
      reader.refuse(`one of at most ${mostAddedTokens} added tokens in all`, { found: 'more' })
    reader.skip()
  })
  return place
}

/**
 * The added tokens of a tokenizer.json, by id. One that the vocabulary has keeps its id there. The others are
 * numbered on from the size of the vocabulary, in their order, whatever the file says: that is what the
 * package `tokenizers` does. Only where that number is another token's does the file's count.
 *
 * A token that comes twice has the flags that come last; special it is where either says so.
 */
export function readAddedTokens(
  reader: JsonReader,
  place: JsonPlace,
  vocabulary: Vocabulary,
): readonly AddedToken[] {
  const tokens = new Map<string, AddedToken>()
  const owners = new Map<number, string>()
  const isTaken = (id: number): boolean => owners.has(id) || vocabulary.placeOfId(id) >= 0
  let next = vocabulary.size
  let length = 0
  reader.goTo(place)
  reader.list((index) => {
    const { at } = reader
    const { id: stated, ...token } = readAddedToken(reader, index)
    const { content } = token
    if (content === '') return
    length += content.length
    if (length > longestAddedTokens)
      reader.refuse(`one of added tokens of at most ${longestAddedTokens} characters in all`, {
        found: 'more',
        at,
      })
    const before = tokens.get(content)
    let id = before?.id ?? vocabulary.id(content)
    if (id === undefined) {
      const own = next++
      id = isTaken(own) ? stated : own
      if (isTaken(id)) {
        const owner = (owners.get(id) ?? vocabulary.token(id) ?? '').slice(0, 60)
        reader.refuseAt(at, `added_tokens[${index}].id`, `another id than that of '${owner}'`, {
          found: String(stated),
        })
      }
    }
    owners.set(id, content)
    const special = token.special || before?.special === true
    tokens.set(content, { id, ...token, special })
  })
  return [...tokens.values()].sort((a, b) => a.id - b.id)
}

function readAddedToken(reader: JsonReader, index: number): AddedToken {
  const { at } = reader
  let id: number | undefined
  let content: string | undefined
  const given: Partial<Record<(typeof flags)[number], boolean>> = {}
  reader.record((name) => {
    const flag = flags.find((one) => one === name)
    if (name === 'id') id = reader.count(largestId)
    else if (name === 'content') {
      const start = reader.at
      content = reader.string()
      if (content.length > longestAddedToken)
        reader.refuse(`at most ${longestAddedToken} characters long`, { at: start })
    } else {
      if (flag !== undefined) {
        given[flag] = reader.sees('true')
        if (!given[flag] && !reader.sees('false')) reader.refuse('true or false')
      }
      reader.skip()
    }
  })
  const lacks = (name: string): never =>
    reader.refuseAt(at, `added_tokens[${index}].${name}`, 'there', { found: 'none' })
  const flagOf = (name: (typeof flags)[number]): boolean => given[name] ?? lacks(name)
  return {
    id: id ?? lacks('id'),
    content: content ?? lacks('content'),
    single_word: flagOf('single_word'),
    lstrip: flagOf('lstrip'),
    rstrip: flagOf('rstrip'),
    normalized: flagOf('normalized'),
    special: flagOf('special'),
  }
}
