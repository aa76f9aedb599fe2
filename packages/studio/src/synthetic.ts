import type { AttendResult, HeadView, LayerView, LossPoint, Prediction, Report, Token } from './types.js'

/**
 * Reports for tests, from a seed: filters like those of trained models (heads that attend to the previous
 * token, to the first, to what followed last time, to a window, to some content), sharpening over training.
 */
export interface Synthetic {
  readonly seed: number
  readonly words: readonly string[]
  readonly layers: number
  readonly heads: number
  /** Number of snapshots; 0 leaves training out. */
  readonly snapshots: number
  /** Whether queries attend to later keys too. */
  readonly both?: boolean
}

/** Numbers from 0 to 1 (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Where the same word, last time, was followed by something: that follower, for each query; -1 if none. */
function followers(words: readonly string[]): number[] {
  return words.map((word, query) => {
    const earlier = words.lastIndexOf(word, query - 1)
    return query > 0 && earlier >= 0 ? earlier + 1 : -1
  })
}

const KINDS = ['previous', 'first', 'induction', 'window', 'content', 'even'] as const

function score(
  kind: (typeof KINDS)[number],
  query: number,
  key: number,
  follower: number,
  liking: number,
): number {
  if (kind === 'previous') return key === query - 1 ? 7 : key === query ? 1 : 0
  if (kind === 'first') return key === 0 ? 6 : 0
  if (kind === 'induction') return key === follower ? 7 : follower < 0 && key === 0 ? 5 : 0
  if (kind === 'window') return 3 - 0.9 * Math.abs(query - key)
  if (kind === 'content') return 4 * liking
  return 0
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

function view(options: Synthetic, head: number, sharpness: number): HeadView {
  const { words, both } = options
  const next = random(options.seed * 7919 + head * 131 + 1)
  const kind = KINDS[Math.floor(next() * KINDS.length + head) % KINDS.length]!
  const likings = words.map(() => next() ** 3)
  const follower = followers(words)
  const filter = words.map((_, query) => {
    const weights = words.map((__, key) => {
      const noise = next() * 0.8
      if (both !== true && key > query) return 0
      return Math.exp(sharpness * score(kind, query, key, follower[query]!, likings[key]!) + noise)
    })
    const sum = weights.reduce((total, weight) => total + weight, 0)
    return weights.map((weight) => weight / sum)
  })
  return {
    filter,
    entropy: mean(
      filter.map((row) => row.reduce((sum, weight) => sum - (weight > 0 ? weight * Math.log(weight) : 0), 0)),
    ),
    previous: mean(filter.slice(1).map((row, index) => row[index]!)),
    first: mean(filter.slice(1).map((row) => row[0]!)),
    induction: mean(filter.flatMap((row, query) => (follower[query]! > 0 ? [row[follower[query]!]!] : []))),
  }
}

function layersAt(options: Synthetic, sharpness: number): LayerView[] {
  return Array.from({ length: options.layers }, (_, layer) => ({
    heads: Array.from({ length: options.heads }, (__, head) =>
      view(options, layer * options.heads + head, sharpness),
    ),
  }))
}

function predictions(next: () => number): Prediction[] {
  let left = 1
  return [' slept', ' sat', '.', ' ran', '\n', ' was', ' and', ' lay'].map((text, id) => {
    const probability = left * (0.25 + 0.2 * next())
    left -= probability
    return { id, text, probability }
  })
}

function training(options: Synthetic, next: () => number): NonNullable<Report['training']> {
  const last = 2000
  const steps: LossPoint[] = []
  for (let step = 0; step <= last; step += 10) {
    const loss = 1.9 + 2.6 * Math.exp(-step / 420) + 0.12 * (next() - 0.5)
    const validation = 2.05 + 2.45 * Math.exp(-step / 430) + 0.02 * next()
    steps.push(step % 100 === 0 ? { step, loss, validation } : { step, loss })
  }
  return {
    steps,
    snapshots: Array.from({ length: options.snapshots }, (_, index) => {
      const step = Math.round((last * index ** 1.6) / Math.max(1, options.snapshots) ** 1.6 / 10) * 10
      return { step, layers: layersAt(options, 1 - Math.exp(-step / 500)) }
    }),
  }
}

export function syntheticReport(options: Synthetic): Report {
  const next = random(options.seed)
  let end = 0
  const tokens: Token[] = options.words.map((text) => {
    const start = end
    end += text.length
    return { id: Math.floor(next() * 50000), text, start, end }
  })
  const attend: AttendResult = {
    text: options.words.join(''),
    tokens,
    layers: layersAt(options, 1),
    next: predictions(next),
  }
  const report: Report = {
    title: 'How a small model reads a sentence',
    model: {
      name: 'synthetic',
      parameters: 1_234_567,
      layers: options.layers,
      heads: options.heads,
      width: 128,
    },
    attend,
  }
  return options.snapshots > 0 ? { ...report, training: training(options, next) } : report
}

/** A sentence with repetitions, as tokens. */
export const SENTENCE: readonly string[] =
  'The| cat| sat| on| the| mat|.| The| cat| sat| on| the| chair|,| and| the| cat'.split('|')

/** `count` tokens of running text. */
export function longText(count: number, seed: number): string[] {
  const next = random(seed)
  const vocabulary =
    ' the| of| and| attention| model| token| sequence| each| query| key| value| attends| to| in|,|.| position|ing| layer| head'.split(
      '|',
    )
  return Array.from({ length: count }, () => vocabulary[Math.floor(next() ** 1.5 * vocabulary.length)]!)
}
