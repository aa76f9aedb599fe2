/**
 * Which word stands for which: the first model of Brown et al. 1993, "The Mathematics of Statistical Machine
 * Translation", section 4.1, learned from pairs of texts by expectation maximization.
 */

/** A text and its translation. */
export interface TranslatedText {
  readonly source: string
  readonly target: string
}

/** Words that were learned. */
export interface Lexicon {
  /** The likeliest word for one; undefined for one that was never there. */
  best(word: string): string | undefined
}

/** Rounds of learning. */
const rounds = 5
/** Pairs that are learned from at most: the first ones. */
const mostPairs = 50_000
/** What stands for words of the target that no word of the source brings forth. */
const nothing = ''

/** Words and marks, each a piece of its own. */
export function piecesOf(text: string): string[] {
  return text.match(/[\p{L}\p{M}\p{N}_]+(?:['’-][\p{L}\p{M}\p{N}_]+)*['’]?|[^\s]/gu) ?? []
}

/** Learns words from pairs. Words of the source are compared in small letters. */
export function learnLexicon(pairs: readonly TranslatedText[]): Lexicon {
  const sources = new Numbers()
  const targets = new Numbers()
  sources.of(nothing)
  /** For each word of a source the places of the numbers of its pairs with words of targets. */
  const cells: Map<number, number>[] = []
  let size = 0
  const cellOf = (source: number, target: number): number => {
    const own = (cells[source] ??= new Map())
    const known = own.get(target)
    if (known !== undefined) return known
    own.set(target, size)
    return size++
  }
  // Of each word of a target the cells that it may come from.
  const words: Int32Array[] = []
  for (const { source, target } of pairs.slice(0, mostPairs)) {
    const from = [0, ...piecesOf(source.toLowerCase()).map((word) => sources.of(word))]
    for (const word of piecesOf(target)) {
      const to = targets.of(word)
      words.push(Int32Array.from(from, (one) => cellOf(one, to)))
    }
  }
  const chances = new Float64Array(size).fill(1)
  for (let round = 0; round < rounds; round++) {
    const counts = new Float64Array(size)
    for (const own of words) {
      let sum = 0
      for (const cell of own) sum += chances[cell]!
      for (const cell of own) counts[cell]! += chances[cell]! / sum
    }
    for (const own of cells) {
      let sum = 0
      for (const cell of own.values()) sum += counts[cell]!
      for (const cell of own.values()) chances[cell] = counts[cell]! / sum
    }
  }
  const best = cells.map((own) => {
    let [most, chosen] = [0, -1]
    for (const [target, cell] of own) if (chances[cell]! > most) [most, chosen] = [chances[cell]!, target]
    return targets.names[chosen]
  })
  return {
    best(word) {
      const number = sources.find(word.toLowerCase())
      return number === undefined ? undefined : best[number]
    },
  }
}

/** Texts, and a number for each. */
class Numbers {
  readonly names: string[] = []
  readonly #numbers = new Map<string, number>()

  of(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    this.#numbers.set(name, this.names.length)
    return this.names.push(name) - 1
  }

  find(name: string): number | undefined {
    return this.#numbers.get(name)
  }
}

/** Words and marks as a text again. */
export function joinedPieces(pieces: readonly string[]): string {
  return pieces
    .join(' ')
    .replace(/ ([.,;:!?)\]}%»])/g, '$1')
    .replace(/([([{«]) /g, '$1')
    .replace(/(['’]) (?=[\p{L}])/gu, '$1')
    .replace(/ ?([/_@]) ?/g, '$1')
}

/** Each word the likeliest one for it; one that was never there stays. */
export function wordByWord(lexicon: Lexicon, source: string): string {
  return joinedPieces(piecesOf(source).map((word) => likeWord(lexicon.best(word) ?? word, word)))
}

/** With a capital where the other word has one. */
function likeWord(word: string, other: string): string {
  return /^\p{Lu}/u.test(other) ? word.slice(0, 1).toUpperCase() + word.slice(1) : word
}
