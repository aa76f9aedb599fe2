/**
 * Entities from labels of tokens, as transformers' token-classification pipeline makes them: neighbours of
 * one label, where B- begins a new entity and I- goes on (Ramshaw and Marcus 1995, "Text Chunking using
 * Transformation-Based Learning").
 */
import { createTextDecoder, type Tokenizer } from '../text/index.js'

/** How tokens become entities. */
export type AggregationStrategy = 'none' | 'simple' | 'first' | 'average' | 'max'
export const aggregationStrategies: readonly AggregationStrategy[] = [
  'none',
  'simple',
  'first',
  'average',
  'max',
]

/** Tokens that name one thing. */
export interface Entity {
  /** The label without B- and I-. */
  readonly entity_group: string
  /** The mean of its tokens', or its words'. */
  readonly score: number
  /** What its tokens decode to; `text.slice(start, end)` is what stands in the text. */
  readonly word: string
  /** Its place in the text, [start, end) in UTF-16 units. */
  readonly start: number
  readonly end: number
}

/** A token of a text, with the probability of each label. */
export interface ScoredToken {
  /** As the vocabulary spells it; an unknown one, as the text does. */
  readonly word: string
  /** Whether it goes on with the word of the token before. */
  readonly continues: boolean
  readonly scores: Float64Array
  readonly index: number
  readonly start: number
  readonly end: number
}

/** Tokens, or one, with the label that they have together. */
interface Labelled {
  readonly label: string
  readonly score: number
  readonly word: string
  readonly start: number
  readonly end: number
}

/** What words and labels are made of. */
export interface Aggregator {
  readonly labels: readonly string[]
  /** A token of a text. */
  token(text: string, id: number, start: number, end: number): Pick<ScoredToken, 'word' | 'continues'>
  entities(tokens: readonly ScoredToken[], strategy: Exclude<AggregationStrategy, 'none'>): Entity[]
}

export function createAggregator(tokenizer: Tokenizer, labels: readonly string[]): Aggregator {
  const { decoder, model } = tokenizer.definition
  const decode =
    decoder === null ? (tokens: readonly string[]) => tokens.join(' ') : createTextDecoder(decoder)
  const marked = 'continuing_subword_prefix' in model && Boolean(model.continuing_subword_prefix)
  const unknown = ['[UNK]', '<unk>'].map((token) => tokenizer.id(token)).find((id) => id !== undefined)

  /** Tokens of a word, with one label. */
  const word = (tokens: readonly ScoredToken[], strategy: 'first' | 'average' | 'max'): Labelled => {
    const scores =
      strategy === 'first'
        ? tokens[0]!.scores
        : strategy === 'max'
          ? tokens.reduce((best, token) =>
              Math.max(...token.scores) > Math.max(...best.scores) ? token : best,
            ).scores
          : labels.map((_, label) => mean(tokens.map((token) => token.scores[label]!)))
    return labelled(decode(tokens.map((token) => token.word)), scores, tokens)
  }
  const labelled = (
    word: string,
    scores: ArrayLike<number>,
    tokens: readonly Pick<Labelled, 'start' | 'end'>[],
  ): Labelled => {
    const best = largestOf(scores)
    const { start } = tokens[0]!
    return { label: labels[best]!, score: scores[best]!, word, start, end: tokens.at(-1)!.end }
  }
  return {
    labels,
    token(text, id, start, end) {
      const reference = text.slice(start, end)
      if (id === unknown) return { word: reference, continues: false }
      const spelled = tokenizer.token(id)!
      const continues = marked
        ? [...spelled].length !== [...reference].length
        : start > 0 && !text.slice(start - 1, start + 1).includes(' ')
      return { word: spelled, continues }
    },
    entities(tokens, strategy) {
      const parts: readonly Labelled[] =
        strategy === 'simple'
          ? tokens.map((token) => labelled(token.word, token.scores, [token]))
          : grouped(tokens, ({ continues }) => continues).map((own) => word(own, strategy))
      const groups = grouped(parts, ({ label }, before) => {
        const [begins, tag] = tagOf(label)
        return !begins && tag === tagOf(before.label)[1]
      })
      return groups.map((own) => ({
        entity_group: own[0]!.label.replace(/^[^-]*-/, ''),
        score: mean(own.map(({ score }) => score)),
        word: decode(own.map((part) => part.word)),
        start: own[0]!.start,
        end: own.at(-1)!.end,
      }))
    },
  }
}

/**
 * Entities of windows that overlap, in the order of the text: of those that overlap the longest, of equals
 * the surest.
 */
export function withoutOverlaps<E extends Pick<Entity, 'start' | 'end' | 'score'>>(
  entities: readonly E[],
): E[] {
  const kept: E[] = []
  for (const entity of entities.toSorted((a, b) => a.start - b.start)) {
    const before = kept.at(-1)
    if (before === undefined || entity.start >= before.end) {
      kept.push(entity)
      continue
    }
    const longer = entity.end - entity.start - (before.end - before.start)
    if (longer > 0 || (longer === 0 && entity.score > before.score)) kept[kept.length - 1] = entity
  }
  return kept
}

/** Neighbours in groups: one is in the group of the one before where `joins` says so. */
function grouped<T>(all: readonly T[], joins: (one: T, before: T) => boolean): T[][] {
  const groups: T[][] = []
  for (const [i, one] of all.entries())
    if (i > 0 && joins(one, all[i - 1]!)) groups.at(-1)!.push(one)
    else groups.push([one])
  return groups
}

/** Whether a label begins an entity, and which kind it is of. */
function tagOf(label: string): readonly [begins: boolean, tag: string] {
  return label.startsWith('B-')
    ? [true, label.slice(2)]
    : [false, label.startsWith('I-') ? label.slice(2) : label]
}

/** The number of the largest; of equals the first. */
export function largestOf(scores: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < scores.length; i++) if (scores[i]! > scores[best]!) best = i
  return best
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length
}
