/** Unigram as it is defined: all ways to cut a word are listed. */

/** All ways to cut a word into pieces that are there. */
export function* cutsOf(word: string, pieces: ReadonlyMap<string, number>): Generator<string[]> {
  if (word === '') yield []
  for (const piece of pieces.keys()) {
    if (piece === '' || !word.startsWith(piece)) continue
    for (const rest of cutsOf(word.slice(piece.length), pieces)) yield [piece, ...rest]
  }
}

/** How often each piece is expected in words, over all ways to cut them. */
export function expectedPieces(
  words: ReadonlyMap<string, number>,
  pieces: ReadonlyMap<string, number>,
): Map<string, number> {
  const expected = new Map<string, number>()
  for (const [word, count] of words) {
    const cuts = [...cutsOf(word, pieces)].map((cut) => ({
      cut,
      weight: Math.exp(cut.reduce((sum, piece) => sum + pieces.get(piece)!, 0)),
    }))
    const sum = cuts.reduce((total, { weight }) => total + weight, 0)
    for (const { cut, weight } of cuts) {
      for (const piece of cut) expected.set(piece, (expected.get(piece) ?? 0) + (count * weight) / sum)
    }
  }
  return expected
}

/**
 * The strings of up to `longest` letters that occur twice or more in different words, and are followed by two
 * different letters or the end of a word; with their occurrences.
 */
export function seedStrings(words: Iterable<string>, longest: number): Map<string, number> {
  const occurrences = new Map<string, number>()
  const followers = new Map<string, Set<string>>()
  for (const word of words) {
    const letters = [...word]
    for (let start = 0; start < letters.length; start++) {
      for (let length = 2; length <= longest && start + length <= letters.length; length++) {
        const string = letters.slice(start, start + length).join('')
        occurrences.set(string, (occurrences.get(string) ?? 0) + 1)
        const after = followers.get(string) ?? new Set()
        followers.set(string, after.add(letters[start + length] ?? ''))
      }
    }
  }
  return new Map([...occurrences].filter(([string]) => followers.get(string)!.size > 1))
}

/** Mean negative log-probability a word of the best cut; a letter without a piece has the lowest − 10. */
export function meanLoss(words: ReadonlyMap<string, number>, pieces: ReadonlyMap<string, number>): number {
  let longest = 0
  let unknown = 0
  for (const [piece, score] of pieces) {
    longest = Math.max(longest, [...piece].length)
    unknown = Math.min(unknown, score)
  }
  let sum = 0
  let all = 0
  for (const [word, count] of words) {
    const letters = [...word]
    const best = [0]
    for (let end = 1; end <= letters.length; end++) {
      best[end] = -Infinity
      for (let start = Math.max(0, end - longest); start < end; start++) {
        const score =
          pieces.get(letters.slice(start, end).join('')) ?? (end - start === 1 ? unknown - 10 : -Infinity)
        best[end] = Math.max(best[end]!, best[start]! + score)
      }
    }
    sum -= count * best.at(-1)!
    all += count
  }
  return sum / all
}
