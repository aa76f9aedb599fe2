/** How many code units the character at a place of a text takes: two, or one, as half of such a pair. */
export function unitsAt(text: string, at: number, end: number): 1 | 2 {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800 &&
    at + 1 < end &&
    (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00
    ? 2
    : 1
}
