/** A piece of a text as its tokens cut it. */
export interface Cell {
  /**
   * `token`: what one token or more have; `gap`: what none has, such as white space that a tokenizer leaves
   * out; `added`: a token that is in no text, spelled as the vocabulary has it.
   */
  readonly kind: 'token' | 'gap' | 'added'
  readonly text: string
  /** Tokens that share it: parts of one character. */
  readonly count: number
}

/** What a text was cut into; of an encoding of two texts, the tokens of one. */
export interface TokenPlaces {
  readonly tokens: readonly string[]
  /** Two numbers a token, in UTF-16 code units of the text. */
  readonly spans: ArrayLike<number>
}

/** The text from its beginning to its end, and between its pieces the tokens that are not in it. */
export function cellsOf(text: string, { tokens, spans }: TokenPlaces): Cell[] {
  const cells: Cell[] = []
  let at = 0
  const gapTo = (end: number): void => {
    if (end > at) cells.push({ kind: 'gap', text: text.slice(at, end), count: 0 })
    at = Math.max(at, end)
  }
  for (const [i, token] of tokens.entries()) {
    const [start, end] = [spans[2 * i]!, spans[2 * i + 1]!]
    const last = cells.at(-1)
    if (start === end) cells.push({ kind: 'added', text: token, count: 1 })
    else if (end <= at && last?.kind === 'token') cells[cells.length - 1] = { ...last, count: last.count + 1 }
    else {
      gapTo(start)
      cells.push({ kind: 'token', text: text.slice(at, end), count: 1 })
      at = Math.max(at, end)
    }
  }
  gapTo(text.length)
  return cells
}

/**
 * Where in the text tokens begin and end, in order, each place once. What is white space between two tokens
 * belongs to the second: tokenizers that have it in a token, and those that leave it out, have the same
 * borders.
 */
export function bordersOf(text: string, { spans }: TokenPlaces): number[] {
  const places = new Set<number>()
  for (let i = 0; i < spans.length; i++) {
    if (spans[i & ~1] === spans[i | 1]) continue
    let place = spans[i]!
    while (place > 0 && place < text.length && /\s/.test(text[place - 1]!)) place--
    places.add(place)
  }
  return [...places].sort((a, b) => a - b)
}

/** Unicode code points of a text. */
export function charactersOf(text: string): number {
  let count = text.length
  for (let i = 1; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0xdc00 || unit > 0xdfff) continue
    const before = text.charCodeAt(i - 1)
    if (before >= 0xd800 && before <= 0xdbff) count--
  }
  return count
}
