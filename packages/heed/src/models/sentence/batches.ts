/**
 * Texts of these lengths in batches, each a list of their numbers: of like lengths, the longest first, at
 * most `tokens` tokens together, or one text.
 */
export function batchesByLength(lengths: readonly number[], tokens: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b)
  const batches: number[][] = []
  let room = 0
  for (const i of order) {
    const length = lengths[i]!
    if (batches.length === 0 || length > room) {
      batches.push([])
      room = tokens
    }
    batches.at(-1)!.push(i)
    room -= length
  }
  return batches
}
