/**
 * How many ids may wait for a character to become whole. A character has at most four bytes, and hardly more
 * tokens: so many are bytes of none.
 */
const mostWaiting = 64

/**
 * Decodes id by id: gives the text that each id completes, in whole characters. What it gives, joined, is the
 * text of all ids decoded at once, wherever a decoder goes from left to right.
 *
 * Only a window of the ids is decoded: those of the text that was given last, which show how the next one
 * begins, and those that came since. So a stream takes linear time.
 */
export class DecodeStream {
  readonly #decode: (ids: readonly number[]) => string
  readonly #isLeftOut: (id: number) => boolean
  #window: number[] = []
  /** What the window decodes to. */
  #text = ''
  /** How many ids of the window were given, and what they decode to by themselves. */
  #given = 0
  #prefix = ''

  /**
   * @param decode ids → text
   * @param isLeftOut whether an id has no place in the text, such as a special token that isn't shown
   */
  constructor(decode: (ids: readonly number[]) => string, isLeftOut: (id: number) => boolean = () => false) {
    this.#decode = decode
    this.#isLeftOut = isLeftOut
  }

  /** The text that an id completes: whole characters only, often none. */
  push(id: number): string {
    if (this.#isLeftOut(id)) return ''
    // Ids that have no text need nothing after them.
    if (this.#prefix === '' && this.#text === '') {
      if (this.#window.length === mostWaiting) this.#window.splice(0, mostWaiting - 1)
      this.#given = this.#window.length
    }
    this.#window.push(id)
    const text = (this.#text = this.#decode(this.#window))
    const waits = text.endsWith('\ufffd')
    if (!waits && isLonger(text, this.#prefix)) return this.#give()
    const waiting = this.#window.length - this.#given
    if (waiting < mostWaiting) return ''
    if (waits) return this.#give()
    // So many ids without a text: the last of them is enough to go on from.
    this.#window.splice(this.#given, waiting - 1)
    return ''
  }

  /** The rest, with U+FFFD for what never became a character. Afterwards the stream starts anew. */
  end(): string {
    const rest = this.#give()
    this.#window = []
    this.#text = this.#prefix = ''
    this.#given = 0
    return rest
  }

  #give(): string {
    const text = this.#text
    const prefix = this.#prefix
    this.#window = this.#window.slice(this.#given)
    this.#given = this.#window.length
    this.#text = this.#prefix = this.#decode(this.#window)
    // Where the bytes of a text that was given turn out to be none, what came since stands by itself.
    return text.startsWith(prefix) ? text.slice(prefix.length) : this.#prefix
  }
}

/** Whether a text that doesn't begin with another has more bytes of UTF-8, or, where it does, is longer. */
function isLonger(text: string, prefix: string): boolean {
  return text.startsWith(prefix) ? text.length > prefix.length : bytesOf(text) > bytesOf(prefix)
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length
}
