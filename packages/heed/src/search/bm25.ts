/** BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework"), as Lucene has it. */
import { checkNames, UsageError } from '../base/index.js'
import type { Tokenizer } from '../text/index.js'
import { TermIndex, type WeighedTerms } from './term-index.js'

/** How terms are weighed. */
export interface Bm25Options {
  /** How much more a term counts that comes again; from 0. Default 0.9. */
  readonly k1?: number | undefined
  /** How much the document's length counts, 0 to 1. Default 0.4. */
  readonly b?: number | undefined
}

/**
 * An index whose scores are BM25's: Σ over the query's terms, repeated ones again, of
 *
 *     ln(1 + (N − n + ½) / (n + ½)) · tf (k1 + 1) / (tf + k1 (1 − b + b · length / mean length))
 *
 * for N documents, of which n have the term, tf times. All in f64.
 *
 * @param documents the terms of each, such as `termsOf(tokenizer)` gives them
 * @throws UsageError for options out of range, or terms that are no whole numbers from 0
 */
export function bm25Index(documents: readonly ArrayLike<number>[], options: Bm25Options = {}): TermIndex {
  checkNames('bm25Index', options, ['k1', 'b'])
  const { k1 = 0.9, b = 0.4 } = options
  if (!(k1 >= 0 && k1 < Infinity && b >= 0 && b <= 1))
    throw new UsageError({
      operation: 'bm25Index',
      expected: 'k1 from 0 on, and b from 0 to 1',
      found: `${k1} and ${b}`,
      hint: 'leave them out for 0.9 and 0.4',
    })
  const counts = documents.map((terms) => {
    const found = new Map<number, number>()
    for (let i = 0; i < terms.length; i++) found.set(terms[i]!, (found.get(terms[i]!) ?? 0) + 1)
    return found
  })
  const having = new Map<number, number>()
  for (const found of counts) for (const id of found.keys()) having.set(id, (having.get(id) ?? 0) + 1)
  const mean = documents.reduce((sum, { length }) => sum + length, 0) / documents.length
  const rarity = new Map(
    [...having].map(([id, n]) => [id, Math.log(1 + (documents.length - n + 0.5) / (n + 0.5))]),
  )
  return new TermIndex(
    counts.map((found, i): WeighedTerms => {
      const length = k1 * (1 - b + b * (documents[i]!.length / mean))
      const ids = [...found.keys()]
      const weights = ids.map((id) => {
        const count = found.get(id)!
        return (rarity.get(id)! * count * (k1 + 1)) / (count + length)
      })
      return { ids, weights }
    }),
  )
}

/**
 * What makes terms of texts: with a tokenizer its ids, without special tokens and however long the text is.
 * Without one, words of letters and digits in small letters, numbered as they come. Texts that are compared
 * must come from the same function.
 */
export function termsOf(tokenizer?: Tokenizer): (text: string) => ArrayLike<number> {
  if (tokenizer !== undefined)
    return (text) => tokenizer.encode(text, { addSpecial: false, truncation: null, padding: null }).ids
  const numbers = new Map<string, number>()
  return (text) =>
    (text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).map((word) => {
      const known = numbers.get(word) ?? numbers.size
      numbers.set(word, known)
      return known
    })
}
