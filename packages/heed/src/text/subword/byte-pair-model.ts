import { UsageError } from '../../base/index.js'
import { codePointAt } from '../byte-alphabet.js'
import type { SubwordModel } from '../steps/model.js'
import type { Pieces, Spelling } from '../steps/pieces.js'
import type { TokenList } from '../steps/token-list.js'
import type { Vocabulary } from '../steps/vocabulary.js'
import type { BytePairDefinition } from './byte-pair-definition.js'
import { EdgeTable } from './edge-table.js'
import { InitialSymbols, writeSpelled } from './initial-symbols.js'
import type { MergeTable } from './merge-table.js'
import { PairMerger } from './pair-merger.js'
import { SafeCuts } from './safe-cuts.js'
import { SpelledWalker } from './spelled-walker.js'
import { longestCachedWord, WordCache } from './word-cache.js'

/** A longer piece, in UTF-16 code units, is cut where no merge reaches across. */
const longestWhole = 48
/** Merging a longer one that can't be cut would take more memory than a text may. */
const longestWord = 1 << 20

/** What depends on how pieces are spelled, and on whether ids are barred. */
interface Mode {
  readonly words: WordCache
  /** Of parts of long pieces, which aren't looked up as a whole where merges are ignored. */
  parts?: WordCache
  edges?: EdgeTable
}

/**
 * Byte pair encoding: a word begins as its characters, or its bytes, which merges join. O(n log n) for a word
 * of n bytes. Words that were seen before are looked up.
 */
export class BytePairModel implements SubwordModel {
  readonly vocabulary: Vocabulary
  readonly #merges: MergeTable
  readonly #ignoresMerges: boolean
  readonly #symbols: InitialSymbols
  readonly #merger: PairMerger
  readonly #walker = new SpelledWalker()
  #modes = new Map<string, Mode>()
  #barred: Uint8Array | undefined
  #unitsBeforeCuts: number
  #cuts: SafeCuts | undefined

  /** @param unitsBeforeCuts how many units of long pieces come before it is worked out where merges reach */
  constructor(definition: BytePairDefinition, unitsBeforeCuts: number = 1 << 17) {
    this.#unitsBeforeCuts = unitsBeforeCuts
    this.vocabulary = definition.vocab
    this.#merges = definition.merges
    this.#ignoresMerges = definition.ignore_merges
    this.#symbols = new InitialSymbols(definition.vocab, definition)
    this.#merger = new PairMerger(definition.merges)
  }

  bar(ids: ReadonlySet<number>): void {
    this.#modes = new Map()
    this.#barred = undefined
    for (const id of ids) {
      if (this.vocabulary.placeOfId(id) < 0) continue
      this.#barred ??= new Uint8Array(this.vocabulary.highestId + 1)
      this.#barred[id] = 1
    }
  }

  encode(pieces: Pieces, firstWord: number, list: TokenList, allowsSpecial: boolean): void {
    const { text, bounds, spelling } = pieces
    this.#symbols.barred = allowsSpecial ? undefined : this.#barred
    const mode = this.#mode(spelling)
    const { words } = mode
    for (let i = 0; i < bounds.length; i += 2) {
      const start = bounds[i]!
      const end = bounds[i + 1]!
      const word = firstWord + (i >> 1)
      if (end - start > longestWhole && this.#cutsPieces(end - start))
        this.#encodeLong(text, start, end, spelling, word, list, mode)
      else if (end - start <= longestCachedWord && words.find(text, start, end))
        list.pushPacked(words.tokens, words.from, words.to, start, word)
      else if (!this.#encodeWhole(text, start, end, spelling, word, list, words)) {
        this.#walker.begin(text, start, end, spelling)
        this.#encodePart(start, end, word, list, words)
      }
    }
  }

  /** A piece that is a token becomes that token, where merges are ignored. */
  #encodeWhole(
    text: string,
    start: number,
    end: number,
    spelling: Spelling,
    word: number,
    list: TokenList,
    words: WordCache | undefined,
  ): boolean {
    const length = end - start
    if (!this.#ignoresMerges || length > this.vocabulary.longest) return false
    const bytes = 6 * length > scratch.length ? new Uint8Array(6 * length) : scratch
    const id = this.vocabulary.idOfBytes(bytes, 0, writeSpelled(text, start, end, spelling, bytes))
    if (id < 0 || (this.#symbols.barred !== undefined && this.#symbols.barred[id] !== 0)) return false
    list.push(id, start, end, word)
    words?.add(length, list, 1, start)
    return true
  }

  /** Whether long pieces are cut, now that there is one more. */
  #cutsPieces(length: number): boolean {
    if (this.#symbols.hasAffixes) return false
    if (this.#cuts !== undefined) return true
    this.#unitsBeforeCuts -= length
    if (this.#unitsBeforeCuts > 0) return false
    this.#cuts = new SafeCuts(this.#merges, this.vocabulary.highestId)
    return true
  }

  /** Encodes a long piece part by part. */
  #encodeLong(
    text: string,
    start: number,
    end: number,
    spelling: Spelling,
    word: number,
    list: TokenList,
    mode: Mode,
  ): void {
    if (this.#encodeWhole(text, start, end, spelling, word, list, undefined)) return
    mode.parts ??= this.#ignoresMerges ? new WordCache() : mode.words
    const edges = (mode.edges ??= new EdgeTable(this.#symbols, spelling, this.#cuts!))
    edges.begin()
    this.#walker.begin(text, start, end, spelling)
    let from = start
    for (let at = start; at < end;) {
      const point = codePointAt(text, at, end)
      if (edges.cutsBefore(point)) {
        this.#encodeCut(text, from, at, word, list, mode.parts)
        from = at
      }
      at += point > 0xffff ? 2 : 1
    }
    this.#encodeCut(text, from, end, word, list, mode.parts)
  }

  #encodeCut(
    text: string,
    start: number,
    end: number,
    word: number,
    list: TokenList,
    parts: WordCache,
  ): void {
    const walker = this.#walker
    // Where characters were left out before, places are others than they would be for the part alone.
    if (!walker.isEven) this.#encodePart(start, end, word, list, undefined)
    else if (end - start <= longestCachedWord && parts.find(text, start, end)) {
      list.pushPacked(parts.tokens, parts.from, parts.to, start, word)
      walker.skipTo(end)
    } else this.#encodePart(start, end, word, list, parts)
  }

  /** Encodes [start, end) of the walker's text, which begins where the walker stands. */
  #encodePart(start: number, end: number, word: number, list: TokenList, words: WordCache | undefined): void {
    const length = end - start
    if (length > longestWord) refuseLong(length)
    const symbols = this.#symbols
    const walker = this.#walker
    symbols.read(walker.text, start, end, walker.spelling)
    const { ids, lengths } = symbols
    const count = this.#merger.merge(ids, lengths, symbols.count, symbols.barred)
    if (symbols.isUneven) walker.isEven = false
    for (let i = 0; i < count; i++) {
      walker.take(lengths[i]!)
      list.push(ids[i]!, walker.start, walker.end, word)
    }
    if (words !== undefined && walker.isEven && length <= longestCachedWord)
      words.add(length, list, count, start)
    symbols.release()
  }

  #mode(spelling: Spelling): Mode {
    const key = this.#symbols.barred === undefined ? spelling : `${spelling} barred`
    let mode = this.#modes.get(key)
    if (mode === undefined) {
      mode = { words: new WordCache() }
      this.#modes.set(key, mode)
    }
    return mode
  }
}

const scratch = new Uint8Array(1024)

function refuseLong(length: number): never {
  throw new UsageError({
    operation: 'encode',
    expected: `words of at most ${longestWord} UTF-16 code units`,
    found: `one of ${length}, as the tokenizer splits the text`,
    hint: 'split the text before; merges need some fifty bytes of memory for each',
  })
}
