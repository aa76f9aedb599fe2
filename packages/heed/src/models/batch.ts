/** Texts of several lengths as one batch: what a model, a mask and a table of positions take. */
import { checkNames, checkWhole, UsageError } from '../base/index.js'
import { type Tensor, tensor } from '../tensor/index.js'
import { packRows } from './pack-rows.js'

/** A text as token ids: what a tokenizer's `encode` gives. */
export interface EncodedText {
  readonly ids: ArrayLike<number>
  /**
   * Start and end of each token in the text; [0, 0) for one that the tokenizer's template put there, which
   * truncation keeps.
   */
  readonly spans?: ArrayLike<number>
  /** 1 where a token was added, which truncation keeps. Default: by `spans`. */
  readonly specialTokensMask?: ArrayLike<number>
  /** What the tokenizer says of each token, such as 1 for those of a second text. */
  readonly typeIds?: ArrayLike<number>
  /** 0 where the tokenizer filled up: those are left out. */
  readonly attentionMask?: ArrayLike<number>
  /** Of a pair in one encoding: 1 where a token is of the second text. Truncation cuts the longer text. */
  readonly sequenceIds?: ArrayLike<number>
}

/** How `batchOf` fills rows up, cuts and orders them. */
export interface BatchOptions {
  /** The id that fills rows up. Whatever it is: `real` says where it stands. */
  readonly pad: number
  /** Where rows are filled up; decoders that write on are filled up at their left. Default 'right'. */
  readonly side?: 'left' | 'right'
  /**
   * The longest row: of longer ones tokens of the text are left out, the last ones first; of a pair, of the
   * longer text.
   */
  readonly maximum?: number
  /** Rows are filled up to a multiple of this, so that fewer lengths are met. Default 1. */
  readonly multiple?: number
  /** The longest row first; `order` tells where each was. Default false. */
  readonly sort?: boolean
  /**
   * Puts several texts into one row, as long as they fit in `maximum` (default: in the longest text). Their
   * tokens must not see each other: `sameDocument(documents.rename({ position: 'key' }))` is the mask for it.
   * Default false.
   */
  readonly pack?: boolean
}

/**
 * Texts of several lengths as one batch, a row each. `ids`, `real`, `positions` and `types` have one shape; a
 * model reads `ids`, `padding(real)` is the mask of attention, and `positions` are for position tables and
 * rotary positions.
 */
export interface TextBatch {
  /** i32 */
  readonly ids: Tensor<'batch' | 'position'>
  /**
   * i32, 1 where a token stands and 0 where the row is filled up: for `padding(real)` and the pooling layers.
   */
  readonly real: Tensor<'batch' | 'position'>
  /** i32, from 0 on at each text's first token; 0 where a row is filled up. */
  readonly positions: Tensor<'batch' | 'position'>
  /** i32, how many tokens each row has: for recurrent layers. */
  readonly lengths: Tensor<'batch'>
  /**
   * i32, where the texts are pairs, or some encoding has a type that isn't 0: 0 for the first text and what
   * is filled up, 1 for the second, or the encodings' `typeIds`.
   */
  readonly types?: Tensor<'batch' | 'position'>
  /**
   * i32, where texts are packed: of each token the number of its text in `texts`, −1 where a row is filled
   * up. For the mask `sameDocument`.
   */
  readonly documents?: Tensor<'batch' | 'position'>
  /** The numbers in `texts` of what stands in the rows, row by row. */
  readonly order: readonly number[]
  /** Where each of `texts` stands. */
  readonly places: readonly TextPlace[]
}

/** Where a text stands in a batch: in the positions [start, end) of a row. */
export interface TextPlace {
  readonly row: number
  readonly start: number
  readonly end: number
}

/**
 * Texts as one batch, a row each, filled up to the longest (at least one position). A pair of texts is one
 * row, the second text behind the first.
 *
 * @throws UsageError without a text, for texts of which some are pairs and some are not, for options that
 * make no sense, or where a row can't be cut to `maximum` without tokens of the template
 */
export function batchOf(
  texts: readonly (EncodedText | readonly [EncodedText, EncodedText])[],
  options: BatchOptions,
): TextBatch {
  const known: Record<keyof BatchOptions, true> = {
    pad: true,
    side: true,
    maximum: true,
    multiple: true,
    sort: true,
    pack: true,
  }
  checkNames('batchOf', options, Object.keys(known))
  const {
    pad,
    side = 'right',
    maximum = Infinity,
    multiple = 1,
    sort = false,
    pack = false,
  } = ((options as BatchOptions | undefined) ?? {}) as BatchOptions
  checkWhole('batchOf', 'pad', pad)
  checkWhole('batchOf', 'multiple', multiple, 1)
  if (maximum !== Infinity) checkWhole('batchOf', 'maximum', maximum, 1)
  if (side !== 'left' && side !== 'right') throw refused("side, 'left' or 'right'", String(side))
  if (texts.length === 0) throw refused('at least one text', 'none')
  const pairs = texts.filter(isPair).length
  if (pairs !== 0 && pairs !== texts.length)
    throw refused('only pairs, or no pairs', `${pairs} pairs of ${texts.length} texts`)
  const rowsOf = texts.map((text, number) => cut(kept(text), maximum, number))
  const rows = pack ? packed(rowsOf, maximum) : rowsOf.map((row) => [row])
  const lengths = new Map(rows.map((row) => [row, row.reduce((sum, { ids }) => sum + ids.length, 0)]))
  // Of equals the first stays the first.
  if (sort) rows.sort((a, b) => lengths.get(b)! - lengths.get(a)! || a[0]!.number - b[0]!.number)
  const longest = rows.reduce((most, row) => Math.max(most, lengths.get(row)!), 1)
  const size = Math.ceil(longest / multiple) * multiple
  const shape = { batch: rows.length, position: size }
  const places: TextPlace[] = []
  rows.forEach((texts, row) => {
    let start = side === 'left' ? size - lengths.get(texts)! : 0
    for (const { number, ids } of texts) {
      places[number] = { row, start, end: start + ids.length }
      start += ids.length
    }
  })
  const make = (fill: number, of: (row: Row, i: number) => number): Tensor<'batch' | 'position'> => {
    const numbers = new Int32Array(rows.length * size).fill(fill)
    for (const text of rowsOf) {
      const { row, start } = places[text.number]!
      for (let i = 0; i < text.ids.length; i++) numbers[row * size + start + i] = of(text, i)
    }
    return tensor(numbers, shape, { dtype: 'i32' })
  }
  return {
    ids: make(pad, ({ ids }, i) => ids[i]!),
    real: make(0, () => 1),
    positions: make(0, (_, i) => i),
    lengths: tensor(
      rows.map((row) => lengths.get(row)!),
      { batch: rows.length },
      { dtype: 'i32' },
    ),
    ...((pairs > 0 || rowsOf.some(({ types }) => types.some((type) => type !== 0))) && {
      types: make(0, ({ types }, i) => types[i]!),
    }),
    ...(pack && { documents: make(-1, ({ number }) => number) }),
    order: rows.flatMap((row) => row.map(({ number }) => number)),
    places,
  }
}

/** A text as it stands in a row. */
interface Row {
  /** Its place in `texts`. */
  readonly number: number
  readonly ids: readonly number[]
  readonly types: readonly number[]
}

/** Texts in few rows. A row's texts are in order, and so are the rows by their first. */
function packed(texts: readonly Row[], maximum: number): Row[][] {
  const lengths = texts.map(({ ids }) => ids.length)
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0)
  return packRows(lengths, maximum === Infinity ? longest : maximum)
    .map((row) => row.sort((a, b) => a - b).map((number) => texts[number]!))
    .sort((a, b) => a[0]!.number - b[0]!.number)
}

/** Tokens that may be cut, and of each the text that it is of, 0 or 1; −1: of none, it stays. */
interface Kept {
  readonly ids: readonly number[]
  readonly types: readonly number[]
  readonly owners: readonly number[]
}

function isPair(
  text: EncodedText | readonly [EncodedText, EncodedText],
): text is readonly [EncodedText, EncodedText] {
  return Array.isArray(text)
}

function kept(text: EncodedText | readonly [EncodedText, EncodedText]): Kept {
  const ids: number[] = []
  const types: number[] = []
  const owners: number[] = []
  const parts = isPair(text) ? text : [text]
  parts.forEach((one, part) => {
    const { spans, specialTokensMask, typeIds, attentionMask, sequenceIds } = one
    const count = one.ids.length
    for (const [name, list] of Object.entries({ specialTokensMask, typeIds, attentionMask, sequenceIds }))
      if (list !== undefined && list.length !== count)
        throw refused(`${name} as long as ids, which are ${count}`, String(list.length))
    for (let i = 0; i < count; i++) {
      const id = one.ids[i]!
      if (!Number.isInteger(id) || id < 0 || id >= 2 ** 31)
        throw refused('ids that are whole numbers of at least 0', String(id))
      if (attentionMask?.[i] === 0) continue
      const isAdded =
        specialTokensMask !== undefined
          ? specialTokensMask[i] !== 0
          : spans !== undefined && spans[2 * i] === 0 && spans[2 * i + 1] === 0
      ids.push(id)
      types.push(isPair(text) ? part : (typeIds?.[i] ?? 0))
      owners.push(isAdded ? -1 : isPair(text) ? part : sequenceIds?.[i] === 1 ? 1 : 0)
    }
  })
  return { ids, types, owners }
}

/**
 * Leaves out the last tokens of the text, of two texts those of the longer one (the second of equals), until
 * they fit.
 */
function cut({ ids, types, owners }: Kept, maximum: number, number: number): Row {
  let over = ids.length - maximum
  if (over <= 0) return { number, ids, types }
  const left = [0, 0] as [number, number]
  for (const owner of owners) if (owner >= 0) left[owner as 0 | 1]++
  if (left[0] + left[1] < over)
    throw refused(`room for the template's tokens in ${maximum} positions`, `more in text ${number}`)
  const longer = left[0] > left[1] ? 0 : 1
  const uneven = Math.min(over, Math.abs(left[0] - left[1]))
  left[longer] -= uneven
  over -= uneven
  left[1] -= Math.ceil(over / 2)
  left[0] -= Math.floor(over / 2)
  const stays = owners.map((owner) => owner < 0 || left[owner as 0 | 1]-- > 0)
  return { number, ids: ids.filter((_, i) => stays[i]), types: types.filter((_, i) => stays[i]) }
}

function refused(expected: string, found: string): UsageError {
  return new UsageError({ operation: 'batchOf', expected, found, hint: 'correct the texts or the options' })
}
