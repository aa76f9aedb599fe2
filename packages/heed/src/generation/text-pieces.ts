/** The text of ids that are written one after the other, up to a stop string. */
import type { StreamDecoder, Tokenizer } from '../text/index.js'

/** So many ids tell all that what follows a text hangs on. */
const remembered = 16

/**
 * Decodes what follows a prompt. A tokenizer may leave out the space in front of a text's first word: here it
 * is no first one.
 */
export function decoderAfter(
  tokenizer: Pick<Tokenizer, 'stream' | 'token'>,
  prompt: readonly number[],
  skipSpecial: boolean,
): StreamDecoder {
  const decoder = tokenizer.stream({ skipSpecial })
  for (const id of prompt.slice(-remembered)) if (tokenizer.token(id) !== undefined) decoder.push(id)
  return decoder
}

/**
 * Gives out a text as it comes, and ends it where one of some strings begins. What may be the beginning of
 * one is held back until that is known: no part of a stop string is ever given out.
 */
export class TextPieces {
  readonly #decoder: StreamDecoder
  readonly #stopStrings: readonly string[]
  #held = ''
  #stopped = false

  /** @param stopStrings none of them empty */
  constructor(decoder: StreamDecoder, stopStrings: readonly string[] = []) {
    this.#decoder = decoder
    this.#stopStrings = stopStrings
  }

  /** Whether a stop string came. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** The text that may be given out after this id. */
  push(id: number): string {
    return this.#add(this.#decoder.push(id))
  }

  /** The rest, where no more ids come. */
  end(): string {
    const piece = this.#add(this.#decoder.end())
    const rest = this.#held
    this.#held = ''
    return piece + rest
  }

  #add(text: string): string {
    if (this.#stopped) return ''
    const all = this.#held + text
    const found = this.#stopStrings
      .map((stop) => ({ start: all.indexOf(stop), length: stop.length }))
      .filter(({ start }) => start >= 0)
      // The one that is complete first, however the text is cut into pieces.
      .sort((a, b) => a.start + a.length - b.start - b.length || a.start - b.start)[0]
    this.#stopped = found !== undefined
    const given = found?.start ?? all.length - this.#longestBeginning(all)
    this.#held = this.#stopped ? '' : all.slice(given)
    return all.slice(0, given)
  }

  /** How long the end of a text is that a stop string may begin with. */
  #longestBeginning(text: string): number {
    let longest = 0
    for (const stop of this.#stopStrings)
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--)
        if (text.endsWith(stop.slice(0, length))) longest = length
    return longest
  }
}
