import { checkNames, foldIn, integerAt, type RandomKey, uniformAt, UsageError } from '../../base/index.js'
import {
  type Encoder,
  encoderStates,
  type LoadedEncoder,
  maskToken,
  outputOf,
  type Running,
} from '../../models/index.js'
import type { Quantized } from '../../nn/index.js'
import { crossEntropy, tensor } from '../../tensor/index.js'
import { accuracy } from '../metrics.js'
import type { Objective } from './objective.js'
import {
  checkTokens,
  encodedCut,
  headOfKind,
  statesAt,
  textEncoder,
  textField,
  type TextOptions,
  type TokenExample,
  tokenRows,
  type TokenRows,
} from './texts.js'

const name = 'masked-language'

/** What `maskedLanguage` may be told. */
export interface MaskedLanguageTraining extends TextOptions {
  /** The share of tokens, or words, that are to be found out. Default 0.15 (Devlin et al. 2019). */
  readonly share?: number | undefined
  /** Chooses all tokens of a word or none. Default false. */
  readonly wholeWords?: boolean | undefined
}

/** A text's tokens, and of each the number of its unit, which is chosen as one; −1 for what never is. */
export interface MaskedExample extends TokenExample {
  readonly units: Int32Array
}

/** A batch of `maskedLanguage`, before tokens are chosen. */
export interface MaskedBatch extends TokenRows {
  readonly examples: readonly MaskedExample[]
}

/**
 * Learns to find out tokens from the others (Devlin et al. 2019, "BERT", section 3.1): of those that are
 * chosen, anew each time, 80 % become the mask token, 10 % another one and 10 % stay. A long text becomes
 * several examples. Metric: `accuracy`, over what was chosen.
 *
 * @param loaded an encoder with the head MaskedLM
 * @throws UsageError for another head, or a tokenizer without a mask token
 */
export function maskedLanguage(
  loaded: Running<LoadedEncoder>,
  options: MaskedLanguageTraining = {},
): Objective<{ readonly text: string }, MaskedExample, MaskedBatch, Quantized<Encoder>> {
  checkNames(name, options, ['maximum', 'share', 'wholeWords'] satisfies (keyof typeof options)[])
  const { config } = loaded
  headOfKind(name, loaded, 'masked-language', 'MaskedLM')
  const { share = 0.15, wholeWords = false } = options
  if (!(share > 0 && share <= 1))
    throw wrong('share above 0 and at most 1', String(share), 'correct that option')
  const texts = textEncoder(name, loaded, options)
  const mask = maskOf(loaded)
  const { size } = texts.tokenizer
  return {
    name,
    settings: { share, wholeWords, maximum: texts.maximum },
    encode(record) {
      const whole = encodedCut(texts, textField(name, 'text', record.text), {
        strategy: 'OnlyFirst',
        stride: 0,
      })
      return [checkTokens(name, whole), ...whole.overflow].map(
        ({ ids, typeIds, specialTokensMask, wordIds }) => {
          let unit = -1
          const units = Int32Array.from(ids, (_, i) => {
            if (specialTokensMask[i] === 1) return -1
            const goes = wholeWords && i > 0 && wordIds[i]! >= 0 && wordIds[i] === wordIds[i - 1]
            return goes && unit >= 0 ? unit : ++unit
          })
          return { ids, types: typeIds, units }
        },
      )
    },
    lengthOf: ({ ids }) => ids.length,
    collate: (examples) => ({ ...tokenRows(examples), examples }),
    loss(model, { tokenTypes, rows, examples }, { key, run }) {
      const { ids, chosen, targets } = hidden(examples, foldIn(key, 'masks'), { share, mask, size })
      const shape = { batch: 1, position: ids.length }
      const states = encoderStates(model, config, tensor(ids, shape, { dtype: 'i32' }), {
        tokenTypes,
        rows,
        ...run,
      })
      const output = outputOf(model, config, statesAt(states, chosen))
      const { logits } = output as Extract<typeof output, { readonly kind: 'masked-language' }>
      const wanted = tensor(targets, { batch: 1, position: targets.length }, { dtype: 'i32' })
      return {
        loss: crossEntropy(logits, wanted, 'vocabulary'),
        weight: targets.length,
        metrics: { accuracy: accuracy(logits, wanted, 'vocabulary') },
      }
    },
  }
}

/** Tokens with some of them hidden, where these stand, and what they are. At least one is chosen. */
function hidden(
  examples: readonly MaskedExample[],
  key: RandomKey,
  { share, mask, size }: { readonly share: number; readonly mask: number; readonly size: number },
): { readonly ids: Int32Array; readonly chosen: number[]; readonly targets: number[] } {
  const [ofUnits, ofTokens, ofIds] = ['units', 'tokens', 'ids'].map((use) => foldIn(key, use)) as [
    RandomKey,
    RandomKey,
    RandomKey,
  ]
  const ids = new Int32Array(examples.reduce((sum, one) => sum + one.ids.length, 0))
  const chosen: number[] = []
  const targets: number[] = []
  let [at, before] = [0, 0]
  const counts = examples.map(({ units }) => units.reduce((most, unit) => Math.max(most, unit + 1), 0))
  const all = counts.reduce((sum, count) => sum + count, 0)
  if (all === 0)
    throw wrong('a batch with tokens that may be hidden', 'special tokens alone', 'leave out empty texts')
  const needed = Array.from({ length: all }, (_, unit) => unit).every(
    (unit) => uniformAt(ofUnits, unit) >= share,
  )
    ? integerAt(foldIn(key, 'one'), 0, all)
    : -1
  examples.forEach((example, number) => {
    example.ids.forEach((id, i) => {
      const own = example.units[i]!
      const unit = before + own
      ids[at] = id
      if (own >= 0 && (unit === needed || uniformAt(ofUnits, unit) < share)) {
        chosen.push(at)
        targets.push(id)
        const fate = uniformAt(ofTokens, at)
        if (fate < 0.8) ids[at] = mask
        else if (fate < 0.9) ids[at] = integerAt(ofIds, at, size)
      }
      at++
    })
    before += counts[number]!
  })
  return { ids, chosen, targets }
}

/** The id of the token that hides others. */
function maskOf(loaded: Running<LoadedEncoder>): number {
  const found = maskToken(loaded)
  if (found !== undefined) return found.id
  throw wrong('a tokenizer with a mask token', 'none', 'take a model that was trained to fill masks')
}

function wrong(expected: string, found: string, hint: string): UsageError {
  return new UsageError({ operation: name, expected, found, hint })
}
