/**
 * A byte-level n-gram model with interpolated modified Kneser-Ney smoothing (Chen and Goodman 1998, "An
 * empirical study of smoothing techniques for language modeling", section 4.1.6).
 *
 * The symbols are the 256 bytes. Text is UTF-8, which never contains 0xff, so 0xff stands between documents:
 * a model predicts it at the end of a document and sees it at the start of one. No n-gram crosses it.
 *
 * The n-grams of every order up to the highest are the nodes of one trie, kept level by level in typed arrays
 * in lexicographic order. Since each level keeps both its occurrences and its continuation counts, one trie
 * holds the models of all orders, and one pass over a text evaluates them all.
 */
import { UsageError } from 'heed'
import { sortPrefixes } from './sort-prefixes.js'

export const endOfDocument = 0xff
const symbols = 256

/**
 * What is taken off an n-gram's count, by that count: index 1, 2, and 3 for three and more. Index 0 is
 * unused.
 */
export type Discounts = readonly [0, number, number, number]

/** Counts of one kind for the n-grams of one level. */
export type Counts = { readonly of: Uint32Array; readonly discounts: Discounts }

/**
 * The distinct n-grams of one length. Those that extend the same shorter n-gram are neighbours, by last
 * symbol.
 */
export type Level = {
  readonly symbol: Uint8Array
  /**
   * At i, where the n-grams one symbol longer that extend n-gram i start in the next level; one entry more at
   * the end.
   */
  readonly firstChild: Uint32Array
  /** How often each occurs. */
  readonly occurrences: Counts
  /**
   * How many different symbols come before each; its occurrences where it starts a document. Empty at the
   * last level.
   */
  readonly continuations: Counts
}

export type NgramModel = {
  /** Longest n-gram, its last symbol being the predicted one. */
  readonly order: number
  /** By length; level 0 is the root. */
  readonly levels: readonly Level[]
}

/** Documents one after another, 0xff before, between and after them. Empty documents are left out. */
export function packDocuments(documents: readonly Uint8Array[]): Uint8Array {
  const full = documents.filter((document) => document.length > 0)
  const packed = new Uint8Array(full.reduce((sum, document) => sum + document.length + 1, 1))
  packed[0] = endOfDocument
  let at = 1
  for (const document of full) {
    if (document.includes(endOfDocument)) {
      throw new UsageError({
        operation: 'packDocuments',
        expected: 'documents in UTF-8',
        found: 'the byte 0xff',
        hint: 'encode text as UTF-8',
      })
    }
    packed.set(document, at)
    at += document.length
    packed[at++] = endOfDocument
  }
  return packed
}

/**
 * Chen and Goodman's estimate of the discounts, equation (26); ½, 1 and 1½ where the counts are too few for
 * it.
 */
export function estimateDiscounts(counts: Uint32Array): Discounts {
  const n = [0, 0, 0, 0, 0]
  for (const count of counts) {
    if (count <= 4) n[count] = (n[count] ?? 0) + 1
  }
  const [, n1 = 0, n2 = 0, n3 = 0, n4 = 0] = n
  const y = n1 / (n1 + 2 * n2)
  const discounts = [1 - (2 * y * n2) / n1, 2 - (3 * y * n3) / n2, 3 - (4 * y * n4) / n3] as const
  const usable = discounts.every((discount, index) => discount >= 0 && discount <= index + 1)
  return usable ? [0, ...discounts] : [0, 0.5, 1, 1.5]
}

/** For every position, how long the longest n-gram from there is that has 0xff at most at its ends. */
function longestGrams(text: Uint8Array, order: number): Uint8Array {
  const longest = new Uint8Array(text.length)
  let next = text.length
  for (let at = text.length - 1; at >= 0; at--) {
    longest[at] = Math.min(order, next - at + 1, text.length - at)
    if (text[at] === endOfDocument) next = at
  }
  return longest
}

type Building = { symbol: Uint8Array; firstChild: Uint32Array; occurrences: Uint32Array; size: number }

function buildTrie(text: Uint8Array, order: number): Building[] {
  const { positions, shared } = sortPrefixes(text, order)
  const longest = longestGrams(text, order)
  const sizes = new Array<number>(order + 1).fill(0)
  for (let i = 0; i < positions.length; i++) {
    const longestHere = longest[positions[i] ?? 0] ?? 0
    for (let length = (shared[i] ?? 0) + 1; length <= longestHere; length++)
      sizes[length] = (sizes[length] ?? 0) + 1
  }
  sizes[0] = 1
  const levels = sizes.map((size, length): Building => ({
    symbol: new Uint8Array(size),
    firstChild: new Uint32Array(length < order ? size + 1 : 0),
    occurrences: new Uint32Array(size),
    size: 0,
  }))
  const root = levels[0]
  if (root !== undefined) root.size = 1
  for (let i = 0; i < positions.length; i++) {
    const position = positions[i] ?? 0
    const sharedHere = shared[i] ?? 0
    const longestHere = longest[position] ?? 0
    for (let length = 1; length <= longestHere; length++) {
      const level = levels[length]
      if (level === undefined) break
      if (length > sharedHere) {
        level.symbol[level.size] = text[position + length - 1] ?? 0
        if (length < order) level.firstChild[level.size] = levels[length + 1]?.size ?? 0
        level.size++
      }
      level.occurrences[level.size - 1] = (level.occurrences[level.size - 1] ?? 0) + 1
    }
  }
  levels.forEach((level, length) => {
    if (length < order) level.firstChild[level.size] = levels[length + 1]?.size ?? 0
  })
  return levels
}

/**
 * Continuation counts, one level at a time: each n-gram of length m + 1 adds one to the n-gram of length m
 * that it becomes without its first symbol.
 */
function countContinuations(levels: readonly Building[]): Uint32Array[] {
  const out = levels.map(
    (level, length) => new Uint32Array(length > 0 && length < levels.length - 1 ? level.size : 0),
  )
  // For each n-gram of the level at hand, the index, one level up, of the n-gram without the first symbol.
  let suffix = new Uint32Array(levels[1]?.size ?? 0)
  for (let length = 1; length < levels.length - 1; length++) {
    const [shorter, level, longer] = [levels[length - 1], levels[length], levels[length + 1]]
    const counts = out[length]
    if (shorter === undefined || level === undefined || longer === undefined || counts === undefined) break
    const nextSuffix = new Uint32Array(longer.size)
    for (let gram = 0; gram < level.size; gram++) {
      let target = shorter.firstChild[suffix[gram] ?? 0] ?? 0
      const end = level.firstChild[gram + 1] ?? 0
      for (let child = level.firstChild[gram] ?? 0; child < end; child++) {
        const symbol = longer.symbol[child] ?? 0
        while ((level.symbol[target] ?? symbol) < symbol) target++
        nextSuffix[child] = target
        counts[target] = (counts[target] ?? 0) + 1
      }
    }
    suffix = nextSuffix
  }
  // Nothing comes before an n-gram that starts a document: it counts as often as it occurs.
  // 0xff alone is the last n-gram of length 1.
  let end = levels[1]?.size ?? 0
  let first = end - 1
  for (let length = 2; length < levels.length - 1; length++) {
    first = levels[length - 1]?.firstChild[first] ?? 0
    end = levels[length - 1]?.firstChild[end] ?? 0
    out[length]?.set(levels[length]?.occurrences.subarray(first, end) ?? [], first)
  }
  return out
}

/**
 * Counts the n-grams of some documents.
 *
 * @param documents UTF-8, at least one of them not empty.
 * @param order longest n-gram, 1 to 32. Memory: some 13 bytes for each distinct n-gram of each length.
 * @throws UsageError for an order out of range, for no text, and for text that is not UTF-8.
 */
export function trainNgrams(documents: readonly Uint8Array[], order: number): NgramModel {
  if (!Number.isInteger(order) || order < 1 || order > 32) {
    throw new UsageError({
      operation: 'trainNgrams',
      expected: 'an order from 1 to 32',
      found: `${order}`,
      hint: 'take 5 to 20 for text',
    })
  }
  const text = packDocuments(documents)
  if (text.length < 2) {
    throw new UsageError({
      operation: 'trainNgrams',
      expected: 'some text',
      found: `${documents.length} documents without any`,
      hint: 'give at least one document that is not empty',
    })
  }
  const levels = buildTrie(text, order)
  // The 0xff at the very start is seen, but never predicted.
  const single = levels[1]
  if (single !== undefined)
    single.occurrences[single.size - 1] = (single.occurrences[single.size - 1] ?? 1) - 1
  const continuations = countContinuations(levels)
  return {
    order,
    levels: levels.map((level, length) => {
      const counts = continuations[length] ?? new Uint32Array(0)
      return {
        symbol: level.symbol,
        firstChild: level.firstChild,
        occurrences: { of: level.occurrences, discounts: estimateDiscounts(level.occurrences) },
        continuations: { of: counts, discounts: estimateDiscounts(counts) },
      }
    }),
  }
}

/**
 * What a model knows of the text so far: at k, the node of the last k symbols, or -1 if training text has
 * them nowhere.
 */
export type Context = Int32Array

function childOf(model: NgramModel, length: number, node: number, symbol: number): number {
  const level = model.levels[length]
  const next = model.levels[length + 1]
  if (node < 0 || level === undefined || next === undefined) return -1
  let low = level.firstChild[node] ?? 0
  const end = level.firstChild[node + 1] ?? 0
  for (let high = end; low < high;) {
    const middle = (low + high) >>> 1
    if ((next.symbol[middle] ?? 0) < symbol) low = middle + 1
    else high = middle
  }
  return low < end && next.symbol[low] === symbol ? low : -1
}

/** The context at the start of a document. */
export function startContext(model: NgramModel): Context {
  const context = new Int32Array(model.order).fill(-1)
  context[0] = 0
  if (model.order > 1) context[1] = childOf(model, 0, 0, endOfDocument)
  return context
}

/** The context after one more symbol, in place. After 0xff it is that of a new document. */
export function advance(model: NgramModel, context: Context, symbol: number): void {
  if (symbol === endOfDocument) context.set(startContext(model))
  else
    for (let k = model.order - 1; k > 0; k--) context[k] = childOf(model, k - 1, context[k - 1] ?? -1, symbol)
}

/**
 * One step of the interpolation, equation (24) of Chen and Goodman, for every symbol at once or for one.
 *
 * @param lower probability of the symbol in the context that is one symbol shorter.
 */
function interpolate(
  model: NgramModel,
  length: number,
  node: number,
  counts: Counts,
  symbol: number,
  lower: number,
): number {
  const parent = model.levels[length - 1]
  const level = model.levels[length]
  if (node < 0 || parent === undefined || level === undefined) return lower
  const end = parent.firstChild[node + 1] ?? 0
  let total = 0
  let discounted = 0
  let own = 0
  for (let child = parent.firstChild[node] ?? 0; child < end; child++) {
    const count = counts.of[child] ?? 0
    const discount = counts.discounts[count > 3 ? 3 : count] ?? 0
    total += count
    discounted += discount
    if (level.symbol[child] === symbol) own = count - discount
  }
  return total === 0 ? lower : (own + discounted * lower) / total
}

/**
 * The probability of a symbol under the models of every order.
 *
 * @returns at n, the probability under the model of order n; at 0, 1/256.
 */
export function probabilities(
  model: NgramModel,
  context: Context,
  symbol: number,
  out?: Float64Array,
): Float64Array {
  const probability = out ?? new Float64Array(model.order + 1)
  let lower = 1 / symbols
  probability[0] = lower
  for (let length = 1; length <= model.order; length++) {
    const level = model.levels[length]
    const node = context[length - 1] ?? -1
    if (level === undefined) break
    probability[length] = interpolate(model, length, node, level.occurrences, symbol, lower)
    if (length < model.order) lower = interpolate(model, length, node, level.continuations, symbol, lower)
  }
  return probability
}

/** The probability of each of the 256 symbols under the model of one order; they sum to 1. */
export function distribution(model: NgramModel, context: Context, order: number): Float64Array {
  return Float64Array.from(
    { length: symbols },
    (_, symbol) => probabilities(model, context, symbol)[order] ?? 0,
  )
}

/**
 * Bits that the models of every order need for some documents, each with its end.
 *
 * @returns at n, the bits under the model of order n.
 */
export function ngramBits(model: NgramModel, documents: Iterable<Uint8Array>): Float64Array {
  const bits = new Float64Array(model.order + 1)
  const probability = new Float64Array(model.order + 1)
  for (const document of documents) {
    const context = startContext(model)
    for (let at = 0; at <= document.length; at++) {
      const symbol = document[at] ?? endOfDocument
      probabilities(model, context, symbol, probability)
      for (let order = 0; order <= model.order; order++) {
        bits[order] = (bits[order] ?? 0) - Math.log2(probability[order] ?? 0)
      }
      advance(model, context, symbol)
    }
  }
  return bits
}
