/** Scores of pairs of texts that a model reads together (Nogueira and Cho 2019, "Passage Re-ranking"). */
import { checkNames, checkWhole, UsageError } from '../../base/index.js'
import { activate, type Activation, scope } from '../../tensor/index.js'
import type { Encoding } from '../../text/index.js'
import { encoderOutput } from '../encoder/index.js'
import { type LoadedEncoder, type LoadOptions, ofFamily, readModel, type Running } from '../load.js'
import { batchesByLength } from './batches.js'
import { jsonFile } from './modules.js'
import { defaultBatchTokens } from './sentence-encoder.js'
import { type TextSettings, textSettings } from './settings.js'
import { joinedTexts, tokensOf } from './tokens.js'
import { torchActivation } from './torch-activation.js'

/** How pairs are scored. */
export interface PairOptions {
  /** Instead of the model's own: 'none' for the logits themselves. */
  readonly activation?: Activation | 'none' | undefined
  /** Tokens of a batch; default 2,048. Changes nothing but speed and memory. */
  readonly batchTokens?: number | undefined
  /** Told after each batch how many pairs are done. */
  readonly progress?: ((done: number, total: number) => void) | undefined
}

/** A document and how well it fits. */
export interface Ranked {
  /** Its number in the list that was given. */
  readonly document: number
  readonly score: number
}

/** Pairs of texts to scores. Made by `loadCrossEncoder`. */
export class CrossEncoder {
  readonly loaded: Running<LoadedEncoder>
  /** How many scores each pair has. */
  readonly labels: number
  /** From logits to scores; undefined: none. */
  readonly activation: Activation | undefined
  readonly settings: TextSettings

  constructor(
    loaded: Running<LoadedEncoder>,
    labels: number,
    activation: Activation | undefined,
    settings: TextSettings,
  ) {
    this.loaded = loaded
    this.labels = labels
    this.activation = activation
    this.settings = settings
  }

  /** The scores of each pair, one for each label. Of a pair that is too long, the longer text is cut. */
  scores(
    pairs: readonly (readonly [text: string, pair: string])[],
    options: PairOptions = {},
  ): Float32Array[] {
    checkNames('scores', options, ['activation', 'batchTokens', 'progress'])
    const { activation, batchTokens = defaultBatchTokens } = options
    checkWhole('scores', 'batchTokens', batchTokens, 1)
    const tokens = pairs.map((pair) => this.read(pair))
    const found: Float32Array[] = []
    let done = 0
    const lengths = tokens.map(({ length }) => length)
    for (const batch of batchesByLength(lengths, batchTokens)) {
      const made = this.scoresOf(
        batch.map((i) => tokens[i]!),
        activation,
      )
      batch.forEach((i, row) => (found[i] = made[row]!))
      done += batch.length
      options.progress?.(done, pairs.length)
    }
    return found
  }

  /** A pair's tokens. */
  read(pair: readonly [text: string, pair: string]): Encoding {
    return tokensOf(this.settings, pair)
  }

  /** The scores of pairs that `read` gave, in one batch. */
  scoresOf(
    pairs: readonly Encoding[],
    activation: PairOptions['activation'] = this.activation ?? 'none',
  ): Float32Array[] {
    const { model, config } = this.loaded
    const numbers = scope(() => {
      const { ids, ...texts } = joinedTexts(pairs)
      const made = encoderOutput(model, config, ids, texts)
      if (made.kind !== 'classification') throw headless(config.architecture)
      const scores = activation === 'none' ? made.logits : activate(made.logits, activation)
      return scores.values(['batch', 'label']) as Float32Array
    })
    return pairs.map((_, row) =>
      Float32Array.from(numbers.subarray(row * this.labels, (row + 1) * this.labels)),
    )
  }

  /**
   * Documents by how well they fit a query, the best first; of equals the first.
   *
   * @throws UsageError where the model has several labels
   */
  rank(query: string, documents: readonly string[], options: PairOptions = {}): Ranked[] {
    if (this.labels !== 1)
      throw new UsageError({
        operation: 'rank',
        expected: 'a model with one score',
        found: `${this.labels}`,
        hint: 'take scores(pairs), and choose a label',
      })
    return this.scores(
      documents.map((document) => [query, document] as const),
      options,
    )
      .map((scores, document) => ({ document, score: scores[0]! }))
      .sort((a, b) => b.score - a.score || a.document - b.document)
  }
}

function headless(architecture: string): UsageError {
  return new UsageError({
    operation: 'loadCrossEncoder',
    expected: 'a model with a head that classifies texts',
    found: `'${architecture}' without one`,
    hint: 'load it with loadSentenceEncoder for embeddings',
  })
}

/**
 * A cross-encoder from a folder of this machine. The activation is the one that its configuration names, else
 * a sigmoid for one label and none for several.
 *
 * @param from the folder, or the model that was read from it
 * @throws FormatError where files are missing or wrong; UsageError where the model has no such head
 */
export async function loadCrossEncoder(
  from: string | Running<LoadedEncoder>,
  options: LoadOptions = {},
): Promise<CrossEncoder> {
  return readCrossEncoder(from, options)
}

/** `loadCrossEncoder` at once, for `withDevice`. Throws as it does. */
export function readCrossEncoder(
  from: string | Running<LoadedEncoder>,
  options: LoadOptions = {},
): CrossEncoder {
  const loaded = typeof from === 'string' ? ofFamily(readModel(from, options), 'encoder') : from
  const { head, architecture } = loaded.config
  if (head?.kind !== 'classification') throw headless(architecture)
  return new CrossEncoder(loaded, head.labels, activationOf(loaded, head.labels), textSettings(loaded))
}

function activationOf({ stored }: Running<LoadedEncoder>, labels: number): Activation | undefined {
  const { config, path } = stored
  const beside = jsonFile(path, 'config_sentence_transformers.json')
  const own = config.member('sentence_transformers')
  const named = [
    own.isNull ? undefined : own.member('activation_fn'),
    config.member('sbert_ce_default_activation_function'),
    beside?.member('activation_fn'),
  ].find((value) => value?.isNull === false)
  if (named !== undefined) return torchActivation(named)
  return labels === 1 ? 'sigmoid' : undefined
}
