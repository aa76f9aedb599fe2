/**
 * What may follow a text, to be tried in one step of the model: as many tries as agree with what the model
 * chooses itself are tokens won (Leviathan et al. 2023, "Fast Inference from Transformers via Speculative
 * Decoding"; prompt lookup: Saxena 2023).
 */
import { scope } from '../tensor/index.js'
import type { Decoding } from './decoding.js'
import { LogitRows } from './logit-rows.js'
import type { DraftOptions, LookupOptions } from './options.js'
import { largestIds } from './weights.js'

/** Says what may follow each of some texts. */
export interface Drafter {
  /** @param most how many ids for each text at most */
  propose(texts: readonly (readonly number[])[], most: readonly number[]): (readonly number[])[]
  /** Goes on with these texts alone. */
  keep(rows: readonly number[]): void
  dispose(): void
}

/** What was tried of a text. */
interface Tried {
  /** How many ids at most. */
  readonly ahead: number
  /** Where they stood. */
  readonly from: number
  readonly ids: readonly number[]
}

/**
 * Looks in the text itself. Of a text where that fails few ids are tried, and twice as many each time that
 * all were right: a text that does not repeat itself takes hardly longer than without.
 */
export class LookupDrafter implements Drafter {
  readonly #ngram: number
  readonly #tokens: number
  #tried: (Tried | undefined)[] = []

  constructor({ ngram, tokens }: Required<LookupOptions>) {
    this.#ngram = ngram
    this.#tokens = tokens
  }

  propose(texts: readonly (readonly number[])[], most: readonly number[]): (readonly number[])[] {
    this.#tried = texts.map((text, row) => {
      const ahead = this.#aheadOf(text, this.#tried[row])
      return { ahead, from: text.length, ids: lookUp(text, this.#ngram, Math.min(ahead, most[row]!)) }
    })
    return this.#tried.map((tried) => tried!.ids)
  }

  #aheadOf(text: readonly number[], tried: Tried | undefined): number {
    if (tried === undefined) return this.#tokens
    const { ahead, from, ids } = tried
    const right = ids.findIndex((id, i) => text[from + i] !== id)
    return right < 0 ? Math.min(ids.length === 0 ? ahead : 2 * ahead, this.#tokens) : Math.max(1, right)
  }

  keep(rows: readonly number[]): void {
    this.#tried = rows.map((row) => this.#tried[row])
  }

  dispose(): void {}
}

/**
 * What followed the last place where the text's last `ngram` ids came before; where they didn't, of fewer.
 */
export function lookUp(ids: readonly number[], ngram: number, most: number): readonly number[] {
  if (most === 0) return []
  for (let size = Math.min(ngram, ids.length - 1); size > 0; size--) {
    const end = ids.length - size
    for (let start = end - 1; start >= 0; start--) {
      let met = 0
      while (met < size && ids[start + met] === ids[end + met]) met++
      if (met < size) continue
      // A text that repeats itself goes on with what was found.
      const found: number[] = []
      for (let at = start + size; found.length < most; at++) found.push(ids[at] ?? found[at - ids.length]!)
      return found
    }
  }
  return []
}

/** Asks a smaller model for its likeliest tokens. */
export class ModelDrafter implements Drafter {
  readonly #decoding: Decoding
  readonly #tokens: number
  readonly #logits = new LogitRows()
  /** The ids that the decoding of each row has. */
  #held: number[][]

  constructor({ model, tokens }: Required<DraftOptions>, prompts: number) {
    this.#decoding = model.begin(prompts)
    this.#tokens = tokens
    this.#held = Array.from({ length: prompts }, () => [])
  }

  propose(texts: readonly (readonly number[])[], most: readonly number[]): (readonly number[])[] {
    const { context } = this.#decoding
    const counts = texts.map(({ length }, row) =>
      Math.max(0, Math.min(this.#tokens, most[row]!, context - length + 1)),
    )
    const found: number[][] = texts.map(() => [])
    let fed = texts.map((ids, row) => (counts[row]! > 0 ? this.#catchUp(row, ids) : []))
    while (fed.some((ids) => ids.length > 0)) {
      const running = fed.flatMap((ids, row) => (ids.length > 0 ? [row] : []))
      scope(() => this.#logits.read(this.#decoding.step(fed)))
      running.forEach((row, place) => {
        this.#held[row]!.push(...fed[row]!)
        found[row]!.push(largestIds(this.#logits.row(place), 1)[0]!)
      })
      fed = found.map((ids, row) => (running.includes(row) && ids.length < counts[row]! ? [ids.at(-1)!] : []))
    }
    return found
  }

  /** Forgets what the text went on otherwise with; gives what is missing, at least the last id. */
  #catchUp(row: number, ids: readonly number[]): readonly number[] {
    const held = this.#held[row]!
    let same = 0
    while (same < held.length && same < ids.length - 1 && held[same] === ids[same]) same++
    if (same < held.length) this.#decoding.truncate(row, same)
    held.length = same
    return ids.slice(same)
  }

  keep(rows: readonly number[]): void {
    this.#decoding.keep(rows)
    this.#held = rows.map((row) => [...this.#held[row]!])
  }

  dispose(): void {
    this.#decoding.dispose()
  }
}
