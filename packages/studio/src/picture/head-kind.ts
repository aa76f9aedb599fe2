import type { HeadView } from '../types.js'

/** The score from which a head is called by what it does. */
const telling = 0.4

/**
 * What a head mostly does, in a word, with the score that says so; undefined where none of the scores stands
 * out.
 */
export function kindOf(head: HeadView): { readonly word: string; readonly score: number } | undefined {
  const kinds = (['induction', 'previous', 'first'] as const).map((word) => ({
    word,
    score: head[word] || 0,
  }))
  const best = kinds.reduce((found, each) => (each.score > found.score ? each : found))
  return best.score >= telling ? best : undefined
}
