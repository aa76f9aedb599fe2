import { checkNames, checkWhole, randomKey, uniformAt } from '../base/index.js'
import { type Tensor, tensor } from '../tensor/index.js'
import { checkPosition, type Data, epochOrder, tooFew } from './data.js'

/** Token ids of many documents, one after the other. 16 bits are enough for vocabularies of up to 65,536. */
export type TokenIds = Uint16Array | Uint32Array | Int32Array

/** A batch for next-token prediction. */
export interface TokenBatch {
  /** i32 */
  readonly inputs: Tensor<'batch' | 'position'>
  /** i32: the token after each input; −100 where it doesn't count. */
  readonly targets: Tensor<'batch' | 'position'>
  /**
   * i32, where a separator was given: the number of the document that each input belongs to, for a document
   * mask.
   */
  readonly documents?: Tensor<'batch' | 'position'>
  /** How many targets count. */
  readonly count: number
}

/**
 * The shape of a batch that is cut from a stream of tokens: `batch` × `context` inputs, and targets one
 * further.
 */
export interface TokenWindowOptions {
  /** Windows in a batch. */
  readonly batch: number
  /** Tokens in a window. */
  readonly context: number
  /** The token that every document starts with; given, batches have `documents`. */
  readonly separator?: number
}

/**
 * How `tokenBatches` cuts and orders a stream. A checkpoint keeps these numbers, and a training goes on only
 * with the same.
 */
export interface TokenBatchOptions extends TokenWindowOptions {
  /** Decides where windows begin and in which order they come; each epoch has its own. Default 0. */
  readonly seed?: number
  /** Default true; false takes the windows from the beginning in order. */
  readonly shuffle?: boolean
}

const windowNames = ['batch', 'context', 'separator'] as const

/** What `crossEntropy` ignores unless told otherwise. */
const ignored = -100

/**
 * Windows of `context` tokens side by side, each once an epoch, in random order; every epoch cuts the stream
 * at other places. Targets are the inputs shifted by one.
 *
 * @throws UsageError where there are too few tokens for one batch, or for options that are no counts
 */
export function tokenBatches(tokens: TokenIds, options: TokenBatchOptions): Data<TokenBatch> {
  const { batch, context, seed = 0, shuffle = true } = options
  checkNames('tokenBatches', options, [
    ...windowNames,
    'seed',
    'shuffle',
  ] satisfies (keyof TokenBatchOptions)[])
  checkWhole('tokenBatches', 'batch', batch, 1)
  checkWhole('tokenBatches', 'context', context, 1)
  const room = tokens.length - 1
  const loose = Math.floor((room - (context - 1)) / context)
  const tight = Math.floor(room / context)
  // A window fewer, where it costs little, lets every epoch begin at any of `context` places.
  const windows = shuffle && loose >= Math.max(batch, 8) ? loose : tight
  const places = shuffle ? Math.min(context, room - windows * context + 1) : 1
  const batchesPerEpoch = Math.floor(windows / batch)
  if (batchesPerEpoch < 1) throw tooFew('tokenBatches', `${batch * context + 1} tokens`, tokens.length)
  const orderOf = epochOrder(seed, windows, shuffle)
  return {
    batchesPerEpoch,
    tokensPerBatch: batch * context,
    fingerprint: `tokens ${tokens.length} ${hash(tokens)}, batch ${batch}, context ${context}, seed ${seed}, shuffle ${shuffle}${documentsOf(options)}`,
    weight: ({ count }) => count,
    batch: (index) => {
      checkPosition('tokenBatches', index)
      const epoch = Math.floor(index / batchesPerEpoch)
      const order = orderOf(epoch)
      const first = Math.floor(uniformAt(randomKey(seed, 'cut', epoch), 0) * places)
      const begin = (index % batchesPerEpoch) * batch
      const starts = Array.from({ length: batch }, (_, row) => {
        const window = begin + row
        return first + (order === undefined ? window : order[window]!) * context
      })
      return windowsAt(
        tokens,
        starts.map((start) => ({ start, length: context, counted: 0 })),
        options,
      )
    },
  }
}

/**
 * How `evaluationBatches` goes through a stream: how far windows overlap, and how many batches there are at
 * most.
 */
export interface EvaluationOptions extends TokenWindowOptions {
  /**
   * How far each window lies from the one before; less than `context` lets every token see more before it.
   * Default `context`.
   */
  readonly stride?: number
  /** At most so many batches, from the beginning. Default all. */
  readonly batches?: number
}

/**
 * The whole stream in order, every token but the first predicted exactly once; what is filled up is not
 * counted. Batches count by their targets, so that the mean of an evaluation is that over all tokens.
 *
 * @throws UsageError where there is nothing to predict, or for options that are no counts
 */
export function evaluationBatches(tokens: TokenIds, options: EvaluationOptions): Data<TokenBatch> {
  const { batch, context, stride = context, batches = Infinity } = options
  checkNames('evaluationBatches', options, [
    ...windowNames,
    'stride',
    'batches',
  ] satisfies (keyof EvaluationOptions)[])
  checkWhole('evaluationBatches', 'batch', batch, 1)
  checkWhole('evaluationBatches', 'context', context, 1)
  checkWhole('evaluationBatches', 'stride', stride, 1)
  if (batches !== Infinity) checkWhole('evaluationBatches', 'batches', batches, 1)
  const room = tokens.length - 1
  if (room < 1) throw tooFew('evaluationBatches', '2 tokens', tokens.length)
  const step = Math.min(stride, context)
  const windows = Math.max(1, Math.ceil((room - context) / step) + 1)
  const batchesPerEpoch = Math.min(batches, Math.ceil(windows / batch))
  return {
    batchesPerEpoch,
    tokensPerBatch: batch * context,
    fingerprint: `tokens ${tokens.length} ${hash(tokens)}, batch ${batch}, context ${context}, stride ${step}${documentsOf(options)}`,
    weight: ({ count }) => count,
    batch: (index) => {
      checkPosition('evaluationBatches', index)
      const begin = (index % batchesPerEpoch) * batch
      const rows = Array.from({ length: batch }, (_, row) => {
        const window = begin + row
        if (window >= windows) return { start: 0, length: 0, counted: 0 }
        const start = window * step
        // What the window before has predicted is not counted again.
        return { start, length: Math.min(context, room - start), counted: window === 0 ? 0 : context - step }
      })
      return windowsAt(tokens, rows, options)
    },
  }
}

/**
 * One row of a batch: inputs from `start` on, `length` of them; the first `counted` targets were predicted
 * before.
 */
interface Row {
  readonly start: number
  readonly length: number
  readonly counted: number
}

function windowsAt(
  tokens: TokenIds,
  rows: readonly Row[],
  { context, separator }: TokenWindowOptions,
): TokenBatch {
  const size = rows.length * context
  const inputs = new Int32Array(size)
  const targets = new Int32Array(size).fill(ignored)
  const documents = separator === undefined ? undefined : new Int32Array(size)
  let count = 0
  rows.forEach(({ start, length, counted }, row) => {
    const at = row * context
    inputs.set(tokens.subarray(start, start + length), at)
    targets.set(tokens.subarray(start + 1 + counted, start + 1 + length), at + counted)
    count += Math.max(0, length - counted)
    if (documents === undefined) return
    let document = 0
    for (let i = 0; i < context; i++) {
      if (i > 0 && i < length && inputs[at + i] === separator) document++
      // What fills up a row is a document of its own.
      documents[at + i] = i < length ? document : document + 1
    }
  })
  const shape = { batch: rows.length, position: context }
  const made = (data: Int32Array): Tensor<'batch' | 'position'> => tensor(data, shape, { dtype: 'i32' })
  return {
    inputs: made(inputs),
    targets: made(targets),
    count,
    ...(documents && { documents: made(documents) }),
  }
}

/** In a fingerprint: what tells documents apart, where they are. */
function documentsOf({ separator }: TokenWindowOptions): string {
  return separator === undefined ? '' : `, separator ${separator}`
}

/** 32 bits that differ where streams differ (FNV-1a over tokens). */
function hash(tokens: TokenIds): string {
  let value = 0x811c9dc5
  for (let i = 0; i < tokens.length; i++) value = Math.imul(value ^ tokens[i]!, 0x01000193)
  return (value >>> 0).toString(16).padStart(8, '0')
}
