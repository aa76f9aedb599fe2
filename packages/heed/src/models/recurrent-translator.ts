/**
 * The recurrent encoder-decoder, the baseline that attention is measured against. One LSTM reads the source,
 * another writes the target. Without attention the writer starts from the reader's last state alone
 * (Sutskever et al. 2014). With attention it reads all of its states (Bahdanau et al. 2015).
 */
import { foldIn, type RandomKey } from '../base/index.js'
import {
  type AdditiveAlignment,
  additiveKeys,
  additiveScores,
  align,
  createEmbedding,
  createLinear,
  createRecurrent,
  embed,
  type Embedding,
  type Initializer,
  linear,
  type Linear,
  type LongShortState,
  lstm,
  lstmStep,
  type Recurrent,
  type Sequence,
  xavierUniform,
} from '../nn/index.js'
import { tap, within } from '../observe/index.js'
import {
  argmax,
  concat,
  crossEntropy,
  map,
  scope,
  stack,
  tensor,
  type Tensor,
  zeros,
} from '../tensor/index.js'

/** How a recurrent encoder-decoder is built. */
export interface RecurrentTranslatorConfig {
  /** Entries of the vocabulary, which source and target share. */
  readonly vocabulary: number
  /** Width of an embedding. */
  readonly width: number
  /** Units of each LSTM. */
  readonly units: number
  /** Width of the space in which states and memory are matched; without it there is no attention. */
  readonly alignment?: number | undefined
  /** The id that fills sequences up at their end; default 0. */
  readonly pad?: number | undefined
}

/** The weights of a recurrent encoder-decoder (Sutskever et al. 2014; Bahdanau et al. 2015). */
export interface RecurrentTranslator {
  readonly embedding: Embedding
  readonly encoder: Recurrent
  /** Takes the word, with attention the context behind it, along `width`. */
  readonly decoder: Recurrent
  readonly attention?: AdditiveAlignment
  /** Takes the decoder's units, with attention the context behind them. */
  readonly output: Linear<'feature', 'vocabulary'>
}

type Ids = Tensor<'batch' | 'position'>

/**
 * A recurrent encoder-decoder before training. Its LSTMs are made by `createRecurrent`, the rest by
 * `initializer`.
 */
export function createRecurrentTranslator(
  { vocabulary, width, units, alignment }: RecurrentTranslatorConfig,
  key: RandomKey,
  { initializer = xavierUniform }: { readonly initializer?: Initializer } = {},
): RecurrentTranslator {
  const context = alignment === undefined ? 0 : units
  const recurrent = (name: string, inputs: number): Recurrent =>
    createRecurrent(foldIn(key, name), { width: inputs, units, gates: 4 })
  const output = createLinear(
    foldIn(key, 'output'),
    { feature: units + context },
    { vocabulary },
    { initializer },
  )
  return {
    embedding: createEmbedding(foldIn(key, 'embedding'), { vocabulary, width }, initializer),
    encoder: recurrent('encoder', width),
    decoder: recurrent('decoder', width + context),
    ...(alignment !== undefined && { attention: createAlignment(key, alignment, units, initializer) }),
    output,
  }
}

function createAlignment(
  key: RandomKey,
  alignment: number,
  units: number,
  initializer: Initializer,
): AdditiveAlignment {
  const named = (name: string): RandomKey => foldIn(key, `attention.${name}`)
  return {
    query: { weight: initializer(named('query'), { alignment, state: units }, units, alignment) },
    key: { weight: initializer(named('key'), { alignment, width: units }, units, alignment) },
    bias: zeros({ alignment }),
    score: initializer(named('score'), { alignment }, alignment, 1),
  }
}

/** What the model makes of a source and its translation so far. */
export interface Translation {
  /** Of the word that follows each position of the target. */
  readonly logits: Tensor<'batch' | 'position' | 'vocabulary'>
  /**
   * With attention: how much the word at each position of the target attends to each of the source, `key`.
   */
  readonly filter?: Tensor<'batch' | 'position' | 'key'>
}

/**
 * Reads the source and, being told the target up to each position, gives the logits of what follows. Ids are
 * i32; source and target are padded at their end. Taps: encoder.output; with attention
 * decoder.steps.N.scores, .filter and .output; logits.
 *
 * @throws ShapeError for an id outside the vocabulary
 */
export function translationLogits(
  model: RecurrentTranslator,
  source: Ids,
  target: Ids,
  { pad = 0 }: Pick<RecurrentTranslatorConfig, 'pad'> = {},
): Translation {
  const read = readSource(model, source, pad)
  const words = embed(model.embedding, target)
  if (read.look === undefined) {
    const { output } = within('decoder', () => lstm(model.decoder, words, { initial: read.state }))
    return { logits: tap('logits', linear(model.output, output.rename({ unit: 'feature' }), 'feature')) }
  }
  let state = read.state
  const features: Tensor<'batch' | 'feature'>[] = []
  const filters: Tensor<'batch' | 'key'>[] = []
  for (let position = 0; position < target.size('position'); position++) {
    const step = within(`decoder.steps.${position}`, () =>
      attendingStep(model, read, words.at('position', position), state),
    )
    state = step.state
    features.push(step.feature)
    filters.push(step.filter)
  }
  const all = stack<'batch' | 'feature', 'position'>(features, 'position')
  return {
    logits: tap('logits', linear(model.output, all, 'feature')),
    filter: stack<'batch' | 'key', 'position'>(filters, 'position'),
  }
}

/**
 * The mean cross-entropy, in nats, of each word of the target given those before it, padding left out.
 * `inputs` is the target without its last position, `targets` without its first.
 */
export function translationLoss(
  model: RecurrentTranslator,
  source: Ids,
  { inputs, targets }: { readonly inputs: Ids; readonly targets: Ids },
  { pad = 0 }: Pick<RecurrentTranslatorConfig, 'pad'> = {},
): Tensor<never> {
  const { logits } = translationLogits(model, source, inputs, { pad })
  return crossEntropy(logits, targets, 'vocabulary', { ignore: pad })
}

/** The special ids of a translation, and how long it may become. */
export interface TranslateOptions {
  /** The ids that stand before the first word and after the last. */
  readonly start: number
  readonly end: number
  /** At most so many words. */
  readonly longest: number
  readonly pad?: number | undefined
}

/**
 * Translates by greedy search: the likeliest word at each step, until each sequence has ended. Gives the ids
 * of each sequence without `start` and `end`.
 */
export function translate(
  model: RecurrentTranslator,
  source: Ids,
  { start, end, longest, pad = 0 }: TranslateOptions,
): number[][] {
  const batch = source.size('batch')
  const results: number[][] = Array.from({ length: batch }, () => [])
  const running = new Set(results)
  scope(() => {
    const read = readSource(model, source, pad)
    let words: ArrayLike<number> = new Int32Array(batch).fill(start)
    let state = read.state
    for (let step = 0; step < longest && running.size > 0; step++) {
      const ids = tensor(words, { batch }, { dtype: 'i32', device: source.device })
      const word = embed(model.embedding, ids)
      const taken =
        read.look === undefined ? plainStep(model, word, state) : attendingStep(model, read, word, state)
      state = taken.state
      words = argmax(linear(model.output, taken.feature, 'feature'), 'vocabulary').values()
      results.forEach((result, i) => {
        if (words[i] === end) running.delete(result)
        if (running.has(result)) result.push(words[i]!)
      })
    }
  })
  return results
}

/** What the decoder gets from the encoder. */
interface Read {
  readonly state: LongShortState
  /**
   * With attention: the encoder's states, as they are and as they are matched, and which of them are real.
   */
  readonly look?: {
    readonly memory: Sequence
    readonly keys: Tensor<'batch' | 'position' | 'alignment'>
    readonly real: Ids
  }
}

function readSource(model: RecurrentTranslator, source: Ids, pad: number): Read {
  const ids = source.values(['batch', 'position'])
  const [batch, positions] = [source.size('batch'), source.size('position')]
  const counts = new Int32Array(batch)
  ids.forEach((id, i) => {
    if (id !== pad) counts[Math.floor(i / positions)] = (i % positions) + 1
  })
  const lengths = tensor(counts, { batch }, { dtype: 'i32', device: source.device })
  const { output, last } = within('encoder', () =>
    lstm(model.encoder, embed(model.embedding, source), { lengths }),
  )
  if (model.attention === undefined) return { state: last }
  const memory = output.rename({ unit: 'width' })
  const real = map((id) => id.ne(pad), source)
  return { state: last, look: { memory, keys: additiveKeys(model.attention, memory), real } }
}

interface Step {
  readonly state: LongShortState
  readonly feature: Tensor<'batch' | 'feature'>
}

function plainStep(
  { decoder }: RecurrentTranslator,
  word: Tensor<'batch' | 'width'>,
  before: LongShortState,
): Step {
  const state = lstmStep(decoder, word, before)
  return { state, feature: state.hidden.rename({ unit: 'feature' }) }
}

/** The previous state asks; the answer goes in beside the word, and out beside the new state. */
function attendingStep(
  { attention, decoder }: RecurrentTranslator,
  { look }: Read,
  word: Tensor<'batch' | 'width'>,
  before: LongShortState,
): Step & { readonly filter: Tensor<'batch' | 'key'> } {
  const { memory, keys, real } = look!
  const query = before.hidden.rename({ unit: 'state' })
  const { output: context, filter } = align<'batch'>(
    additiveScores(attention!, query, memory, keys),
    memory,
    real,
  )
  const state = lstmStep(decoder, concat<'batch' | 'width'>([word, context], 'width'), before)
  const feature = concat<'batch' | 'feature'>(
    [state.hidden.rename({ unit: 'feature' }), context.rename({ width: 'feature' })],
    'feature',
  )
  return { state, feature, filter: filter.rename({ position: 'key' }) }
}
