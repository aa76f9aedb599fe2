/** Sparse vectors over the vocabulary (Formal et al. 2021, "SPLADE"), from a masked-LM head. */
import { checkNames, checkWhole, type JsonValue, UsageError } from '../../base/index.js'
import { type AnyTensor, map, max, scope, sum, type Tensor } from '../../tensor/index.js'
import { encoderStates, outputOf } from '../encoder/index.js'
import { type LoadedEncoder, ofFamily, readModel } from '../load.js'
import { batchesByLength } from './batches.js'
import { jsonFile, storedModules } from './modules.js'
import { defaultBatchTokens } from './sentence-encoder.js'
import { type TextSettings, textSettings } from './settings.js'
import { joinedTexts, tokensOf } from './tokens.js'

/** A vector of which most numbers are 0. */
export interface SparseVector {
  /** Token ids, ascending. */
  readonly ids: Int32Array
  /** The weight of each, above 0. */
  readonly weights: Float32Array
}

/** How logits become weights. */
export interface SparsePooling {
  /** Over the positions of the text: the largest weight, or their sum. */
  readonly strategy: 'max' | 'sum'
  /** `relu`: ln(1 + max(0, logit)). `log1p_relu`: ln(1 + that). */
  readonly activation: 'relu' | 'log1p_relu'
}

/** How texts are encoded. */
export interface SparseOptions {
  /** Keeps only so many of the largest weights; default all. */
  readonly largest?: number | undefined
  /** Tokens of a batch; default 2,048. Changes nothing but speed and memory. */
  readonly batchTokens?: number | undefined
  /** Told after each batch how many texts are done. */
  readonly progress?: ((done: number, total: number) => void) | undefined
}

/** Texts to sparse vectors. Made by `loadSparseEncoder`. */
export class SparseEncoder {
  readonly loaded: LoadedEncoder
  readonly pooling: SparsePooling
  readonly settings: TextSettings

  constructor(loaded: LoadedEncoder, pooling: SparsePooling, settings: TextSettings) {
    this.loaded = loaded
    this.pooling = pooling
    this.settings = settings
  }

  /**
   * The weight of each token of the vocabulary for each text: over all its positions, special tokens among
   * them, `strategy` of what `activation` makes of the masked-LM head's logits.
   */
  encode(texts: readonly string[], options: SparseOptions = {}): SparseVector[] {
    checkNames('encode', options, ['largest', 'batchTokens', 'progress'])
    const { largest = Infinity, batchTokens = defaultBatchTokens } = options
    checkWhole('encode', 'batchTokens', batchTokens, 1)
    if (largest !== Infinity) checkWhole('encode', 'largest', largest, 1)
    const tokens = texts.map((text) => tokensOf(this.settings, text))
    const { model, config } = this.loaded
    const found: SparseVector[] = []
    let done = 0
    const lengths = tokens.map(({ length }) => length)
    for (const batch of batchesByLength(lengths, batchTokens)) {
      scope(() => {
        const { ids, tokenTypes, rows } = joinedTexts(batch.map((i) => tokens[i]!))
        const states = encoderStates(model, config, ids, { tokenTypes, rows })
        let end = 0
        // Logits are as wide as the vocabulary: a text at a time.
        batch.forEach((text, i) => {
          found[text] = scope(() => {
            const made = outputOf(model, config, states.slice('position', end, (end += rows[i]!)))
            if (made.kind !== 'masked-language') throw headless(config.architecture)
            return sparse(this.#weights(made.logits.at('batch', 0)), largest)
          })
        })
      })
      done += batch.length
      options.progress?.(done, texts.length)
    }
    return found
  }

  /** The dot product. */
  similarity(a: SparseVector, b: SparseVector): number {
    return sparseProduct(a, b)
  }

  #weights(logits: Tensor<'position' | 'vocabulary'>): Float32Array {
    const { strategy, activation } = this.pooling
    const weigh = (x: AnyTensor): Tensor<'vocabulary'> =>
      map((logit) => {
        const once = logit.max(0).add(1).log()
        return activation === 'relu' ? once : once.add(1).log()
      }, x as Tensor<'vocabulary'>)
    // The largest of what a rising function makes is what it makes of the largest.
    const pooled =
      strategy === 'max' ? weigh(max(logits, 'position')) : sum(weigh(logits) as never, 'position')
    return (pooled as Tensor<'vocabulary'>).values() as Float32Array
  }
}

function headless(architecture: string): UsageError {
  return new UsageError({
    operation: 'loadSparseEncoder',
    expected: 'a model with a masked-LM head',
    found: `'${architecture}' without one`,
    hint: 'sparse vectors come from the logits of a masked language model',
  })
}

function sparse(weights: Float32Array, largest: number): SparseVector {
  let ids = [...weights.keys()].filter((id) => weights[id]! > 0)
  if (ids.length > largest)
    ids = ids
      .sort((a, b) => weights[b]! - weights[a]! || a - b)
      .slice(0, largest)
      .sort((a, b) => a - b)
  return { ids: Int32Array.from(ids), weights: Float32Array.from(ids, (id) => weights[id]!) }
}

/** The dot product of two sparse vectors, in f64. */
export function sparseProduct(a: SparseVector, b: SparseVector): number {
  let [i, j, product] = [0, 0, 0]
  while (i < a.ids.length && j < b.ids.length) {
    const [left, right] = [a.ids[i]!, b.ids[j]!]
    if (left === right) product += a.weights[i]! * b.weights[j]!
    if (left <= right) i++
    if (right <= left) j++
  }
  return product
}

/**
 * A sparse encoder from a folder of this machine: by `modules.json`, or, where there is none, a model with a
 * masked-LM head, largest weights and `relu`.
 *
 * @throws FormatError where files are missing or wrong; UsageError where the model has no such head
 */
export async function loadSparseEncoder(folder: string): Promise<SparseEncoder> {
  return readSparseEncoder(folder)
}

/** `loadSparseEncoder` at once, for `withDevice`. Throws as it does. */
export function readSparseEncoder(folder: string): SparseEncoder {
  const [first, second, third] = storedModules(folder) ?? []
  if (first !== undefined && first.type !== 'MLMTransformer' && first.type !== 'Transformer')
    first.named.refuse('an MLMTransformer first')
  if (second !== undefined && second.type !== 'SpladePooling') second.named.refuse('SpladePooling behind it')
  third?.named.refuse('no other modules')
  const loaded = ofFamily(readModel(first?.folder ?? folder), 'encoder')
  if (loaded.config.head?.kind !== 'masked-language') throw headless(loaded.config.architecture)
  const config = second && jsonFile(second.folder, 'config.json')
  return new SparseEncoder(loaded, readSparsePooling(config, loaded.config.vocabulary), textSettings(loaded))
}

function readSparsePooling(config: JsonValue | undefined, vocabulary: number): SparsePooling {
  if (config === undefined) return { strategy: 'max', activation: 'relu' }
  config.only([
    'pooling_strategy',
    'activation_function',
    'word_embedding_dimension',
    'embedding_dimension',
    'chunk_size',
  ])
  for (const name of ['word_embedding_dimension', 'embedding_dimension']) {
    const said = config.member(name)
    if (!said.isNull && said.value !== vocabulary) said.refuse(`${vocabulary}, the model's vocabulary`)
  }
  const strategy = config.member('pooling_strategy')
  const activation = config.member('activation_function')
  return {
    strategy: strategy.isNull ? 'max' : strategy.choice(['max', 'sum']),
    activation: activation.isNull ? 'relu' : activation.choice(['relu', 'log1p_relu']),
  }
}
