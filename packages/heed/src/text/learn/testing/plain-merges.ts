/** Byte pair encoding as it is defined: all pairs are counted anew for each merge. */
export interface PlainMergeOptions {
  readonly vocabularySize: number
  readonly minimumFrequency: number
  readonly tokenLength: number
  readonly prefix: string
}

export type PlainMerge = readonly [left: string, right: string, count: number]

/** Merges of words that are spelled as lists of tokens, the most frequent pair of the lowest ids first. */
export function plainMerges(
  words: readonly (readonly [word: readonly string[], count: number])[],
  vocabulary: readonly string[],
  options: PlainMergeOptions,
): PlainMerge[] {
  const ids = new Map(vocabulary.map((token, id) => [token, id]))
  const letters = new Map(vocabulary.map((token) => [token, 1]))
  let spelled = words
  const merges: PlainMerge[] = []
  while (ids.size < options.vocabularySize) {
    const counts = new Map<string, number>()
    for (const [tokens, count] of spelled) {
      for (let i = 1; i < tokens.length; i++) {
        const pair = `${tokens[i - 1]!}\n${tokens[i]!}`
        counts.set(pair, (counts.get(pair) ?? 0) + count)
      }
    }
    const candidates = [...counts]
      .map(([pair, count]) => ({ pair: pair.split('\n') as [string, string], count }))
      .filter(({ pair: [left, right], count }) => {
        const length = letters.get(left)! + letters.get(right)!
        return (
          count >= Math.max(1, options.minimumFrequency) && (length === 2 || length < options.tokenLength)
        )
      })
      .sort(
        (a, b) =>
          b.count - a.count ||
          ids.get(a.pair[0])! - ids.get(b.pair[0])! ||
          ids.get(a.pair[1])! - ids.get(b.pair[1])!,
      )
    const best = candidates[0]
    if (best === undefined) break
    const [left, right] = best.pair
    const token = left + (right.startsWith(options.prefix) ? right.slice(options.prefix.length) : right)
    if (!ids.has(token)) ids.set(token, ids.size)
    letters.set(token, letters.get(left)! + letters.get(right)!)
    merges.push([left, right, best.count])
    spelled = spelled.map(([tokens, count]) => [merged(tokens, left, right, token), count])
  }
  return merges
}

function merged(tokens: readonly string[], left: string, right: string, token: string): string[] {
  const result: string[] = []
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i] === left && tokens[i + 1] === right) {
      result.push(token)
      i++
    } else result.push(tokens[i]!)
  }
  return result
}
