/**
 * Beam search: of all texts that the running ones go on with in a step, the likeliest run on. The rules for
 * which end, and when to stop, are those of Hugging Face's `generate`.
 */
import { StateError } from '../base/index.js'
import { scope, withDevice } from '../tensor/index.js'
import type { Decoding, Writable } from './decoding.js'
import { LogitRows } from './logit-rows.js'
import type { Plan } from './plan.js'
import type { TextEnd } from './rows.js'
import { logProbabilityOf } from './sampling.js'
import { observedStep } from './watch.js'
import { largestIds } from './weights.js'

/** A text that beam search found. */
export interface FoundText {
  readonly prompt: number
  /** What follows the prompt. */
  readonly ids: readonly number[]
  /** The sum of the log probabilities over (number of ids) ** lengthPenalty. */
  readonly score: number
  readonly end: TextEnd
}

/** A text that runs on. */
interface Beam {
  readonly ids: readonly number[]
  /** The sum of the log probabilities so far. */
  readonly sum: number
}

/** A text that may be the next step's. */
interface Branch extends Beam {
  /** Which of the running beams it goes on from. */
  readonly parent: number
  readonly end: TextEnd | undefined
}

/**
 * Searches for all prompts together. Yields after each step of the model, and gives the best texts of each
 * prompt, the best first.
 */
export function* searchBeams(writable: Writable, plan: Plan): Generator<void, FoundText[], void> {
  const searches = plan.prompts.map((prompt, i) => new Search(plan, prompt, i, writable.context))
  const { device } = plan
  const decoding = withDevice(device, () => writable.begin(searches.length))
  const logits = new LogitRows()
  try {
    let open = searches.filter(({ isOpen }) => isOpen)
    if (open.length < searches.length) decoding.keep(open.map(({ prompt }) => prompt))
    for (let step = 0; open.length > 0; step++) {
      if (plan.signal?.aborted === true) {
        for (const search of open) search.abort()
        break
      }
      withDevice(device, () => {
        const ids = open.flatMap((search) => search.fresh)
        const rows = open.flatMap(({ prompt, running }) => running.map(() => prompt))
        const run = (): void => scope(() => logits.read(decoding.step(ids)))
        observedStep(plan.watch, { step, rows, ids }, run)
        let row = 0
        const kept: number[] = []
        for (const search of open) {
          const first = row
          row += search.running.length
          kept.push(...search.advance((beam) => logits.row(first + beam)).map((beam) => first + beam))
        }
        open = open.filter(({ isOpen }) => isOpen)
        if (open.length > 0) keepBeams(decoding, kept, row)
      })
      yield
    }
    return searches.flatMap((search) => search.found())
  } finally {
    decoding.dispose()
  }
}

/** Beams that go on as they are need no copies. */
function keepBeams(decoding: Decoding, kept: readonly number[], rows: number): void {
  if (kept.length !== rows || kept.some((row, place) => row !== place)) decoding.keep(kept)
}

/** The search for one prompt. */
class Search {
  readonly prompt: number
  readonly #plan: Plan
  readonly #promptLength: number
  readonly #limit: number
  readonly #context: number
  /** Those that ended, the best first: `beams` at most. */
  #ended: FoundText[] = []
  #isOpen: boolean
  #running: readonly Beam[]

  constructor(plan: Plan, prompt: readonly number[], index: number, context: number) {
    this.prompt = index
    this.#plan = plan
    this.#promptLength = prompt.length
    this.#limit = plan.limitOf(prompt.length)
    this.#context = context
    this.#running = [{ ids: prompt, sum: 0 }]
    this.#isOpen = this.#limit > 0
    if (!this.#isOpen) this.#ended = [{ prompt: index, ids: [], score: 0, end: 'tokens' }]
  }

  /** Whether another step may find a better text. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  get running(): readonly Beam[] {
    return this.#running
  }

  /** The ids that the model has not seen, of each running text. */
  get fresh(): readonly (readonly number[])[] {
    const first = this.#running[0]!.ids.length === this.#promptLength
    return this.#running.map(({ ids }) => (first ? ids : ids.slice(-1)))
  }

  /**
   * Takes the logits of each running text, and gives which of those the texts that run on come from; none
   * where the search ends.
   */
  advance(logitsOf: (beam: number) => Float32Array | Float64Array): readonly number[] {
    const { beams, stop, earlyStopping } = this.#plan
    // Those that end must not leave fewer than `beams` to run on.
    const branches = this.#branches(logitsOf, Math.max(2, 1 + stop.size) * beams)
    for (const branch of branches.slice(0, beams)) if (branch.end !== undefined) this.#end(branch, branch.end)
    const next = branches.filter(({ end }) => end === undefined).slice(0, beams)
    this.#running = next
    const isFull = this.#ended.length >= beams
    this.#isOpen = next.length > 0 && !(isFull && (earlyStopping === true || !this.#canImprove()))
    return this.#isOpen ? next.map(({ parent }) => parent) : []
  }

  /** Ends all running texts where they are. */
  abort(): void {
    for (const beam of this.#running) if (beam.ids.length > this.#promptLength) this.#end(beam, 'aborted')
    this.#isOpen = false
  }

  /** The best texts, as many as are wanted of each prompt. */
  found(): FoundText[] {
    return this.#ended.slice(0, this.#plan.perPrompt)
  }

  /** The `count` likeliest texts of one token more, of equals those of the earlier beam and the lower id. */
  #branches(logitsOf: (beam: number) => Float32Array | Float64Array, count: number): Branch[] {
    const { functions } = this.#plan
    const branches = this.#running.flatMap(({ ids, sum }, parent) => {
      const logits = logitsOf(parent)
      const logProbability = logProbabilityOf(logits)
      let scores = logits
      let scoreOf = (id: number): number => logProbability(logits[id]!)
      if (functions.length > 0) {
        const changed = (scores = logits instanceof Float32Array ? logits : new Float32Array(logits.length))
        for (let id = 0; id < logits.length; id++) changed[id] = logProbability(logits[id]!)
        const step = ids.length - this.#promptLength
        for (const change of functions) change(changed, { ids, promptLength: this.#promptLength, step })
        scoreOf = (id) => changed[id]!
      }
      return Array.from(largestIds(scores, count), (id) => ({ parent, id, ids, sum: sum + scoreOf(id) }))
    })
    return branches
      .filter(({ sum }) => sum > -Infinity)
      .sort((a, b) => b.sum - a.sum)
      .slice(0, count)
      .map(({ parent, id, ids, sum }) => ({
        parent,
        ids: [...ids, id],
        sum,
        end: this.#endOf(id, ids.length + 1),
      }))
  }

  #endOf(id: number, length: number): TextEnd | undefined {
    const { stop, contextEnd, operation } = this.#plan
    if (stop.has(id)) return 'stop'
    if (length - this.#promptLength >= this.#limit) return 'tokens'
    if (length <= this.#context) return undefined
    if (contextEnd === 'stop') return 'context'
    throw new StateError({
      operation,
      expected: `texts of at most ${this.#context} ids, the model's context`,
      found: 'one that goes on',
      hint: "write fewer tokens, or give contextEnd: 'stop'",
    })
  }

  #end({ ids, sum }: Beam, end: TextEnd): void {
    const { beams, lengthPenalty } = this.#plan
    const written = ids.slice(this.#promptLength)
    const score = sum / written.length ** lengthPenalty
    this.#ended.push({ prompt: this.prompt, ids: written, score, end })
    this.#ended.sort((a, b) => b.score - a.score)
    this.#ended.length = Math.min(this.#ended.length, beams)
  }

  /** Whether the best running text may come to score better than the worst of those that ended. */
  #canImprove(): boolean {
    const { lengthPenalty, earlyStopping } = this.#plan
    const { ids, sum } = this.#running[0]!
    const length =
      earlyStopping === 'never' && lengthPenalty > 0 ? this.#limit : ids.length - this.#promptLength
    return sum / length ** lengthPenalty > this.#ended.at(-1)!.score
  }
}
