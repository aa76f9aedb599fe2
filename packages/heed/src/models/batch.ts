/** Texts of several lengths as one batch: what a model, a mask and a table of positions take. */
import { checkNames, checkWhole, UsageError } from '../base/index.js'
import { type Tensor, tensor } from '../tensor/index.js'

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
  const rowsOf = texts.map((text, number): Row => {
    const parts = (isPair(text) ? text : [text]).map(kept)
    cut(parts, maximum, number)
    const types = isPair(text)
      ? parts.flatMap(({ ids }, second) => ids.map(() => second))
      : (parts[0]!.types ?? parts[0]!.ids.map(() => 0))
    return { number, ids: parts.flatMap(({ ids }) => ids), types }
  })
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

/**
 * Texts in as few rows as best fit decreasing finds: the longest first, each into the row that it fills best.
 * A row's texts are in order, and so are the rows by their first.
 */
function packed(texts: readonly Row[], maximum: number): Row[][] {
  const room = maximum === Infinity ? texts.reduce((most, { ids }) => Math.max(most, ids.length), 1) : maximum
  /** Rows by how many positions are free. */
  const free = new Map<number, Row[][]>()
  const rows: Row[][] = []
  for (const text of texts.toSorted((a, b) => b.ids.length - a.ids.length || a.number - b.number)) {
    const { length } = text.ids
    let left = length
    while (left < room && !free.get(left)?.length) left++
    let row = free.get(left)?.pop()
    if (row === undefined) {
      left = room
      rows.push((row = []))
    }
    row.push(text)
    const rest = left - length
    if (!free.has(rest)) free.set(rest, [])
    free.get(rest)!.push(row)
  }
  for (const row of rows) row.sort((a, b) => a.number - b.number)
  return rows.sort((a, b) => a[0]!.number - b[0]!.number)
}

/** Ids of a text that may be cut, and of each whether it is of the text itself. */
interface Kept {
  readonly ids: number[]
  readonly own: boolean[]
  readonly types: number[] | undefined
  /** How many are of the text itself. */
  left: number
}

function isPair(
  text: EncodedText | readonly [EncodedText, EncodedText],
): text is readonly [EncodedText, EncodedText] {
  return Array.isArray(text)
}

function kept(text: EncodedText): Kept {
  const { spans, specialTokensMask, typeIds, attentionMask } = text
  const numbers = Array.from(text.ids)
  const wrong = numbers.find((id) => !Number.isInteger(id) || id < 0 || id >= 2 ** 31)
  if (wrong !== undefined) throw refused('ids that are whole numbers of at least 0', String(wrong))
  const isOwn = (i: number): boolean =>
    specialTokensMask !== undefined
      ? specialTokensMask[i] === 0
      : spans === undefined || spans[2 * i] !== 0 || spans[2 * i + 1] !== 0
  const real = numbers.map((_, i) => i).filter((i) => attentionMask?.[i] !== 0)
  const own = real.map(isOwn)
  return {
    ids: real.map((i) => numbers[i]!),
    own,
    types: typeIds && real.map((i) => typeIds[i]!),
    left: own.filter(Boolean).length,
  }
}

/**
 * Leaves out the last tokens of the text, of two texts those of the longer one (the second of equals), until
 * they fit.
 */
function cut(parts: readonly Kept[], maximum: number, number: number): void {
  let over = parts.reduce((sum, { ids }) => sum + ids.length, 0) - maximum
  const removed = parts.map(() => 0)
  for (; over > 0; over--) {
    const longest = parts.reduce((best, { left }, i) => (left >= parts[best]!.left ? i : best), 0)
    if (parts[longest]!.left === 0)
      throw refused(`room for the template's tokens in ${maximum} positions`, `more in text ${number}`)
    parts[longest]!.left--
    removed[longest]!++
  }
  parts.forEach(({ ids, own, types }, part) => {
    for (let i = ids.length - 1; removed[part]! > 0; i--) {
      if (!own[i]) continue
      ids.splice(i, 1)
      types?.splice(i, 1)
      removed[part]!--
    }
  })
}

function refused(expected: string, found: string): UsageError {
  return new UsageError({ operation: 'batchOf', expected, found, hint: 'correct the texts or the options' })
}
