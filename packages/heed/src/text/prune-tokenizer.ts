import { UsageError } from '../base/index.js'
import { saveTokenizer } from './files/save-tokenizer.js'
import { loadTokenizer } from './load-tokenizer.js'
import type { Tokenizer } from './tokenizer.js'

type Json = { [name: string]: Json } | Json[] | string | number | boolean | null

/**
 * The same tokenizer with fewer tokens: those that are kept, the special ones, and the pieces of one
 * character, so that every word that could be spelled still can. Ids are counted anew, in the same order.
 *
 * @param kept ids
 * @throws UsageError unless its model is WordPiece or WordLevel: pieces of other models are made of each
 * other
 */
export function pruneTokenizer(tokenizer: Tokenizer, kept: Iterable<number>): Tokenizer {
  const { type } = tokenizer.definition.model
  if (type !== 'WordPiece' && type !== 'WordLevel')
    throw new UsageError({
      operation: 'pruneTokenizer',
      expected: 'a tokenizer whose model is WordPiece or WordLevel',
      found: type,
      hint: 'keep its tokens, or train a smaller tokenizer',
    })
  const written = JSON.parse(saveTokenizer(tokenizer)) as {
    model: { vocab: Record<string, number>; unk_token: string; continuing_subword_prefix?: string }
    added_tokens: { id: number; content: string }[]
    post_processor: Json
    padding: Json
  }
  const { vocab, unk_token: unknown, continuing_subword_prefix: prefix = '' } = written.model
  const wanted = new Set(kept)
  for (const { id } of written.added_tokens) wanted.add(id)
  for (const [token, id] of Object.entries(vocab)) {
    const piece = prefix !== '' && token.startsWith(prefix) ? token.slice(prefix.length) : token
    if (token === unknown || [...piece].length === 1) wanted.add(id)
  }
  const ids = new Map([...wanted].sort((a, b) => a - b).map((id, i) => [id, i]))
  written.model.vocab = Object.fromEntries(
    Object.entries(vocab).flatMap(([token, id]) => (ids.has(id) ? [[token, ids.get(id)!]] : [])),
  )
  written.added_tokens = written.added_tokens.map((added) => ({ ...added, id: ids.get(added.id)! }))
  written.post_processor = renumbered(written.post_processor, ids)
  written.padding = renumbered(written.padding, ids)
  return loadTokenizer(JSON.stringify(written))
}

/**
 * Special tokens as post-processors and padding name them: `ids`, `pad_id`, and pairs of a token and its id.
 */
function renumbered(value: Json, ids: ReadonlyMap<number, number>): Json {
  const numberOf = (id: Json): Json => (typeof id === 'number' ? ids.get(id)! : id)
  if (Array.isArray(value)) {
    const isPair = value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'number'
    return isPair ? [value[0]!, numberOf(value[1]!)] : value.map((each) => renumbered(each, ids))
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      if (name === 'pad_id') return [name, numberOf(each)]
      return [name, name === 'ids' && Array.isArray(each) ? each.map(numberOf) : renumbered(each, ids)]
    }),
  )
}
