import type { PlacedToken } from './placed-tokens.js'

export interface PlainUnigram {
  readonly pieces: readonly (readonly [piece: string, score: number])[]
  readonly unknown: number | null
  readonly hasBytes?: boolean
}

interface Path {
  readonly sum: number
  readonly pieces: readonly { readonly id: number; readonly text: string }[]
}

/**
 * Unigram as it is defined, path by path: the best way to each place of a word, from left to right, shorter
 * pieces first; a later way wins only where it is better. null: an unknown character, and no token for it.
 */
export function plainUnigram(
  { pieces, unknown, hasBytes = false }: PlainUnigram,
  word: string,
  barred: ReadonlySet<number> = new Set(),
): readonly PlacedToken[] | null {
  const ids = new Map<string, number>()
  pieces.forEach(([piece], id) => {
    if (!barred.has(id)) ids.set(piece, id)
  })
  const worst = Math.min(...pieces.map(([, score]) => score)) - 10
  const characters = [...word]
  const best: (Path | undefined)[] = [{ sum: 0, pieces: [] }]
  for (let start = 0; start < characters.length; start++) {
    const path = best[start]!
    const go = (end: number, id: number | null, score: number): boolean => {
      const sum = score + path.sum
      if (best[end] !== undefined && !(sum > best[end].sum)) return true
      if (id === null) return false
      best[end] = { sum, pieces: [...path.pieces, { id, text: characters.slice(start, end).join('') }] }
      return true
    }
    for (let end = start + 1; end <= characters.length; end++) {
      const id = ids.get(characters.slice(start, end).join(''))
      if (id !== undefined) go(end, id, pieces[id]![1])
    }
    if (!ids.has(characters[start]!) && !go(start + 1, unknown, worst)) return null
  }
  const tokens: PlacedToken[] = []
  let at = 0
  let waiting = ''
  const tell = (): void => {
    if (waiting === '') return
    const bytes = [...new TextEncoder().encode(waiting)].map(
      (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
    )
    const end = at + waiting.length
    if (!ids.has(waiting) && hasBytes && bytes.every((byte) => ids.has(byte)))
      tokens.push(...bytes.map((byte) => [byte, at, end] as const))
    else tokens.push([waiting, at, end])
    at = end
    waiting = ''
  }
  for (const { id, text } of best[characters.length]!.pieces) {
    if (id === unknown) waiting += text
    else {
      tell()
      tokens.push([text, at, at + text.length])
      at += text.length
    }
  }
  tell()
  return tokens
}
