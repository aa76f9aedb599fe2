import type { AttendResult, LayerView, Snapshot } from '@heed/studio'

/** A frame of a film, as a line of its file. */
export interface Frame extends Snapshot {
  /** What was attended to: frames of other texts don't belong together. The first films did not say it. */
  readonly text?: string
}

/**
 * Bytes of filters that a film may have, two for each weight, as the page counts them. A quarter of what a
 * page takes: while the frames wait to be shown they take four times as much memory.
 */
export const filmBytes: number = 64 * 1024 * 1024

/** The weights of a frame take so many digits. */
const digits = 4

/** The filters of a result, in the digits that a page shows. */
export function frameOf(step: number, { text, layers }: AttendResult): Frame {
  const short = (value: number): number => Number(value.toFixed(digits))
  return {
    step,
    text,
    layers: layers.map(({ heads }): LayerView => ({
      heads: heads.map(({ filter, entropy, previous, first, induction }) => ({
        filter: filter.map((row) => row.map(short)),
        entropy: short(entropy),
        previous: short(previous),
        first: short(first),
        induction: short(induction),
      })),
    })),
  }
}

/** A frame from a line's JSON; undefined where it is none. */
export function frameFrom(value: unknown): Frame | undefined {
  const { step, text, layers } = recordOf(value)
  const whole = Number.isSafeInteger(step) && (step as number) >= 0
  const named = text === undefined || typeof text === 'string'
  if (!whole || !named || !Array.isArray(layers)) return undefined
  return layers.every((layer) => {
    const { heads } = recordOf(layer)
    return Array.isArray(heads) && heads.every(isHead)
  })
    ? (value as Frame)
    : undefined
}

function isHead(value: unknown): boolean {
  const { filter, entropy, previous, first, induction } = recordOf(value)
  if (![entropy, previous, first, induction].every(Number.isFinite) || !Array.isArray(filter)) return false
  const isWeight = (weight: unknown): boolean => typeof weight === 'number' && weight >= 0 && weight <= 1
  const row = (filter as readonly unknown[])[0]
  const keys = Array.isArray(row) ? row.length : 0
  return filter.every((each) => Array.isArray(each) && each.length === keys && each.every(isWeight))
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** How many tokens fit, so that a film has room for two frames of that many heads. */
export function filmedTokens(heads: number): number {
  return Math.max(1, Math.floor(Math.sqrt(filmBytes / (2 * 2 * heads))))
}

/** What the frames of a film have in common. */
export interface Scene {
  readonly text: string
  readonly tokens: number
  /** What they attend to, where that is another text. */
  readonly keys?: number
  readonly layers: number
  /** In each layer. */
  readonly heads: number
}

/**
 * The frames of one text, as many as there is room for, evenly over the run: where they become too many,
 * every other one is left out, and so are those that come later in between.
 */
export class Film {
  readonly #scene: Scene
  /** How many frames there is room for, beside the one that is shown large. */
  readonly #room: number
  #frames: Frame[] = []
  #count = 0
  #every = 1
  #others = 0

  constructor(scene: Scene) {
    this.#scene = scene
    const { layers, heads, tokens, keys = tokens } = scene
    const bytes = 2 * layers * heads * tokens * keys
    this.#room = Math.max(1, Math.floor(filmBytes / bytes) - 1)
  }

  /** How many frames are left out for want of room. */
  get leftOut(): number {
    return this.#count - this.#frames.length
  }
  /** How many were of another text or model. */
  get others(): number {
    return this.#others
  }

  add(frame: Frame): void {
    if (!this.#fits(frame)) {
      this.#others++
      return
    }
    if (this.#count++ % this.#every === 0) this.#frames.push(frame)
    while (this.#frames.length > this.#room) {
      this.#frames = this.#frames.filter((_, i) => i % 2 === 0)
      this.#every *= 2
    }
  }

  /** The frames before a step. */
  before(step: number): readonly Snapshot[] {
    return this.#frames
      .filter((frame) => frame.step < step)
      .map(({ step: at, layers }) => ({ step: at, layers }))
  }

  #fits({ text, layers }: Frame): boolean {
    const { text: own, tokens, keys = tokens, layers: depth, heads: width } = this.#scene
    const isWhole = (filter: readonly (readonly number[])[]): boolean =>
      filter.length === tokens && filter[0]?.length === keys
    return (
      (text === undefined || text === own) &&
      layers.length === depth &&
      layers.every(({ heads }) => heads.length === width && heads.every(({ filter }) => isWhole(filter)))
    )
  }
}
