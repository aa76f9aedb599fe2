import type { SubwordModel } from '../steps/model.js'
import type { Pieces } from '../steps/pieces.js'
import { TokenList } from '../steps/token-list.js'
import type { Vocabulary } from '../steps/vocabulary.js'
import { bytePairDefinition } from './byte-pair-definition.js'
import { BytePairModel } from './byte-pair-model.js'
import { PieceTrie } from './piece-trie.js'
import { rankedMerges } from './ranked-merges.js'
import { withCharacters } from './spelled-pieces.js'
import { UnigramModel } from './unigram.js'
import { unitsOf, WordBytes } from './word-bytes.js'

/** What a piece is for, as SentencePiece numbers it. */
export const pieceType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

/**
 * A model of SentencePiece, as its own file has it: scores for all pieces, whatever the algorithm, and what
 * each piece is for. A tokenizer.json of the package tokenizers has no such type: heed's own.
 */
export interface SentencePieceDefinition {
  readonly type: 'SentencePiece'
  readonly algorithm: 'BPE' | 'Unigram'
  /** How Unigram adds scores up: SentencePiece in float32, llama.cpp in float64. */
  readonly sums: 'f32' | 'f64'
  readonly unk_id: number
  readonly byte_fallback: boolean
  /** The pieces, in the order of their ids, from 0 on. */
  readonly vocab: Vocabulary
  /** Id → score, of float32. */
  readonly scores: Float64Array
  /** Id → type, of `pieceType`. */
  readonly types: Uint8Array
}

/**
 * Cuts as SentencePiece does. BPE joins the neighbours that make the piece of the highest score, of equal
 * ones the first; user-defined pieces are cut out before, and unused ones taken apart again. Unigram never
 * leaves a user-defined piece uncut. Control symbols come out of no text.
 */
export class SentencePieceModel implements SubwordModel {
  readonly vocabulary: Vocabulary
  readonly #model: SubwordModel
  /** Of BPE: user-defined pieces. */
  readonly #userDefined: PieceTrie | undefined
  /** Of BPE: the pieces that an unused one is made of. */
  readonly #unused: ReadonlyMap<number, readonly number[]>
  readonly #word = new WordBytes()
  #barred: ReadonlySet<number> = new Set()

  /** @throws FormatError as the models BPE and Unigram do */
  constructor(definition: SentencePieceDefinition) {
    const { vocab, types, algorithm } = definition
    this.vocabulary = vocab
    this.#unused = new Map()
    if (algorithm === 'Unigram') this.#model = unigramOf(definition)
    else {
      const model = bytePairOf(definition)
      this.#model = model
      if (types.includes(pieceType.userDefined))
        this.#userDefined = PieceTrie.of(
          vocab,
          new Uint8Array(0),
          Infinity,
          (id) => types[id] !== pieceType.userDefined,
        )
      if (types.includes(pieceType.unused)) this.#unused = partsOfUnused(definition)
    }
  }

  bar(ids: ReadonlySet<number>): void {
    this.#barred = ids
    this.#model.bar(ids)
  }

  encode(pieces: Pieces, firstWord: number, list: TokenList, allowsSpecial: boolean): void {
    if (this.#userDefined === undefined) {
      this.#encode(pieces, firstWord, list, allowsSpecial)
      return
    }
    withCharacters(pieces, list, (own) => {
      for (let i = 0; i < own.bounds.length; i += 2)
        this.#encodeAround(own, own.bounds[i]!, own.bounds[i + 1]!, firstWord + (i >> 1), list, allowsSpecial)
    })
  }

  /** Encodes a piece with user-defined ones in it. */
  #encodeAround(
    pieces: Pieces,
    start: number,
    end: number,
    word: number,
    list: TokenList,
    allowsSpecial: boolean,
  ): void {
    const trie = this.#userDefined!
    const encode = (from: number, to: number): void => {
      if (from === to) return
      const first = list.length
      this.#encode({ ...pieces, bounds: Int32Array.of(from, to) }, word, list, allowsSpecial)
      list.words.fill(word, first, list.length)
    }
    this.#word.read(pieces.text, start, end)
    // Models inside read words of their own: this one stays.
    const { bytes, length } = this.#word
    let last = start
    let unit = start
    for (let at = 0; at < length;) {
      const id = trie.findLongest(bytes, at, length, undefined)
      const next =
        id >= 0 ? trie.end : at + (bytes[at]! < 0x80 ? 1 : bytes[at]! < 0xe0 ? 2 : bytes[at]! < 0xf0 ? 3 : 4)
      const to = unit + unitsOf(bytes, at, next)
      if (id >= 0 && (allowsSpecial || !this.#barred.has(id))) {
        encode(last, unit)
        list.push(id, unit, to, word)
        last = to
      }
      at = next
      unit = to
    }
    encode(last, end)
  }

  /** Encodes pieces without user-defined ones, and takes unused ones apart. */
  #encode(pieces: Pieces, firstWord: number, list: TokenList, allowsSpecial: boolean): void {
    if (this.#unused.size === 0) {
      this.#model.encode(pieces, firstWord, list, allowsSpecial)
      return
    }
    const own = new TokenList()
    this.#model.encode(pieces, firstWord, own, allowsSpecial)
    for (let i = 0; i < own.length; i++) {
      const id = own.ids[i]!
      const [start, end, word] = [own.starts[i]!, own.ends[i]!, own.words[i]!]
      const parts = this.#unused.get(id)
      const spelled = own.spelled.get(i)
      if (spelled !== undefined) list.pushSpelled(id, spelled, start, end, word)
      else if (parts === undefined) list.push(id, start, end, word)
      else {
        let at = start
        parts.forEach((part, j) => {
          const to = j === parts.length - 1 ? end : at + this.vocabulary.token(part)!.length
          list.push(part, at, to, word)
          at = to
        })
      }
    }
  }
}

function bytePairOf(definition: SentencePieceDefinition, joinsUnused = true): BytePairModel {
  const { vocab, scores, types, unk_id, byte_fallback } = definition
  const isPart = (id: number): boolean => {
    const type = types[id]
    return type === pieceType.normal || type === pieceType.userDefined || type === pieceType.unused
  }
  const ranks = ranksOf(scores)
  const merges = rankedMerges(
    vocab,
    (id) => (isPart(id) && (joinsUnused || types[id] !== pieceType.unused) ? ranks[id]! : -1),
    isPart,
    'loadTokenizer',
  )
  const unk_token = vocab.token(unk_id) ?? null
  return new BytePairModel(bytePairDefinition(vocab, merges, { unk_token, fuse_unk: true, byte_fallback }))
}

/** Id → how many scores are higher, without counting one twice. */
export function ranksOf(scores: Float64Array): Int32Array {
  const sorted = Float64Array.from(scores).sort()
  const rankOf = new Map<number, number>()
  for (let i = sorted.length - 1; i >= 0; i--)
    if (!rankOf.has(sorted[i]!)) rankOf.set(sorted[i]!, rankOf.size)
  return Int32Array.from(scores, (score) => rankOf.get(score)!)
}

function partsOfUnused(definition: SentencePieceDefinition): ReadonlyMap<number, readonly number[]> {
  const { vocab, types } = definition
  const model = bytePairOf(definition, false)
  const parts = new Map<number, readonly number[]>()
  types.forEach((type, id) => {
    if (type !== pieceType.unused) return
    const text = vocab.token(id)!
    const list = new TokenList()
    const bounds = Int32Array.of(0, text.length)
    model.encode({ text, offset: 0, bounds, spelling: 'characters' }, 0, list, true)
    if (list.length > 1) parts.set(id, [...list.ids.subarray(0, list.length)])
  })
  return parts
}

function unigramOf(definition: SentencePieceDefinition): UnigramModel {
  const { vocab, types, sums, unk_id, byte_fallback } = definition
  const isSingle = sums === 'f32'
  let lowest = Infinity
  // As SentencePiece begins: with the lowest number above 0, where its highest negative one is meant.
  let highest = 1.1754943508222875e-38
  definition.scores.forEach((score, id) => {
    if (types[id] !== pieceType.normal) return
    lowest = Math.min(lowest, score)
    highest = Math.max(highest, score)
  })
  const scores = definition.scores.map((score, id) => {
    if (types[id] !== pieceType.userDefined) return score
    const length = vocab.startAt(id + 1) - vocab.startAt(id)
    return isSingle ? Math.fround(length * highest) - 0.1 : 0
  })
  return new UnigramModel(
    { type: 'Unigram', unk_id, vocab, scores, byte_fallback },
    {
      isSingle,
      isLeftOut: (id) =>
        types[id] !== pieceType.normal &&
        types[id] !== pieceType.userDefined &&
        (types[id] !== pieceType.unused || isSingle),
      unknownScore: Math.fround((lowest === Infinity ? 0 : lowest) - 10),
    },
  )
}
