/**
 * What each head is worth to a task: the score without it (Michel, Levy and Neubig 2019, "Are Sixteen Heads
 * Really Better than One?").
 */
import { checkWhole, UsageError } from '../../base/index.js'
import type { AttentionPlace, Running } from '../../models/index.js'
import { observe } from '../../observe/index.js'
import { type AnyTensor, map, type Scalar, scope, sum, type Tensor, tensor } from '../../tensor/index.js'
import {
  type Beside,
  type EvaluateOptions,
  type Measured,
  type EvaluationScore,
  scoresOf,
} from './evaluation.js'

/** How heads are taken out. */
export interface AblateOptions extends Omit<EvaluateOptions, 'around' | 'baselines'> {
  /**
   * `zero`: what the head mixes becomes 0. `uniform`: it attends to all that it may see alike. Default
   * `zero`.
   */
  readonly ablation?: 'zero' | 'uniform' | undefined
  /** The metric that counts; default: the task's first. */
  readonly metric?: string | undefined
  /** Told after each run how many runs there were, of as many as there are heads and one. */
  readonly progress?: ((done: number, total: number) => void) | undefined
}

/** What one head is worth. */
export interface HeadCost {
  /** The attention's name, such as `blocks.3.attention.filter`. */
  readonly attention: string
  readonly layer: number
  readonly head: number
  /** The score without it. */
  readonly value: number
  /** How much worse that is than the whole model's, on the same items; below 0 it does better without. */
  readonly cost: Beside['difference']
}

/** What an ablation found, as plain data. */
export interface Ablation {
  readonly task: string
  readonly metric: string
  readonly ablation: 'zero' | 'uniform'
  /** Whether less is better, as of perplexity. */
  readonly lower: boolean
  readonly score: Omit<EvaluationScore, 'beside'>
  /** Layer by layer. */
  readonly heads: readonly HeadCost[]
}

/**
 * Measures a task with the whole model, and once for each head of its attentions without that head.
 *
 * @param measure runs the task with these options, such as `(options) => measureClassification(model,
 * records, options)`
 * @throws UsageError where no synchronous call of the task runs these attentions
 */
export async function ablateHeads(
  { attentions }: Pick<Running, 'attentions'>,
  measure: (options: EvaluateOptions) => Promise<Measured>,
  options: AblateOptions = {},
): Promise<Ablation> {
  const { ablation = 'zero', metric: named, progress, signal, batchTokens, ...intervals } = options
  const how = { signal, batchTokens }
  const sizes = new Map<string, number>()
  const whole = await measure({
    ...how,
    around: (work) => (sizes.size === attentions.length ? work() : counted(attentions, sizes, work)),
  })
  const absent = attentions.find(({ name }) => !sizes.has(name))
  if (absent !== undefined)
    throw new UsageError({
      operation: 'ablateHeads',
      expected: 'a measurement that runs the model by `around`',
      found: `one that does not, without ${absent.name}`,
      hint: 'give its options on to the measuring function',
    })
  const metric = named ?? Object.keys(whole.own.metrics)[0]!
  const statistic = whole.own.metrics[metric]
  if (statistic === undefined)
    throw new UsageError({
      operation: 'ablateHeads',
      expected: `a metric of the task: ${Object.keys(whole.own.metrics).join(', ')}`,
      found: `'${metric}'`,
      hint: 'choose one of them',
    })
  const places = attentions.flatMap(({ name }, layer) =>
    Array.from({ length: sizes.get(name) ?? 0 }, (_, head) => ({ attention: name, layer, head })),
  )
  progress?.(1, places.length + 1)
  const without: Measured[] = []
  for (const { attention, head } of places) {
    const heads = sizes.get(attention)!
    checkWhole('ablateHeads', 'heads', heads, 1)
    without.push(
      await measure({
        ...how,
        around: (work) => observe(watcherOf(attention, head, heads, ablation), work, { partial: true }),
      }),
    )
    progress?.(without.length + 1, places.length + 1)
  }
  const [score] = await scoresOf(
    whole.count,
    { name: 'whole', metrics: { [metric]: statistic } },
    without.map(({ own }, i) => ({ name: String(i), metrics: { [metric]: own.metrics[metric]! } })),
    { ...intervals, signal },
  )
  const { beside, ...own } = score!
  const lower = whole.lower?.includes(metric) === true
  const costOf = ({ difference }: Beside): HeadCost['cost'] => {
    if (!lower) return difference
    const { value, low, high, p } = difference
    return { value: -value, low: -high, high: -low, p }
  }
  return {
    task: whole.task,
    metric,
    ablation,
    lower,
    score: own,
    heads: places.map((place, i) => ({ ...place, value: beside[i]!.value, cost: costOf(beside[i]!) })),
  }
}

/** Runs work, and notes how many heads each attention has. */
function counted<T>(attentions: readonly AttentionPlace[], sizes: Map<string, number>, work: () => T): T {
  const names = attentions.map(({ name }) => mixedName(name))
  const watch = Object.fromEntries(
    names.map((name, i) => [
      name,
      (mixed: AnyTensor) => void sizes.set(attentions[i]!.name, (mixed as Tensor<'head'>).size('head')),
    ]),
  )
  // What is written runs the encoder in one call, and the decoder in others.
  return observe(watch, work, { partial: true })
}

/** What the heads mix, beside what they attend to. */
function mixedName(filter: string): string {
  return filter.replace(/filter$/, 'mixed')
}

function watcherOf(
  attention: string,
  head: number,
  heads: number,
  ablation: 'zero' | 'uniform',
): Parameters<typeof observe>[0] {
  const others = Array.from({ length: heads }, (_, i) => (i === head ? 0 : 1))
  if (ablation === 'zero')
    return {
      [mixedName(attention)]: (mixed: AnyTensor) =>
        scope(() => (mixed as Tensor<'head'>).mul(tensor(others, { head: heads }))),
    }
  return {
    [attention]: (given: AnyTensor) =>
      scope(() => {
        const filter = given as Tensor<'batch' | 'head' | 'query' | 'key'>
        // What may be seen has a weight above 0.
        const seen = map((weight) => weight.gt(0).select(1, 0), filter)
        const alike = map((is: Scalar, count: Scalar) => is.div(count.max(1)), seen, sum(seen, 'key'))
        const kept = tensor(others, { head: heads })
        return filter.mul(kept).add(alike.mul(kept.neg().add(1)))
      }),
  }
}
