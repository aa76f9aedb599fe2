/** Leaves white space at the ends of tokens out of their spans. */
export interface Trim {
  readonly edges: TokenEdges
  /** A single space before the first token counts as put there by the tokenizer and stays. */
  readonly addPrefixSpace: boolean
  /** How many tokens of the same part stood before the run when it was trimmed. */
  readonly before: number
}

/** How many characters of white space a token begins and ends with. Remembers those of the vocabulary. */
export class TokenEdges {
  /** Id → both counts; −1: not known yet. */
  #counts = new Int32Array(0)

  /** The count at the end, and above its 15 bits the one at the beginning. */
  ofToken(id: number, token: string): number {
    const counted = countsOf(token)
    if (id >= this.#counts.length) {
      if (id >= mostIds) return counted
      const longer = new Int32Array(Math.max(1024, 2 * id)).fill(-1)
      longer.set(this.#counts)
      this.#counts = longer
    }
    this.#counts[id] = counted
    return counted
  }

  /** The same where it is known; −1 where it isn't. */
  known(id: number): number {
    return id < this.#counts.length ? this.#counts[id]! : -1
  }
}

const mostIds = 2 ** 22
/** No more are counted at an end: both counts have to fit into a number. */
export const mostSpaces: number = 2 ** 15 - 1

/** Both counts, as `TokenEdges` keeps them. */
export function countsOf(token: string): number {
  let leading = 0
  while (leading < token.length && leading < mostSpaces && isSpace(token.charCodeAt(leading))) leading++
  let trailing = 0
  while (
    trailing < token.length &&
    trailing < mostSpaces &&
    isSpace(token.charCodeAt(token.length - 1 - trailing))
  )
    trailing++
  return leading * 2 ** 15 + trailing
}

/**
 * `Ġ` is a space in the byte alphabet; other white space (Unicode's White_Space) is in added tokens alone.
 */
function isSpace(unit: number): boolean {
  if (unit < 0x80) return unit === 0x20 || (unit >= 9 && unit <= 13)
  if (unit === 0x120 || unit === 0x85 || unit === 0xa0 || unit === 0x1680) return true
  if (unit < 0x2000 || unit > 0x3000) return false
  return unit <= 0x200a || unit === 0x2028 || unit === 0x2029 || unit === 0x202f || isWide(unit)
}

function isWide(unit: number): boolean {
  return unit === 0x205f || unit === 0x3000
}
