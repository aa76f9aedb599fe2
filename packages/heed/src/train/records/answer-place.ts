/** So many characters on each side of a place are looked at. */
const around = 120
/** Places that are compared, at most. */
const mostPlaces = 64
const word = /[\p{L}\p{N}]+/gu
const isWord = /[\p{L}\p{N}]/u

/**
 * Where an answer's text is most likely meant: of the places where it stands as whole words, or else of all,
 * the one that most of the question's words are nearest to, of equals the first. −1 where the context lacks
 * it.
 */
export function likeliestPlace(answer: string, context: string, question: string): number {
  const first = context.indexOf(answer)
  if (first < 0 || answer === '') return first
  const places: number[] = []
  for (let at = first; at >= 0 && places.length < mostPlaces; at = context.indexOf(answer, at + 1))
    places.push(at)
  const whole = places.filter((at) => isWhole(answer, context, at))
  const chosen = whole.length > 0 ? whole : places
  if (chosen.length === 1) return chosen[0]!
  const asked = new Set(question.toLowerCase().match(word) ?? [])
  const near = (at: number): number => {
    const [begin, end] = [Math.max(0, at - around), at + answer.length]
    const nearest = new Map<string, number>()
    for (const { 0: found, index } of context
      .slice(begin, end + around)
      .toLowerCase()
      .matchAll(word)) {
      if (!asked.has(found)) continue
      const start = begin + index
      const apart = start < at ? at - start - found.length : start - end
      nearest.set(found, Math.min(nearest.get(found) ?? around, Math.max(0, apart)))
    }
    return [...nearest.values()].reduce((sum, apart) => sum + 1 - apart / around, 0)
  }
  return chosen.reduce((best, at) => (near(at) > near(best) ? at : best))
}

/** Whether no word goes on beyond either end. */
function isWhole(answer: string, context: string, at: number): boolean {
  const joins = (left: string | undefined, right: string | undefined): boolean =>
    left !== undefined && right !== undefined && isWord.test(left) && isWord.test(right)
  const end = at + answer.length
  return !joins(context[at - 1], context[at]) && !joins(context[end - 1], context[end])
}
