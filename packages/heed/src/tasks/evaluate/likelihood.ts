/** How likely a language model finds texts: perplexity, and a choice among continuations. */
import { checkWhole, UsageError } from '../../base/index.js'
import {
  batchesByLength,
  decoderStates,
  encoderDecoderLoss,
  logitsOf,
  type Running,
  sourceIds,
} from '../../models/index.js'
import { crossEntropy, scope, tensor, type Tensor } from '../../tensor/index.js'
import type { Encoding } from '../../text/index.js'
import type { DataRecord } from '../../train/index.js'
import {
  checkOptions,
  type EvaluateOptions,
  inBatches,
  type Measure,
  type Measured,
  meanStatistic,
  textIn,
  wrongRecord,
} from './evaluation.js'

/** Ids that are scored, and what stands before them. */
interface Scored {
  /** Of a decoder at least one; of an encoder-decoder the source. */
  readonly before: readonly number[]
  readonly ids: readonly number[]
}

/** Positions whose logits are held at once. */
const logitsTogether = 64

/** The logarithm of the probability of each one's ids. */
async function logProbabilities(
  loaded: Running,
  items: readonly Scored[],
  { around = (work) => work(), batchTokens = 2048, ...rest }: EvaluateOptions,
): Promise<Float64Array> {
  const found = new Float64Array(items.length)
  const lengths = items.map(({ before, ids }) => before.length + ids.length)
  await inBatches(batchesByLength(lengths, batchTokens), rest, (batch) => {
    const some = batch.map((i) => items[i]!)
    const scores = around(() => scope(() => scored(loaded, some)))
    batch.forEach((i, row) => (found[i] = scores[row]!))
  })
  return found
}

function scored(loaded: Running, items: readonly Scored[]): number[] {
  const row = (ids: readonly number[]): Tensor<'batch' | 'position'> =>
    tensor(ids, { batch: 1, position: ids.length }, { dtype: 'i32' })
  if (loaded.family === 'encoder-decoder') {
    const { model, config } = loaded
    return items.map(({ before, ids }) =>
      ids.length === 0
        ? 0
        : scope(() => -ids.length * encoderDecoderLoss(model, config, row(before), row(ids)).item()),
    )
  }
  if (loaded.family !== 'decoder') throw notWritten(loaded)
  const { model, config } = loaded
  // The last id is only predicted.
  const fed = items.map(({ before, ids }) => [...before, ...ids].slice(0, -1))
  const lengths = fed.map(({ length }) => length)
  const states = decoderStates(model, config, row(fed.flat()), { rows: { lengths } })
  let start = 0
  return items.map(({ before, ids }, i) => {
    const first = start + before.length - 1
    start += lengths[i]!
    let sum = 0
    for (let at = 0; at < ids.length; at += logitsTogether) {
      const targets = ids.slice(at, at + logitsTogether)
      sum -= scope(() => {
        const some = states.slice('position', first + at, first + at + targets.length)
        const loss = crossEntropy(logitsOf(model, config, some), row(targets), 'vocabulary')
        return targets.length * loss.item()
      })
    }
    return sum
  })
}

function notWritten({ architecture }: Running): UsageError {
  return new UsageError({
    operation: 'evaluate',
    expected: 'a model that writes: a decoder, or an encoder-decoder',
    found: `'${architecture?.name ?? 'encoder'}', which reads`,
    hint: 'take another task, or another model',
  })
}

/** How texts are cut. */
export interface EvaluatePerplexityOptions extends EvaluateOptions {
  /** Tokens that the model sees at once. Default: its context, at most 1,024. */
  readonly window?: number | undefined
  /** Tokens that are new in each window; what is left stands before them. Default: half of the window. */
  readonly stride?: number | undefined
}

/**
 * How surprised a model is by texts, `{ text }`, or by what follows a source, `{ source, target }`:
 * `perplexity`, exp of the mean negative log probability of a token; `bits per byte`, which models of
 * different tokenizers share. Texts longer than a window are read in windows that move on by `stride`: each
 * token is scored once, with at least window − stride tokens before it but in the first window. A text's
 * first token is scored where the tokenizer puts one before it. Items are windows.
 *
 * @throws UsageError where the model doesn't write, or there is no token to score
 */
export async function measurePerplexity(
  loaded: Running,
  records: readonly DataRecord[],
  options: EvaluatePerplexityOptions = {},
): Promise<Measured> {
  const task = 'perplexity'
  checkOptions(task, options, ['window', 'stride'])
  if (loaded.family !== 'decoder' && loaded.family !== 'encoder-decoder') throw notWritten(loaded)
  const { window: asked = 1024, stride: asStride, ...rest } = options
  checkWhole(task, 'window', asked, 2)
  const window = Math.min(asked, loaded.config.context)
  const stride = asStride ?? Math.max(1, Math.floor(window / 2))
  checkWhole(task, 'stride', stride, 1)
  const pieces = records.flatMap((record) =>
    loaded.family === 'decoder'
      ? windowsOf(
          loaded.tokenizer.encode(textIn(task, record, 'text'), plain),
          record,
          window,
          Math.min(stride, window),
        )
      : [targetOf(loaded, record)],
  )
  if (pieces.length === 0) throw wrongRecord(task, 'texts of at least two tokens', records[0] ?? {})
  const logs = await logProbabilities(loaded, pieces, rest)
  const over = (of: (piece: Piece) => number, end: (mean: number) => number): Measure['metrics'][string] => {
    const counts = pieces.map(of)
    return (items) => {
      let [sum, count] = [0, 0]
      for (const i of items) {
        sum -= logs[i]!
        count += counts[i]!
      }
      return end(sum / count)
    }
  }
  return {
    task,
    count: pieces.length,
    lower: ['perplexity', 'bits per byte'],
    own: {
      name: 'model',
      metrics: {
        perplexity: over(({ ids }) => ids.length, Math.exp),
        'bits per byte': over(
          ({ bytes }) => bytes,
          (mean) => mean / Math.LN2,
        ),
      },
    },
    baselines: () => [],
    details: {
      tokens: pieces.reduce((sum, { ids }) => sum + ids.length, 0),
      bytes: pieces.reduce((sum, { bytes }) => sum + bytes, 0),
      window,
      stride,
    },
  }
}

/** Whole texts, nothing cut and nothing filled up. */
const plain = { truncation: null, padding: null } as const

interface Piece extends Scored {
  /** Of the text that the scored ids are, in UTF-8. */
  readonly bytes: number
}

function windowsOf(encoding: Encoding, record: DataRecord, window: number, stride: number): Piece[] {
  const text = record['text'] as string
  const { spans, specialTokensMask } = encoding
  // What a template puts behind the text is none of it.
  let { length } = encoding
  while (length > 0 && specialTokensMask[length - 1] === 1) length--
  const ids = Array.from(encoding.ids.subarray(0, length))
  const pieces: Piece[] = []
  for (let done = 1; done < length;) {
    const end = Math.min(length, done === 1 ? window : done + stride)
    const first = Math.max(0, end - window)
    const upTo = end === length ? text.length : spans[2 * end]!
    pieces.push({
      before: ids.slice(first, done),
      ids: ids.slice(done, end),
      bytes: bytesOf(text.slice(spans[2 * done]!, upTo)),
    })
    done = end
  }
  return pieces
}

function targetOf(
  loaded: Extract<Running, { readonly family: 'encoder-decoder' }>,
  record: DataRecord,
): Piece {
  const text = textIn('perplexity', record, 'target')
  return {
    before: sourceOf(loaded, textIn('perplexity', record, 'source')),
    ids: Array.from(loaded.tokenizer.encode(text, plain).ids),
    bytes: bytesOf(text),
  }
}

function sourceOf(loaded: Extract<Running, { readonly family: 'encoder-decoder' }>, text: string): number[] {
  return sourceIds(loaded.config, loaded.tokenizer.encode(text, plain).ids)
}

const utf8 = new TextEncoder()
function bytesOf(text: string): number {
  return utf8.encode(text).length
}

/** A question with choices. */
interface Question {
  readonly prompt: string
  readonly choices: readonly string[]
  readonly answer: number
}

/**
 * Chooses the likeliest of `{ prompt, choices, answer }`, where `answer` is the place of the right one, or
 * its text: `accuracy` by the probability of the whole choice, `accuracy by length` by that of a byte of it.
 * Of a decoder a choice follows the prompt as it is written: one that is a word of its own begins with a
 * space. Beside: `chance`, and `longest`.
 *
 * @throws UsageError where the model doesn't write, or for other records
 */
export async function measureChoice(
  loaded: Running,
  records: readonly DataRecord[],
  options: EvaluateOptions = {},
): Promise<Measured> {
  const task = 'choice'
  checkOptions(task, options)
  if (loaded.family !== 'decoder' && loaded.family !== 'encoder-decoder') throw notWritten(loaded)
  const questions = records.map((record) => questionOf(task, record))
  const items = questions.flatMap(({ prompt, choices }) =>
    choices.map((choice) =>
      loaded.family === 'decoder'
        ? following(loaded, prompt, choice)
        : { before: sourceOf(loaded, prompt), ids: Array.from(loaded.tokenizer.encode(choice, plain).ids) },
    ),
  )
  items.forEach(({ before, ids }) => {
    if (loaded.family !== 'decoder' || before.length + ids.length - 1 <= loaded.config.context) return
    throw new UsageError({
      operation: task,
      expected: `a prompt and a choice of at most ${loaded.config.context + 1} tokens`,
      found: String(before.length + ids.length),
      hint: 'leave it out, or shorten the prompt',
    })
  })
  const logs = await logProbabilities(loaded, items, options)
  let start = 0
  const found = questions.map(({ choices, answer }) => {
    const own = [...logs.subarray(start, (start += choices.length))]
    const right = (scores: readonly number[]): number => (bestOf(scores) === answer ? 1 : 0)
    return [right(own), right(own.map((log, i) => log / Math.max(1, bytesOf(choices[i]!))))] as const
  })
  const measure = (name: string, whole: readonly number[], byLength: readonly number[]): Measure => ({
    name,
    metrics: { accuracy: meanStatistic(whole), 'accuracy by length': meanStatistic(byLength) },
  })
  return {
    task,
    count: questions.length,
    own: measure(
      'model',
      found.map(([whole]) => whole),
      found.map(([, byLength]) => byLength),
    ),
    baselines: () => {
      const chance = questions.map(({ choices }) => 1 / choices.length)
      const longest = questions.map(({ choices, answer }) =>
        bestOf(choices.map(({ length }) => length)) === answer ? 1 : 0,
      )
      return [measure('chance', chance, chance), measure('longest', longest, longest)]
    },
    details: {},
  }
}

/** The place of the largest; of equals the first. */
function bestOf(scores: readonly number[]): number {
  return scores.indexOf(Math.max(...scores))
}

function questionOf(task: string, record: DataRecord): Question {
  const prompt = textIn(task, record, 'prompt')
  const { choices, answer } = record
  if (
    !Array.isArray(choices) ||
    choices.length < 2 ||
    !choices.every((one) => typeof one === 'string' && one !== '')
  )
    throw wrongRecord(task, "records whose 'choices' are at least two texts", record)
  const place =
    typeof answer === 'string' && choices.includes(answer) ? choices.indexOf(answer) : Number(answer)
  if (choices[place] === undefined)
    throw wrongRecord(task, "records whose 'answer' is the place of a choice, from 0, or its text", record)
  return { prompt, choices, answer: place }
}

/** A choice's ids behind those of its prompt, as the two are cut together. */
function following({ tokenizer }: Running, prompt: string, choice: string): Scored {
  const idsOf = (text: string): number[] => {
    const { ids, specialTokensMask } = tokenizer.encode(text, plain)
    let { length } = ids
    while (length > 0 && specialTokensMask[length - 1] === 1 && ids.length > 1) length--
    return Array.from(ids.subarray(0, length))
  }
  const whole = idsOf(prompt + choice)
  if (whole.length < 2)
    throw new UsageError({
      operation: 'choice',
      expected: 'a prompt and a choice of at least two tokens',
      found: String(whole.length),
      hint: 'write a prompt',
    })
  // At least one id stands before, and one is scored.
  const cut = Math.min(whole.length - 1, Math.max(1, idsOf(prompt).length))
  return { before: whole.slice(0, cut), ids: whole.slice(cut) }
}
