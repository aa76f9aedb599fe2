import type { TrainingState } from './checkpoint.js'
import { wrongOption } from './check-options.js'
import type { BestBy, EvaluationPlan } from './options.js'

/** The best evaluation of a run so far, and how many there were since. */
export class BestEvaluation {
  readonly #metric: string
  readonly #higher: boolean
  readonly #patience: number
  #value: number | undefined
  #loss: number | undefined
  #step: number | undefined
  #waited = 0

  constructor({ best, patience = Infinity }: Pick<EvaluationPlan<never, never>, 'best' | 'patience'> = {}) {
    const { metric, higher = metric !== 'loss' }: BestBy = best ?? { metric: 'loss' }
    this.#metric = metric
    this.#higher = higher
    this.#patience = patience
  }

  /** What it goes by, as part of a fingerprint: values of another metric don't compare. */
  get description(): string {
    return this.#metric === 'loss' ? '' : `, best by ${this.#higher ? 'most' : 'least'} ${this.#metric}`
  }
  get value(): number | undefined {
    return this.#value
  }
  get loss(): number | undefined {
    return this.#loss
  }
  get step(): number | undefined {
    return this.#step
  }
  /** Whether too many evaluations in a row were no better. */
  get isLost(): boolean {
    return this.#waited >= this.#patience
  }

  /**
   * Takes an evaluation into account.
   *
   * @returns whether it is the best
   * @throws UsageError where it lacks the metric
   */
  isBest(step: number, loss: number, metrics: Readonly<Record<string, number>>): boolean {
    const value = this.valueOf(loss, metrics)
    const isBest =
      Number.isFinite(value) &&
      (this.#value === undefined || (this.#higher ? value > this.#value : value < this.#value))
    this.#waited = isBest ? 0 : this.#waited + 1
    if (isBest) {
      this.#value = value
      this.#loss = loss
      this.#step = step
    }
    return isBest
  }

  /** The number that an evaluation is compared by. */
  valueOf(loss: number, metrics: Readonly<Record<string, number>>): number {
    if (this.#metric === 'loss') return loss
    if (Object.hasOwn(metrics, this.#metric)) return metrics[this.#metric]!
    const names = ['loss', ...Object.keys(metrics)]
    throw wrongOption(`evaluation.best.metric, one of ${names.join(', ')}`, `'${this.#metric}'`)
  }

  /** For a checkpoint. */
  get state(): Pick<TrainingState, 'best' | 'bestLoss' | 'bestStep' | 'waited'> {
    return {
      best: this.#value ?? null,
      bestLoss: this.#loss ?? null,
      bestStep: this.#step ?? null,
      waited: this.#waited,
    }
  }

  restore({ best, bestLoss, bestStep, waited }: BestEvaluation['state']): void {
    this.#value = best ?? undefined
    this.#loss = bestLoss ?? undefined
    this.#step = bestStep ?? undefined
    this.#waited = waited
  }
}
