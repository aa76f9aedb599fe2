/**
 * Labels of texts from a few examples of each (Tunstall et al. 2022, "Efficient Few-Shot Learning Without
 * Prompts", SetFit).
 */
import {
  checkNames,
  checkPositive,
  checkWhole,
  foldIn,
  FormatError,
  inWords,
  integerAt,
  nodeModule,
  randomKey,
  type StopSignal,
  UsageError,
} from '../../base/index.js'
import { saveSafetensors, withSafetensors } from '../../formats/index.js'
import {
  type LoadOptions,
  loadSentenceEncoder,
  saveSentenceEncoder,
  SentenceEncoder,
  type SentenceOptions,
} from '../../models/index.js'
import { type ScoredPair, sentenceSimilarity, trainedSentences } from '../objectives/index.js'
import { copied, train, type TrainingOptions } from '../train.js'
import { labelShares, type LinearClassifier, logisticRegression } from './logistic-regression.js'

/** A text and the name of its label. */
export interface LabelledText {
  readonly text: string
  readonly label: string
}

const operation = 'fewShot'

/**
 * Pairs of examples: for each example, so many with one of its own label (score 1) and as many with one of
 * another (score 0). Decided by examples and seed alone (Tunstall et al. 2022, section 3.1).
 *
 * @throws UsageError without two labels
 */
export function contrastivePairs(
  examples: readonly LabelledText[],
  { each = 20, seed = 0 }: { readonly each?: number | undefined; readonly seed?: number | undefined } = {},
): ScoredPair[] {
  checkWhole('contrastivePairs', 'each', each, 1)
  if (new Set(examples.map(({ label }) => label)).size < 2)
    throw new UsageError({
      operation: 'contrastivePairs',
      expected: 'examples of at least two labels',
      found: `${examples.length} of one`,
      hint: 'give some of each label',
    })
  const key = randomKey(seed, 'pairs')
  return examples.flatMap(({ text, label }, i) => {
    const own = examples.filter((other, j) => j !== i && other.label === label)
    const others = examples.filter((other) => other.label !== label)
    // What has no other of its label is like itself.
    return [own.length > 0 ? own : [{ text, label }], others].flatMap((from, side) =>
      Array.from({ length: each }, (_, n) => ({
        text,
        pair: from[integerAt(foldIn(foldIn(key, i), side), n, from.length)]!.text,
        score: side === 0 ? 1 : 0,
      })),
    )
  })
}

/** How `fewShot` learns. */
export interface FewShotOptions {
  /** Pairs of each kind for each example; 0: the encoder stays as it is. Default 20. */
  readonly pairs?: number | undefined
  /** How often each pair is seen. Default 1. */
  readonly epochs?: number | undefined
  /** Default 16. */
  readonly batch?: number | undefined
  /** Default 2e-5. */
  readonly rate?: number | undefined
  /** Of the linear head; see `logisticRegression`. Default 1. */
  readonly strength?: number | undefined
  readonly seed?: number | undefined
  readonly hooks?: TrainingOptions<ReturnType<typeof trainedSentences>, ScoredPair, never, never>['hooks']
  readonly signal?: StopSignal | undefined
}

/** A sentence encoder and a linear head. Made by `fewShot` or `loadFewShot`. */
export class FewShotClassifier {
  readonly encoder: SentenceEncoder
  readonly labels: readonly string[]
  readonly head: LinearClassifier

  constructor(encoder: SentenceEncoder, labels: readonly string[], head: LinearClassifier) {
    this.encoder = encoder
    this.labels = labels
    this.head = head
  }

  /** The probability of each label, for each text. */
  classify(
    texts: readonly string[],
    options: Pick<SentenceOptions, 'batchTokens' | 'progress'> = {},
  ): Float64Array[] {
    return this.encoder.encode(texts, options).map((vector) => labelShares(this.head, vector))
  }
}

/**
 * Learns labels of texts from a few examples of each: the encoder by the cosines of pairs, then a linear head
 * on its vectors by softmax regression. The encoder stays as it is: with pairs the classifier has one of its
 * own, without any it has this one.
 *
 *     const classifier = await fewShot(encoder, [{ text: 'It leaks.', label: 'defect' }, …])
 *     classifier.classify(['The lid is broken.']) // [the probability of each of classifier.labels]
 *
 * @throws UsageError for options or examples that make no sense, and for an encoder whose matrices are
 * quantized
 */
export async function fewShot(
  encoder: SentenceEncoder,
  examples: readonly LabelledText[],
  options: FewShotOptions = {},
): Promise<FewShotClassifier> {
  const names: Record<keyof FewShotOptions, true> = {
    pairs: true,
    epochs: true,
    batch: true,
    rate: true,
    strength: true,
    seed: true,
    hooks: true,
    signal: true,
  }
  checkNames(operation, options, Object.keys(names))
  const { pairs = 20, epochs = 1, batch = 16, rate = 2e-5, strength, seed = 0, hooks, signal } = options
  checkWhole(operation, 'pairs', pairs)
  checkPositive(operation, 'epochs', epochs)
  checkWhole(operation, 'batch', batch, 1)
  checkPositive(operation, 'rate', rate)
  if (strength !== undefined) checkPositive(operation, 'strength', strength)
  checkWhole(operation, 'seed', seed)
  checkGiven(encoder, examples)
  const labels = [...new Set(examples.map(({ label }) => label))].sort()
  let body = encoder
  if (pairs > 0) {
    const model = trainedSentences(encoder)
    const trained = await train({
      // The training frees the weights that it begins with.
      model: { ...model, model: copied(model.model) },
      objective: sentenceSimilarity(encoder, { scored: 'cosine' }),
      data: contrastivePairs(examples, { each: pairs, seed }),
      epochs,
      batch,
      rate,
      seed,
      ...(hooks && { hooks }),
      ...(signal && { signal }),
    })
    body = encoder.withWeights(trained.model.model)
  }
  const vectors = body.encode(examples.map(({ text }) => text))
  const numbers = examples.map(({ label }) => labels.indexOf(label))
  return new FewShotClassifier(body, labels, logisticRegression(vectors, numbers, { strength }))
}

/** Throws UsageError for what is no encoder, or no examples of at least two labels. */
function checkGiven(encoder: SentenceEncoder, examples: readonly LabelledText[]): void {
  const refuse = (expected: string, found: string, hint: string): never => {
    throw new UsageError({ operation, expected, found, hint })
  }
  if (!(encoder instanceof SentenceEncoder))
    refuse('a sentence encoder', inWords(encoder), 'take what loadSentenceEncoder gives')
  const hint = "write { text: 'It leaks.', label: 'defect' }"
  if (!Array.isArray(examples)) refuse('examples, a list', inWords(examples), hint)
  examples.forEach((example: unknown, i) => {
    if (typeof example !== 'object' || example === null)
      return refuse(`examples[${i}] to be a text with its label`, inWords(example), hint)
    const { text, label } = example as Partial<LabelledText>
    for (const [name, value] of Object.entries({ text, label }))
      if (typeof value !== 'string') refuse(`examples[${i}].${name} to be a text`, inWords(value), hint)
    if (encoder.tokens(text!).length === 0)
      refuse(`examples[${i}].text of at least one token`, inWords(text), 'leave it out')
  })
  const count = new Set(examples.map(({ label }) => label)).size
  if (count < 2) refuse('examples of at least two labels', `${count}`, 'give some of each label')
}

const headFile = 'model_head.safetensors'

/**
 * Writes the encoder as `saveSentenceEncoder` does, and the head beside it.
 *
 * @throws HeedError where the disk refuses
 */
export async function saveFewShot(
  folder: string,
  { encoder, labels, head }: FewShotClassifier,
): Promise<void> {
  const paths = nodeModule<typeof import('node:path')>('node:path', 'saveFewShot')
  await saveSentenceEncoder(folder, encoder)
  await saveSafetensors(
    paths.join(folder, headFile),
    new Map([
      ['weight', { dtype: 'f64', shape: [head.labels, head.width], data: head.weights }],
      ['bias', { dtype: 'f64', shape: [head.labels], data: head.bias }],
    ]),
    { metadata: new Map(labels.map((label, i) => [`label ${i}`, label])) },
  )
}

/** Whether a folder is one that `saveFewShot` wrote. */
export function isFewShot(folder: string): boolean {
  const { existsSync } = nodeModule<typeof import('node:fs')>('node:fs', 'loadFewShot')
  const paths = nodeModule<typeof import('node:path')>('node:path', 'loadFewShot')
  return existsSync(paths.join(folder, headFile))
}

/**
 * Reads what `saveFewShot` wrote.
 *
 * @param load how the encoder's weights are read
 * @throws FormatError where files are missing or do not belong together
 */
export async function loadFewShot(folder: string, load: LoadOptions = {}): Promise<FewShotClassifier> {
  const paths = nodeModule<typeof import('node:path')>('node:path', 'loadFewShot')
  const encoder = await loadSentenceEncoder(folder, load)
  const file = paths.join(folder, headFile)
  return withSafetensors(file, ({ tensors, metadata }) => {
    const [weight, bias] = [tensors.get('weight'), tensors.get('bias')]
    const count = bias?.shape[0] ?? 0
    const labels = Array.from({ length: count }, (_, i) => metadata.get(`label ${i}`))
    if (
      count < 2 ||
      weight?.dtype !== 'f64' ||
      bias?.dtype !== 'f64' ||
      bias.shape.length !== 1 ||
      weight.shape.join() !== [count, encoder.width].join() ||
      labels.includes(undefined)
    )
      throw new FormatError({
        operation: 'loadFewShot',
        expected: `weight and bias of at least two labels for vectors of ${encoder.width} numbers`,
        found: `weight of ${weight?.shape.join(' × ') ?? 'nothing'}, bias of ${bias?.shape.join(' × ') ?? 'nothing'}`,
        hint: 'take the folder that saveFewShot wrote',
        file,
      })
    const weights = Float64Array.from(weight.data as Float64Array)
    const head = {
      width: encoder.width,
      labels: count,
      weights,
      bias: Float64Array.from(bias.data as Float64Array),
    }
    return new FewShotClassifier(encoder, labels as string[], head)
  })
}
