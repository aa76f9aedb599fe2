/** A number for each script, 0 for a space and for what belongs to none. Placeholder. */
export function scriptOf(point: number): number {
  if (point === 0x20) return 0
  if (point === 0x30fc) return 3
  const c = String.fromCodePoint(point)
  if (/\p{scx=Latin}/u.test(c)) return 1
  if (/\p{sc=Cyrillic}/u.test(c)) return 2
  if (/\p{sc=Han}|\p{sc=Hiragana}|\p{sc=Katakana}/u.test(c)) return 3
  return 4
}
