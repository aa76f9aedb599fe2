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
  /** i32, from 0 on at each row's first token; 0 where it is filled up. */
  readonly positions: Tensor<'batch' | 'position'>
  /** i32, how many tokens each row has: for recurrent layers. */
  readonly lengths: Tensor<'batch'>
  /** i32, where the texts are pairs: 0 for the first text and what is filled up, 1 for the second. */
  readonly types?: Tensor<'batch' | 'position'>
  /** The number in `texts` of each row. */
  readonly order: readonly number[]
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
  }
  checkNames('batchOf', options, Object.keys(known))
  const {
    pad,
    side = 'right',
    maximum = Infinity,
    multiple = 1,
    sort = false,
  } = ((options as BatchOptions | undefined) ?? {}) as BatchOptions
  checkWhole('batchOf', 'pad', pad)
  checkWhole('batchOf', 'multiple', multiple, 1)
  if (maximum !== Infinity) checkWhole('batchOf', 'maximum', maximum, 1)
  if (side !== 'left' && side !== 'right') throw refused("side, 'left' or 'right'", String(side))
  if (texts.length === 0) throw refused('at least one text', 'none')
  const pairs = texts.filter(isPair).length
  if (pairs !== 0 && pairs !== texts.length)
    throw refused('only pairs, or no pairs', `${pairs} pairs of ${texts.length} texts`)
  const rows = texts.map((text, number) => {
    const parts = (isPair(text) ? text : [text]).map(kept)
    cut(parts, maximum, number)
    return {
      number,
      ids: parts.flatMap(({ ids }) => ids),
      second: isPair(text) ? parts[0]!.ids.length : undefined,
    }
  })
  // Of equals the first stays the first.
  if (sort) rows.sort((a, b) => b.ids.length - a.ids.length || a.number - b.number)
  const longest = rows.reduce((most, { ids }) => Math.max(most, ids.length), 1)
  const size = Math.ceil(longest / multiple) * multiple
  const shape = { batch: rows.length, position: size }
  const make = (fill: number, of: (row: (typeof rows)[number], i: number) => number) => {
    const numbers = new Int32Array(rows.length * size).fill(fill)
    rows.forEach((row, r) => {
      const start = r * size + (side === 'left' ? size - row.ids.length : 0)
      for (let i = 0; i < row.ids.length; i++) numbers[start + i] = of(row, i)
    })
    return tensor(numbers, shape, { dtype: 'i32' })
  }
  return {
    ids: make(pad, ({ ids }, i) => ids[i]!),
    real: make(0, () => 1),
    positions: make(0, (_, i) => i),
    lengths: tensor(
      rows.map(({ ids }) => ids.length),
      { batch: rows.length },
      { dtype: 'i32' },
    ),
    ...(pairs > 0 && { types: make(0, ({ second }, i) => (i < second! ? 0 : 1)) }),
    order: rows.map(({ number }) => number),
  }
}

/** Ids of a text that may be cut, and of each whether it is of the text itself. */
interface Kept {
  readonly ids: number[]
  readonly own: boolean[]
  /** How many are of the text itself. */
  left: number
}

function isPair(
  text: EncodedText | readonly [EncodedText, EncodedText],
): text is readonly [EncodedText, EncodedText] {
  return Array.isArray(text)
}

function kept({ ids, spans }: EncodedText): Kept {
  const numbers = Array.from(ids)
  const wrong = numbers.find((id) => !Number.isInteger(id) || id < 0 || id >= 2 ** 31)
  if (wrong !== undefined) throw refused('ids that are whole numbers of at least 0', String(wrong))
  const own = numbers.map((_, i) => spans === undefined || spans[2 * i] !== 0 || spans[2 * i + 1] !== 0)
  return { ids: numbers, own, left: own.filter(Boolean).length }
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
  parts.forEach(({ ids, own }, part) => {
    for (let i = ids.length - 1; removed[part]! > 0; i--) {
      if (!own[i]) continue
      ids.splice(i, 1)
      removed[part]!--
    }
  })
}

function refused(expected: string, found: string): UsageError {
  return new UsageError({ operation: 'batchOf', expected, found, hint: 'correct the texts or the options' })
}
