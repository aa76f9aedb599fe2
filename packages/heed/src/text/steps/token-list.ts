/** V8 keeps lists up to this long where objects are, which takes a tenth of the time of others. */
const shortest = 16

/** Tokens in the making: parallel lists that grow. */
export class TokenList {
  ids: Int32Array = new Int32Array(shortest)
  /** Where each token is, [start, end): of the pieces' text at first, then of the original. */
  starts: Int32Array = new Int32Array(shortest)
  ends: Int32Array = new Int32Array(shortest)
  /** Which piece each is of; -1 for a token that is in no text. */
  words: Int32Array = new Int32Array(shortest)
  length = 0
  /** Place in the list → the token's text, where it isn't what the vocabulary spells the id with. */
  readonly spelled: Map<number, string> = new Map()

  push(id: number, start: number, end: number, word: number): void {
    if (this.length === this.ids.length) this.#grow()
    const at = this.length++
    this.ids[at] = id
    this.starts[at] = start
    this.ends[at] = end
    this.words[at] = word
  }

  /** The same for a token that is written otherwise than in the vocabulary, such as an unknown word. */
  pushSpelled(id: number, token: string, start: number, end: number, word: number): void {
    this.spelled.set(this.length, token)
    this.push(id, start, end, word)
  }

  /**
   * Adds the tokens of a word that begins at `start`. [from, to) of `packed` has two numbers for each: the
   * id, and its place in the word, start + 256 × end.
   */
  pushPacked(packed: Int32Array, from: number, to: number, start: number, word: number): void {
    let at = this.length
    while (at + ((to - from) >> 1) > this.ids.length) this.#grow()
    const { ids, starts, ends, words } = this
    for (let i = from; i < to; i += 2, at++) {
      const place = packed[i + 1]!
      ids[at] = packed[i]!
      starts[at] = start + (place & 0xff)
      ends[at] = start + (place >> 8)
      words[at] = word
    }
    this.length = at
  }

  #grow(): void {
    const size = Math.max(8 * shortest, 2 * this.ids.length)
    // Lists in one piece of memory take half as long to make as four.
    const buffer = new ArrayBuffer(16 * size)
    ;(['ids', 'starts', 'ends', 'words'] as const).forEach((name, i) => {
      const longer = new Int32Array(buffer, 4 * i * size, size)
      longer.set(this[name])
      this[name] = longer
    })
  }
}
