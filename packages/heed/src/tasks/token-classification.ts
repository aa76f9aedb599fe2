/**
 * Labels of tokens: names of people and places, parts of speech (Devlin et al. 2019, "BERT", section 5.3).
 */
import { checkNames, checkWhole, inWords, UsageError } from '../base/index.js'
import { encoderOutput, type LoadedEncoder, ofFamily, type Running } from '../models/index.js'
import { scope } from '../tensor/index.js'
import type { Encoding } from '../text/index.js'
import { encoderAttention } from './attention.js'
import { callable, type Opened } from './callable.js'
import {
  type AggregationStrategy,
  aggregationStrategies,
  type Aggregator,
  createAggregator,
  type Entity,
  largestOf,
  type ScoredToken,
  withoutOverlaps,
} from './entities.js'
import { headOfKind, labelNames } from './labels.js'
import { runTask, type TaskWork } from './run-task.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import { softmaxOf } from './scores.js'
import { checkText, mostTokens, packed, windows } from './texts.js'

/** How tokens become entities. */
export interface TokenClassificationOptions extends TaskOptions {
  /**
   * `none`: each token by itself. `simple`: neighbours of one label are one entity; B- begins a new one.
   * `first`, `average`, `max`: the same of whole words, which have the label of their first token, of the
   * mean of their tokens, or of the token that is surest. Default `none`.
   */
  readonly aggregation_strategy?: AggregationStrategy | undefined
  /** Labels that aren't given; default ['O']. */
  readonly ignore_labels?: readonly string[] | undefined
  /** How many tokens windows of a long text share; default a quarter of a window. */
  readonly stride?: number | undefined
}

/** A token with its label. */
export interface TokenLabel {
  readonly entity: string
  readonly score: number
  /** Which of the text's tokens it is, the template's counted. */
  readonly index: number
  /** As the vocabulary spells it. */
  readonly word: string
  /** Its place in the text, [start, end) in UTF-16 units. */
  readonly start: number
  readonly end: number
}

/** What the options ask for: tokens, or entities. */
type Found<Options> = Options extends { readonly aggregation_strategy: infer Strategy }
  ? Strategy extends 'none' | undefined
    ? TokenLabel[]
    : Entity[]
  : TokenLabel[]

/**
 * Texts to labels of their tokens, or to entities. A text that is longer than the model's context is read in
 * windows. `attention` is that of the window with the entity that is surest.
 */
export interface TokenClassificationPipeline extends TaskPipeline<'token-classification', string> {
  <
    const Input extends string | readonly string[],
    const Options extends TokenClassificationOptions = Record<never, never>,
  >(
    texts: Input,
    options?: Options & TokenClassificationOptions,
  ): Promise<TaskResult<Input, Options, Found<Options>>>
}

/** Throws UsageError where the model has no head that labels tokens. */
export function createTokenClassification(opened: Opened): TokenClassificationPipeline {
  const task = 'token-classification'
  const loaded: Running<LoadedEncoder> = ofFamily(opened.model, 'encoder', task)
  const labels = labelNames(loaded, headOfKind(task, loaded, 'token').labels)
  const aggregator = createAggregator(loaded.tokenizer, labels)
  const call = async (
    texts: string | readonly string[],
    options: TokenClassificationOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, [...taskOptionNames, 'aggregation_strategy', 'ignore_labels', 'stride'])
    const { aggregation_strategy: strategy = 'none', ignore_labels: ignored = ['O'], stride } = options
    if (!aggregationStrategies.includes(strategy))
      throw refused(`aggregation_strategy, one of ${aggregationStrategies.join(', ')}`, inWords(strategy))
    if (!Array.isArray(ignored)) throw refused('ignore_labels, a list of labels', inWords(ignored))
    const most = mostTokens(loaded)
    const shared = stride ?? Math.floor(most / 4)
    checkWhole(task, 'stride', shared)
    const asLabel = ({ scores, word, index, start, end }: ScoredToken): TokenLabel => {
      const best = largestOf(scores)
      return { entity: labels[best]!, score: scores[best]!, index, word, start, end }
    }
    const entitiesOf = (
      tokens: readonly (readonly ScoredToken[])[],
      how: Exclude<AggregationStrategy, 'none'>,
    ): InWindow<Entity>[] => {
      const all = tokens.flatMap((own, window) =>
        aggregator.entities(own, how).map((found) => ({ ...found, found, window })),
      )
      const named = all.filter(({ found }) => !ignored.includes(found.entity_group))
      return tokens.length > 1 ? withoutOverlaps(named) : named
    }
    const isList = Array.isArray(texts)
    const work: TaskWork<string, Encoding, Float32Array, (TokenLabel | Entity)[]> = {
      operation: task,
      pieces(text) {
        checkText(task, 'the input', text)
        return windows(loaded, text, most, shared)
      },
      length: ({ length }) => length,
      run: (pieces) => tokenLogits(loaded, pieces),
      result(text, logits, pieces) {
        const tokens = pieces.map((piece, i) => scoredTokens(aggregator, text, piece, logits[i]!))
        const found =
          strategy === 'none'
            ? ofMiddles(tokens, shared).map(({ token, window }) => ({ found: asLabel(token), window }))
            : entitiesOf(tokens, strategy)
        const kept = found.filter(
          ({ found }) => !ignored.includes('entity' in found ? found.entity : found.entity_group),
        )
        const result = kept.map((one) => one.found)
        if (options.attention !== true) return result
        const surest = kept[largestOf(result.map(({ score }) => score))]?.window ?? 0
        const piece = pieces[surest]
        return piece ? Object.assign(result, { attention: encoderAttention(loaded, piece) }) : result
      },
    }
    const results = await runTask(work, isList ? texts : [texts as string], options)
    return isList ? results : results[0]
  }
  return callable<TokenClassificationPipeline>(task, opened, call, (text) => text)
}

/** What was found, and in which window. */
interface InWindow<T> {
  readonly found: T
  readonly window: number
}

/** The logits of each token's labels, a text after the other: `position label`. */
function tokenLogits(loaded: Running<LoadedEncoder>, texts: readonly Encoding[]): Float32Array[] {
  const { model, config } = loaded
  return scope(() => {
    const { ids, rows, ...how } = packed(texts)
    const made = encoderOutput(model, config, ids, { rows, ...how })
    if (made.kind !== 'token') return []
    const numbers = made.logits.at('batch', 0).values(['position', 'label']) as Float32Array
    const labels = made.logits.size('label')
    let end = 0
    return rows.map((length) => numbers.slice(end, (end += length * labels)))
  })
}

/** The tokens of a text, without the template's, with the probability of each label. */
function scoredTokens(
  aggregator: Aggregator,
  text: string,
  { ids, spans, specialTokensMask }: Encoding,
  logits: Float32Array,
): ScoredToken[] {
  const labels = aggregator.labels.length
  return Array.from(ids, (id, index): ScoredToken => {
    const [start, end] = [spans[2 * index]!, spans[2 * index + 1]!]
    const scores = softmaxOf(logits.subarray(index * labels, (index + 1) * labels))
    return { ...aggregator.token(text, id, start, end), scores, index, start, end }
  }).filter((_, index) => specialTokensMask[index] === 0)
}

/**
 * Each token of a text once, from the window that sees more of what is around it: windows that share tokens
 * meet in the middle of these. Numbers of tokens are those of the whole text.
 */
function ofMiddles(
  tokens: readonly (readonly ScoredToken[])[],
  shared: number,
): { readonly token: ScoredToken; readonly window: number }[] {
  let before = 0
  return tokens.flatMap((own, window) => {
    const first = window === 0 ? 0 : Math.ceil(shared / 2)
    const last = window === tokens.length - 1 ? own.length : own.length - Math.floor(shared / 2)
    const moved = before
    before += own.length - shared
    return own
      .slice(first, last)
      .map((token) => ({ token: { ...token, index: token.index + moved }, window }))
  })
}

function refused(expected: string, found: string): UsageError {
  return new UsageError({
    operation: 'token-classification',
    expected,
    found,
    hint: 'correct the option',
  })
}
