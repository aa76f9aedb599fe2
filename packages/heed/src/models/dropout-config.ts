/** Which share a checkpoint's configuration drops while training. */
import { FormatError } from '../base/index.js'
import type { StoredModel } from './stored-model.js'

/** Shares of elements that are dropped while training: at least 0, below 1. */
export interface DropoutRates {
  /** Of the embeddings, and of what each layer adds. */
  readonly rate: number
  /** Of what a classifier reads. */
  readonly head: number
  /** Of the weights of attention's filters; left out: 0. */
  readonly filter?: number
}

/** What configurations call them, the first that one has. */
const rateNames = [
  'hidden_dropout_prob',
  'hidden_dropout',
  'dropout',
  'dropout_rate',
  'resid_pdrop',
  'mlp_dropout',
] as const
const headNames = [
  'classifier_dropout',
  'classifier_dropout_prob',
  'seq_classif_dropout',
  'cls_dropout',
] as const
const filterNames = [
  'attention_probs_dropout_prob',
  'attention_dropout',
  'attention_dropout_prob',
  'attn_pdrop',
] as const

/**
 * The rates of dropout that a checkpoint was trained with, as its configuration has them; 0 where it has
 * none. A classifier without a rate of its own has that of the layers; T5's one rate is that of its filters,
 * too.
 *
 * @throws FormatError for a rate that is none
 */
export function dropoutOf({ config, path }: StoredModel): DropoutRates {
  const rateOf = (names: readonly string[]): number | undefined => {
    const name = names.find((one) => !config.member(one).isNull)
    const value = name === undefined ? undefined : config.member(name).value
    if (value === undefined || (typeof value === 'number' && value >= 0 && value < 1)) return value as number
    throw new FormatError({
      operation: 'train',
      expected: `${name} to be a number from 0 up to, but without, 1`,
      found: JSON.stringify(value)?.slice(0, 40) ?? 'none',
      hint: 'correct config.json, or give the rate of dropout',
      file: path,
    })
  }
  const rate = rateOf(rateNames) ?? 0
  const filter = rateOf(filterNames) ?? rateOf(['dropout_rate']) ?? 0
  return { rate, head: rateOf(headNames) ?? rate, ...(filter > 0 && { filter }) }
}
