import { FormatError, readUtf8 } from '../../base/index.js'
import type { SubwordModel } from '../steps/model.js'
import type { Pieces } from '../steps/pieces.js'
import type { TokenList } from '../steps/token-list.js'
import type { Vocabulary } from '../steps/vocabulary.js'
import { barredIds } from './barred-ids.js'
import { longestPiece, PieceTrie } from './piece-trie.js'
import { withCharacters } from './spelled-pieces.js'
import { refuseUnknown } from './unknown-token.js'
import { unitsOf, WordBytes } from './word-bytes.js'
import { encodeWords } from './encode-words.js'
import { WordCache } from './word-cache.js'

/** The model Unigram, as a tokenizer.json has it, where `vocab` is a list of [piece, score]. */
export interface UnigramDefinition {
  readonly type: 'Unigram'
  /** The id of what stands for unknown characters; null: they are refused. */
  readonly unk_id: number | null
  /** The pieces, in the order of their ids, from 0 on. */
  readonly vocab: Vocabulary
  /** Id → log-probability. */
  readonly scores: Float64Array
  /** Unknown characters become tokens of their bytes, `<0x0A>`, if there is one for each of them. */
  readonly byte_fallback: boolean
}

/** What SentencePiece's own Unigram does otherwise than the package tokenizers. */
export interface UnigramSettings {
  /** Sums are rounded to float32 after every piece. */
  readonly isSingle?: boolean
  /** Ids that no text becomes, and so are no unknown characters that happen to spell their tokens. */
  readonly isLeftOut?: (id: number) => boolean
  /** The score of an unknown character. */
  readonly unknownScore?: number
}

/** How much worse than the worst piece an unknown character is. */
const unknownPenalty = 10
/** After so many bytes the tokens of a long word are handed over, at the next place that no piece spans. */
const longestStretch = 1 << 16

/**
 * Of all ways to cut a word into pieces that with the highest sum of log-probabilities. Neighbouring unknown
 * characters are one token. Source: Kudo 2018, "Subword Regularization"; Viterbi's algorithm.
 *
 * Sums are taken from left to right in float64, and of equal ones the path stays that was found first. So
 * ties fall as in the package tokenizers.
 */
export class UnigramModel implements SubwordModel {
  readonly vocabulary: Vocabulary
  /** As the file has them, and as the package reads them: NaN until a piece is found. */
  readonly #written: Float64Array
  readonly #scores: Float64Array
  readonly #unknown: number
  readonly #unknownScore: number
  readonly #idOfByte: Int32Array | undefined
  readonly #trie: PieceTrie
  readonly #word = new WordBytes()
  readonly #words = new WordCache()
  #wordsWithoutBarred: WordCache | undefined
  #barred: Uint8Array | undefined
  readonly #isSingle: boolean
  readonly #spellsUnknown: boolean
  /**
   * For each byte of a stretch, and its end: the best sum, where its last piece begins, and that one's id.
   */
  #sums = new Float64Array(256)
  #from = new Int32Array(256)
  #ids = new Int32Array(256)
  /** The ends of the pieces of a stretch, from the last one to the first. */
  #cuts = new Int32Array(256)

  /**
   * @throws FormatError for pieces that aren't numbered from 0 on, scores that aren't finite, an unknown id
   * that has no piece, or a piece of more than 512 bytes
   */
  constructor(definition: UnigramDefinition, settings: UnigramSettings = {}) {
    const { vocab, scores, unk_id, byte_fallback } = definition
    checkPieces(definition)
    this.#isSingle = settings.isSingle === true
    this.#spellsUnknown = settings.isLeftOut === undefined
    this.vocabulary = vocab
    this.#written = scores
    // To read them all takes longer than all else. SentencePiece's own files have no digits.
    this.#scores = this.#isSingle ? scores : new Float64Array(scores.length).fill(NaN)
    this.#unknown = unk_id ?? -1
    let worst = Infinity
    for (const score of scores) if (score < worst) worst = score
    this.#unknownScore =
      settings.unknownScore ?? (this.#isSingle ? worst : asOriginalReads(worst)) - unknownPenalty
    this.#trie = PieceTrie.of(vocab, new Uint8Array(0), Infinity, settings.isLeftOut)
    if (byte_fallback)
      this.#idOfByte = Int32Array.from({ length: 256 }, (_, byte) => vocab.id(tokenOfByte(byte)) ?? -1)
  }

  bar(ids: ReadonlySet<number>): void {
    this.#barred = barredIds(ids, this.vocabulary.highestId)
    this.#wordsWithoutBarred = this.#barred && new WordCache()
  }

  encode(pieces: Pieces, firstWord: number, list: TokenList, allowsSpecial: boolean): void {
    const barred = allowsSpecial ? undefined : this.#barred
    const words = barred === undefined ? this.#words : this.#wordsWithoutBarred!
    withCharacters(pieces, list, (spelled) => encodeWords(spelled, firstWord, list, words, this, barred))
  }

  /** Adds the tokens of one word. */
  encodeWord(
    text: string,
    unit: number,
    wordEnd: number,
    word: number,
    list: TokenList,
    barred: Uint8Array | undefined,
  ): void {
    this.#word.read(text, unit, wordEnd)
    const { bytes, length } = this.#word
    const scores = this.#scores
    const trie = this.#trie
    const isSingle = this.#isSingle
    this.#reserve(Math.min(length, longestStretch + longestPiece))
    let sums = this.#sums
    let from = this.#from
    let ids = this.#ids
    const output = new Output(bytes, unit, word, list)
    // What follows `base` has places relative to it.
    let base = 0
    let reach = 0
    sums[0] = 0
    from.fill(-1, 0, Math.min(from.length, length + 1))
    for (let at = 0; at < length;) {
      if (reach === at && at - base >= longestStretch) {
        this.#emit(base, at, output, barred)
        sums[0] = sums[at - base]!
        base = at
        from.fill(-1)
      }
      const own = at - base
      const sum = sums[own]!
      const first = bytes[at]!
      const next = at + (first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4)
      const count = trie.findAll(bytes, at, length)
      let isKnown = false
      for (let i = 0; i < count; i++) {
        const id = trie.numbers[i]!
        if (barred !== undefined && barred[id] === 1) continue
        const end = trie.ends[i]!
        if (end > reach) {
          reach = end
          if (end - base >= sums.length) {
            this.#reserve(2 * (end - base))
            sums = this.#sums
            from = this.#from
            ids = this.#ids
          }
        }
        let score = scores[id]!
        if (Number.isNaN(score)) scores[id] = score = asOriginalReads(this.#written[id]!)
        let candidate = score + sum
        if (isSingle) candidate = Math.fround(candidate)
        const place = end - base
        if (from[place]! < 0 || candidate > sums[place]!) {
          sums[place] = candidate
          from[place] = own
          ids[place] = id
        }
        if (end === next) isKnown = true
      }
      if (!isKnown) {
        if (next > reach) reach = next
        let candidate = this.#unknownScore + sum
        if (isSingle) candidate = Math.fround(candidate)
        const place = next - base
        if (from[place]! < 0 || candidate > sums[place]!) {
          if (this.#unknown < 0)
            refuseUnknown(readUtf8(bytes, at, next), 'give the model an unk_id, the id of a piece')
          sums[place] = candidate
          from[place] = own
          ids[place] = this.#unknown
        }
      }
      at = next
    }
    this.#emit(base, length, output, barred)
    this.#emitUnknown(output, barred)
    if (this.#sums.length > 4 * longestStretch) this.#shrink()
  }

  /** Hands over the tokens of the best path through a stretch; unknown characters at its end wait. */
  #emit(base: number, end: number, output: Output, barred: Uint8Array | undefined): void {
    const from = this.#from
    let count = 0
    for (let at = end - base; at > 0; at = from[at]!) {
      if (count === this.#cuts.length) {
        const longer = new Int32Array(2 * count)
        longer.set(this.#cuts)
        this.#cuts = longer
      }
      this.#cuts[count++] = at
    }
    const unknown = this.#unknown
    while (count > 0) {
      const cut = this.#cuts[--count]!
      const id = this.#ids[cut]!
      if (id === unknown) output.unknownEnd = base + cut
      else {
        this.#emitUnknown(output, barred)
        output.push(id, base + cut)
      }
    }
  }

  /**
   * Hands over the unknown characters that wait: as a piece that they happen to spell, as bytes, or as one.
   */
  #emitUnknown(output: Output, barred: Uint8Array | undefined): void {
    const { bytes, at, unknownEnd: end } = output
    if (end <= at) return
    const isAllowed = (id: number): boolean => id >= 0 && (barred === undefined || barred[id] !== 1)
    const id = this.#spellsUnknown ? this.vocabulary.idOfBytes(bytes, at, end) : -1
    if (isAllowed(id)) {
      output.push(id, end)
      return
    }
    const idOfByte = this.#idOfByte
    let isBytes = idOfByte !== undefined
    for (let i = at; isBytes && i < end; i++) isBytes = isAllowed(idOfByte![bytes[i]!]!)
    if (isBytes) output.pushBytes(idOfByte!, end)
    else output.pushSpelled(this.#unknown, end)
  }

  #reserve(places: number): void {
    const size = this.#sums.length
    if (places < size) return
    const more = places + 1
    const sums = new Float64Array(more)
    const from = new Int32Array(more).fill(-1)
    const ids = new Int32Array(more)
    sums.set(this.#sums)
    from.set(this.#from)
    ids.set(this.#ids)
    this.#sums = sums
    this.#from = from
    this.#ids = ids
  }

  #shrink(): void {
    this.#sums = new Float64Array(256)
    this.#from = new Int32Array(256)
    this.#ids = new Int32Array(256)
    this.#cuts = new Int32Array(256)
  }
}

/** Where the tokens of a word go. Keeps count of bytes and of UTF-16 code units. */
class Output {
  readonly bytes: Uint8Array
  /** How far the word was handed over, in bytes. */
  at = 0
  /** Where the unknown characters behind that end, if there are any. */
  unknownEnd = 0
  #unit: number
  readonly #word: number
  readonly #list: TokenList

  constructor(bytes: Uint8Array, unit: number, word: number, list: TokenList) {
    this.bytes = bytes
    this.#unit = unit
    this.#word = word
    this.#list = list
  }

  /** Adds a token that ends at the byte `end`. */
  push(id: number, end: number): void {
    const start = this.#unit
    this.#moveTo(end)
    this.#list.push(id, start, this.#unit, this.#word)
  }

  pushSpelled(id: number, end: number): void {
    const token = readUtf8(this.bytes, this.at, end)
    const start = this.#unit
    this.#moveTo(end)
    this.#list.pushSpelled(id, token, start, this.#unit, this.#word)
  }

  /** Adds a token for each byte; each has the place of all. */
  pushBytes(idOfByte: Int32Array, end: number): void {
    const from = this.at
    const start = this.#unit
    this.#moveTo(end)
    for (let i = from; i < end; i++) this.#list.push(idOfByte[this.bytes[i]!]!, start, this.#unit, this.#word)
  }

  #moveTo(end: number): void {
    this.#unit += unitsOf(this.bytes, this.at, end)
    this.at = end
  }
}

function tokenOfByte(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
}

/**
 * A score as the package reads the number in a file: its digits as a whole number, divided by a power of ten.
 * Each of the two steps is rounded, so that the sum of one cut may be above that of another which would be
 * its equal.
 */
function asOriginalReads(score: number): number {
  const [mantissa = '', exponent = '0'] = String(score).split('e')
  const point = mantissa.indexOf('.')
  // Up to 15 digits are exact, and one rounding gives the nearest number.
  if (mantissa.length < 17) return score
  const power = Number(exponent) - (point < 0 ? 0 : mantissa.length - point - 1)
  const digits = Number(mantissa.replace('.', ''))
  return power < 0 ? digits / Number(`1e${-power}`) : digits * Number(`1e${power}`)
}

function checkPieces({ vocab, scores, unk_id }: UnigramDefinition): void {
  const hint = 'correct the vocabulary of the model'
  const refuse = (expected: string, found: string): never => {
    throw new FormatError({ operation: 'loadTokenizer', expected, found, hint })
  }
  if (scores.length !== vocab.size)
    refuse('as many pieces as scores, each piece once', `${vocab.size} pieces and ${scores.length} scores`)
  for (let place = 0; place < scores.length; place++) {
    if (vocab.idAt(place) !== place)
      refuse('pieces that are numbered from 0 on', `${vocab.idAt(place)} in place of ${place}`)
    if (!Number.isFinite(scores[place]!))
      refuse('finite scores', `${scores[place]} of '${vocab.tokenAt(place).slice(0, 60)}'`)
  }
  if (unk_id !== null && unk_id >= vocab.size)
    refuse(`unk_id below ${vocab.size}, the number of pieces`, String(unk_id))
}
