import { UsageError } from '../base/index.js'
import { argmax, countOf, isTensor, type Tensor } from '../tensor/index.js'
import type { Data } from './data.js'

/** A mean with what it was taken over: how many targets, examples or tokens, or the sum of their weights. */
export interface WeightedMean {
  readonly value: number | Tensor<never>
  readonly weight: number
}

/** What is measured of a batch: a mean. Without a weight of its own it weighs as the batch's loss does. */
export type Metric = number | Tensor<never> | WeightedMean

/** A batch's loss, with how much it counts and what else was measured in the same pass. */
export interface LossReport {
  /** The mean loss of the batch: a scalar. */
  readonly loss: Tensor<never>
  /** Over how much `loss` is the mean: targets that count, say. Default: see `Loss`. */
  readonly weight?: number | undefined
  /** Means by name, such as `{ accuracy: accuracy(logits, labels, 'class') }`. */
  readonly metrics?: Readonly<Record<string, Metric>> | undefined
}

/**
 * The share of rows whose largest logit along `axis` is the target's, and how many rows count; 0 where none
 * does.
 *
 * @param targets i32 class numbers, along the other axes of the logits
 * @param options `ignore`: rows with this target don't count; default −100
 * @throws ShapeError if the axis is missing or empty; UsageError unless targets have the other axes of the
 * logits
 */
export function accuracy<A extends string, K extends A>(
  logits: Tensor<A>,
  targets: Tensor<Exclude<A, NoInfer<K>>>,
  axis: K,
  { ignore = -100 }: { readonly ignore?: number } = {},
): { readonly value: number; readonly weight: number } {
  const likeliest = argmax(logits, axis) as unknown as Tensor
  const axes = likeliest.layout.map(({ name }) => name)
  const wanted = targets as unknown as Tensor
  const fits =
    wanted.layout.length === axes.length &&
    likeliest.layout.every(({ name, size }) =>
      wanted.layout.some((own) => own.name === name && own.size === size),
    )
  if (!fits)
    throw new UsageError({
      operation: 'accuracy',
      expected: `targets with the other axes of the logits: ${likeliest.describe()}`,
      found: wanted.describe(),
      hint: 'one class number for each row of logits',
    })
  const found = likeliest.values(axes)
  likeliest.dispose()
  let [right, count] = [0, 0]
  wanted.values(axes).forEach((target, i) => {
    if (target === ignore) return
    count++
    if (found[i] === target) right++
  })
  return { value: right / Math.max(1, count), weight: count }
}

/** What a batch brings to a mean over many. */
export interface Measured {
  readonly loss: Tensor<never>
  readonly weight: number
  /** What said the weight. All batches of a mean must have it from the same. */
  readonly weighedBy: string
  readonly metrics: Readonly<Record<string, { readonly value: number; readonly weight: number }>>
}

/**
 * A loss as the loop adds it up. The weight is that of the report, else that of the data, else over how much
 * the loss is the mean (`countOf`), else the batch's examples, else 1.
 */
export function measure<B>(
  result: Tensor<never> | LossReport,
  data: Data<B>,
  batch: B,
  index: number,
): Measured {
  const report = reportOf(result)
  const { loss } = report
  checkLoss(loss)
  const sources: readonly (readonly [string, number | undefined])[] = [
    ["the loss's report", report.weight],
    ['the data', data.weight?.(batch)],
    ['the mean that the loss is', countOf(loss)],
    ['the number of examples', data.examples?.(index)],
  ]
  const [weighedBy, weight = 1] = sources.find(([, said]) => said !== undefined) ?? ['nothing']
  checkWeight(`the weight of batch ${index}, by ${weighedBy},`, weight)
  const metrics: Record<string, { value: number; weight: number }> = {}
  for (const [name, metric] of Object.entries(report.metrics ?? {})) {
    const value = isWeighted(metric) ? metric.value : metric
    const own = isWeighted(metric) ? metric.weight : isTensor(value) ? (countOf(value) ?? weight) : weight
    checkWeight(`the weight of '${name}'`, own)
    metrics[name] = { value: typeof value === 'number' ? value : value.item(), weight: own }
  }
  return { loss, weight, weighedBy, metrics }
}

function reportOf(result: Tensor<never> | LossReport): LossReport {
  const isReport = typeof result === 'object' && result !== null && !isTensor(result) && 'loss' in result
  return isReport ? result : { loss: result as Tensor<never> }
}

function checkLoss(loss: unknown): void {
  if (isTensor(loss) && loss.layout.length === 0) return
  if (loss instanceof Promise) loss.catch(() => {}) // it is given up
  throw new UsageError({
    operation: 'Trainer',
    expected: 'a loss that returns a scalar tensor, or { loss, weight, metrics }',
    found: isTensor(loss) ? loss.describe() : loss instanceof Promise ? 'a promise' : typeof loss,
    hint: 'return what mean() or crossEntropy() gives, from a synchronous function',
  })
}

function isWeighted(metric: Metric): metric is WeightedMean {
  return typeof metric === 'object' && !isTensor(metric)
}

function checkWeight(what: string, weight: number): void {
  if (typeof weight === 'number' && weight >= 0 && weight < Infinity) return
  throw new UsageError({
    operation: 'Trainer',
    expected: `${what} to be a number of at least 0`,
    found: String(weight),
    hint: 'a weight is how much a mean was taken over: the targets that count',
  })
}

/** Means over many batches, of the loss and of each metric, whatever each batch weighs. */
export class Means {
  readonly #sums = new Map<string, { total: number; weight: number }>()
  readonly #loss = { total: 0, weight: 0 }
  #weighedBy: string | undefined

  /** Adds a batch, whose loss is the number `loss`. */
  add({ weight, weighedBy, metrics }: Measured, loss: number): void {
    this.#weighedBy ??= weighedBy
    if (weighedBy !== this.#weighedBy)
      throw new UsageError({
        operation: 'Trainer',
        expected: `each batch weighed by ${this.#weighedBy}, as the first is`,
        found: `one weighed by ${weighedBy}`,
        hint: 'let the loss return { loss, weight } for every batch',
      })
    addTo(this.#loss, loss, weight)
    for (const [name, metric] of Object.entries(metrics)) {
      let sum = this.#sums.get(name)
      if (sum === undefined) this.#sums.set(name, (sum = { total: 0, weight: 0 }))
      addTo(sum, metric.value, metric.weight)
    }
  }

  get weight(): number {
    return this.#loss.weight
  }
  /** 0 where nothing counted, as the loss of such a batch is. */
  get loss(): number {
    return this.#loss.total / (this.#loss.weight || 1)
  }
  get metrics(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      [...this.#sums].map(([name, { total, weight }]) => [name, total / (weight || 1)]),
    )
  }
}

/** What counts for nothing is not looked at: the mean of nothing may be NaN. */
function addTo(sum: { total: number; weight: number }, value: number, weight: number): void {
  if (weight === 0) return
  sum.total += weight * value
  sum.weight += weight
}
