/** Words, and how rare they are, for what needs no model. */

/** Words of letters and digits in small letters, numbers whole. */
export function plainWords(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+(?:['’][\p{L}]+)?/gu) ?? []
}

/** How rare a word is among texts: ln((1 + N) / (1 + n)) + 1 of N texts, of which n have it. */
export function rarityIn(texts: Iterable<readonly string[]>): (word: string) => number {
  const having = new Map<string, number>()
  let count = 0
  for (const words of texts) {
    count++
    for (const word of new Set(words)) having.set(word, (having.get(word) ?? 0) + 1)
  }
  return (word) => Math.log((1 + count) / (1 + (having.get(word) ?? 0))) + 1
}

/** Of two texts' words, the weight of those in both over that of all: Jaccard's measure by rarity. */
export function sharedWeight(
  a: readonly string[],
  b: readonly string[],
  rarity: (word: string) => number,
): number {
  const [left, right] = [new Set(a), new Set(b)]
  let [both, all] = [0, 0]
  for (const word of new Set([...left, ...right])) {
    const weight = rarity(word)
    all += weight
    if (left.has(word) && right.has(word)) both += weight
  }
  return all > 0 ? both / all : 0
}
