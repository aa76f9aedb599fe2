/** Texts that are written on together, row by row of a batch, step by step of the model. */
import { randomKey, type RandomKey, StateError, uniformAt } from '../base/index.js'
import { scope, withDevice } from '../tensor/index.js'
import { type Drafter, LookupDrafter, ModelDrafter } from './drafters.js'
import type { Decoding, Writable } from './decoding.js'
import { LogitRows } from './logit-rows.js'
import type { Plan } from './plan.js'
import { logProbabilityOf, sample } from './sampling.js'
import { decoderAfter, TextPieces } from './text-pieces.js'
import { observedStep } from './watch.js'
import { largestIds } from './weights.js'

/**
 * Why a text ends: an id or a string of those that end it; as many tokens as were wanted; the model's
 * context; the signal.
 */
export type TextEnd = 'stop' | 'tokens' | 'context' | 'aborted'

/** A token and the logarithm of its probability. */
export interface LogProbability {
  readonly id: number
  readonly logProbability: number
}

/** The same, with the likeliest tokens in its place, the likeliest first. */
export interface TokenLogProbability extends LogProbability {
  readonly likeliest: readonly LogProbability[]
}

/** What one step adds to a text. */
export interface Piece {
  /** Which text: prompt i has the texts from i × perPrompt on. */
  readonly row: number
  /** Mostly one; several where they were tried together; none where the signal ends the text. */
  readonly ids: readonly number[]
  /** The text that can be given out now: whole characters, and no part of a stop string. */
  readonly text: string
  /** Of each id, where they are wanted. */
  readonly logprobs?: readonly TokenLogProbability[]
  /** Only of the last piece of a text. */
  readonly end?: TextEnd
}

/** A text that is written. */
class Row {
  readonly index: number
  readonly ids: number[]
  readonly promptLength: number
  readonly limit: number
  readonly key: RandomKey
  readonly pieces: TextPieces | undefined
  end: TextEnd | undefined

  constructor(index: number, prompt: readonly number[], plan: Plan) {
    this.index = index
    this.ids = [...prompt]
    this.promptLength = prompt.length
    this.limit = plan.limitOf(prompt.length)
    this.key = randomKey(plan.seedOf(index), 'generate')
    const { tokenizer, skipSpecial, stopStrings, starts } = plan
    const before = prompt.slice(starts)
    this.pieces = tokenizer && new TextPieces(decoderAfter(tokenizer, before, skipSpecial), stopStrings)
  }

  get written(): number {
    return this.ids.length - this.promptLength
  }
}

/**
 * Writes all texts of a plan, and gives what each step adds to them, in the order of rows.
 */
export function* writtenPieces(writable: Writable, plan: Plan): Generator<Piece[], void, void> {
  if (plan.prompts.length === 0) return
  const { device } = plan
  const batch = withDevice(device, () => new Batch(writable, plan))
  try {
    while (batch.running) yield withDevice(device, () => batch.step())
  } finally {
    batch.dispose()
  }
}

class Batch {
  readonly #plan: Plan
  readonly #decoding: Decoding
  readonly #drafter: Drafter | undefined
  readonly #logits = new LogitRows()
  /** Those that go on: at first in blocks of `perPrompt`, each block one row of the decoding. */
  #rows: Row[]
  #steps = 0

  constructor(writable: Writable, plan: Plan) {
    const { prompts, perPrompt, lookup, draft } = (this.#plan = plan)
    this.#rows = prompts.flatMap((prompt, i) =>
      Array.from({ length: perPrompt }, (_, copy) => new Row(i * perPrompt + copy, prompt, plan)),
    )
    this.#decoding = writable.begin(prompts.length)
    try {
      if (draft !== undefined) this.#drafter = new ModelDrafter(draft, prompts.length)
      else if (lookup !== undefined) this.#drafter = new LookupDrafter(lookup)
    } catch (error) {
      this.#decoding.dispose()
      throw error
    }
  }

  get running(): boolean {
    return this.#rows.length > 0
  }

  step(): Piece[] {
    const { signal } = this.#plan
    if (signal?.aborted === true) return this.#endAll()
    const pieces = this.#steps === 0 ? this.#first() : this.#next()
    this.#steps++
    const running = this.#rows.flatMap((row, place) => (row.end === undefined ? [place] : []))
    if (running.length < this.#rows.length) {
      if (running.length > 0) this.#keep(running)
      this.#rows = running.map((place) => this.#rows[place]!)
    }
    return pieces
  }

  /** Reads the prompts, each once, and writes the first token of each text. */
  #first(): Piece[] {
    const { perPrompt } = this.#plan
    const { context } = this.#decoding
    const rows = this.#rows
    const blocks = rows.filter((_, i) => i % perPrompt === 0)
    // What nothing is written after need not be read; a prompt that the context doesn't hold, only its end.
    const prompts = blocks.map(({ ids, limit }) => (limit === 0 ? [] : ids.slice(-context)))
    const places = new Map<number, number>()
    prompts.forEach(({ length }, block) => {
      if (length > 0) places.set(block, places.size)
    })
    if (places.size > 0) this.#run(prompts, blocks, false)
    const pieces = rows.map((row, i) => {
      const place = places.get(Math.floor(i / perPrompt))
      if (place !== undefined) return this.#write(row, place)
      row.end = 'tokens'
      return { row: row.index, ids: [], text: '', end: row.end }
    })
    if (perPrompt > 1) this.#keep(rows.map((_, i) => Math.floor(i / perPrompt)))
    return pieces
  }

  /** Adds to each text what follows its last token. */
  #next(): Piece[] {
    const rows = this.#rows
    const fresh = rows.map((row, place) => this.#freshOf(row, place))
    // Where a context is computed anew, the logits of all its positions are not wanted.
    const tried = fresh.every(({ length }) => length === 1) ? this.#candidates() : []
    const anyTried = tried.some(({ length }) => length > 0)
    this.#run(
      fresh.map((ids, i) => [...ids, ...(tried[i] ?? [])]),
      rows,
      anyTried,
    )
    let place = 0
    return rows.map((row, i) => {
      const candidates = tried[i] ?? []
      const piece = this.#write(row, place, candidates)
      place += 1 + candidates.length
      const wrong = 1 + candidates.length - piece.ids.length
      if (wrong > 0) this.#decoding.truncate(i, this.#decoding.lengths[i]! - wrong)
      return piece
    })
  }

  /** What the model has not seen of a text: its last id, or more where it has to forget the others. */
  #freshOf({ ids }: Row, place: number): readonly number[] {
    const { lengths, context } = this.#decoding
    if (lengths[place]! < context) return [ids.at(-1)!]
    if (this.#plan.contextEnd === 'error')
      throw new StateError({
        operation: this.#plan.operation,
        expected: `a text of at most ${context} ids, the model's context`,
        found: 'one that goes on',
        hint: "write fewer tokens, or give contextEnd: 'stop' or 'slide'",
      })
    this.#decoding.truncate(place, 0)
    return ids.slice(-Math.max(1, context >> 1))
  }

  #candidates(): readonly (readonly number[])[] {
    const { lengths, context } = this.#decoding
    const most = this.#rows.map(
      (row, place) => Math.min(row.limit - row.written, context - lengths[place]!) - 1,
    )
    const texts = this.#rows.map(({ ids }) => ids)
    return this.#drafter?.propose(texts, most) ?? []
  }

  #run(ids: readonly (readonly number[])[], rows: readonly Row[], all: boolean): void {
    const place = { step: this.#steps, rows: rows.map(({ index }) => index), ids }
    observedStep(this.#plan.watch, place, () =>
      scope(() => this.#logits.read(this.#decoding.step(ids, { all }))),
    )
  }

  /**
   * Chooses the next token of a text from a row of the logits, and goes on with the next row while what was
   * tried there is what was chosen.
   */
  #write(row: Row, place: number, candidates: readonly number[] = []): Piece {
    const { logprobs } = this.#plan
    const ids: number[] = []
    const told: TokenLogProbability[] = []
    let text = ''
    for (
      let tried = 0;
      row.end === undefined && (tried === 0 || ids.at(-1) === candidates[tried - 1]);
      tried++
    ) {
      const logits = this.#logits.row(place + tried)
      const tell = logprobs === undefined ? undefined : logProbabilitiesOf(logits, logprobs)
      const id = this.#choose(row, logits)
      ids.push(id)
      row.ids.push(id)
      if (tell !== undefined) told.push(tell(id))
      text += this.#add(row, id)
    }
    if (row.end !== undefined) text += row.pieces?.end() ?? ''
    return {
      row: row.index,
      ids,
      text,
      ...(logprobs !== undefined && { logprobs: told }),
      ...(row.end !== undefined && { end: row.end }),
    }
  }

  #choose(row: Row, given: Float32Array | Float64Array): number {
    const { functions, sampling, perPrompt } = this.#plan
    let logits = given
    if (functions.length > 0) {
      // At first the texts of one prompt share their logits.
      const isOwn = given instanceof Float32Array && (this.#steps > 0 || perPrompt === 1)
      const changed = (logits = isOwn ? given : Float32Array.from(given))
      const { ids, promptLength, written } = row
      for (const change of functions) change(changed, { ids, promptLength, step: written })
    }
    return sample(logits, sampling.temperature === 0 ? 0 : uniformAt(row.key, row.written), sampling)
  }

  /** Says why the text ends with this id, if it does. */
  #add(row: Row, id: number): string {
    const { stop, tokenizer, contextEnd } = this.#plan
    const ends = stop.has(id)
    // A model may have more ids than its tokenizer: they have no text.
    const text = ends || tokenizer?.token(id) === undefined ? '' : row.pieces!.push(id)
    if (ends || row.pieces?.stopped === true) row.end = 'stop'
    else if (row.written >= row.limit) row.end = 'tokens'
    else if (contextEnd === 'stop' && row.ids.length > this.#decoding.context) row.end = 'context'
    return text
  }

  #endAll(): Piece[] {
    const rows = this.#rows
    this.#rows = []
    return rows.map(({ index, pieces }) => ({
      row: index,
      ids: [],
      text: pieces?.end() ?? '',
      end: 'aborted',
    }))
  }

  #keep(places: readonly number[]): void {
    this.#decoding.keep(places)
    this.#drafter?.keep(places)
  }

  dispose(): void {
    this.#decoding.dispose()
    this.#drafter?.dispose()
  }
}

/** What tells the log probability of an id and those of the likeliest ids, from these logits as they are. */
function logProbabilitiesOf(
  logits: Float32Array | Float64Array,
  count: number,
): (id: number) => TokenLogProbability {
  const before = logits.slice()
  const logProbability = logProbabilityOf(before)
  const tell = (id: number): LogProbability => ({ id, logProbability: logProbability(before[id]!) })
  return (id) => ({ ...tell(id), likeliest: Array.from(largestIds(before, count), tell) })
}
