import type { Context } from '../context.js'
import { jsonText } from '../terminal.js'
import type { NamedTokenizer } from '../tokenizer.js'
import { comparedBorders, comparedCounts, comparedTokens, type Borders } from './compare.js'
import { Count } from './count.js'
import { EncodedText, type TextOptions } from './encoded-text.js'
import type { TextWork } from './text-work.js'

/** Parts that are cut otherwise, of lines of files and pipes: so many are printed in all. */
const mostOthers = 40
/** The same of a text that was an argument. */
const mostOfText = 1000

/** Two tokenizers on the same texts. */
export class Comparison implements TextWork {
  readonly #pair: readonly [NamedTokenizer, NamedTokenizer]
  readonly #options: TextOptions
  readonly #isJson: boolean
  readonly #context: Context
  readonly #counts: readonly [Count, Count] = [new Count(), new Count()]
  readonly #borders: Borders = { same: 0, onlyFirst: 0, onlySecond: 0 }
  #left = mostOthers

  constructor(
    first: NamedTokenizer,
    second: NamedTokenizer,
    options: TextOptions,
    isJson: boolean,
    context: Context,
  ) {
    this.#pair = [first, second]
    this.#options = options
    this.#isJson = isJson
    this.#context = context
  }

  show(text: string, isGiven: boolean): string {
    const [first, second] = this.#pair.map(
      ({ tokenizer }) => new EncodedText(tokenizer, text, undefined, this.#options),
    ) as [EncodedText, EncodedText]
    this.#counts[0].add([text], first.length)
    this.#counts[1].add([text], second.length)
    const borders = comparedBorders(text, first, second)
    for (const name of ['same', 'onlyFirst', 'onlySecond'] as const) this.#borders[name] += borders[name]
    if (this.#isJson) {
      const sides = [first, second].map(({ ids, tokens, spans }, i) => ({
        tokenizer: this.#names[i],
        ids: [...ids],
        tokens,
        spans: tokens.map((_, token) => [spans[2 * token], spans[2 * token + 1]]),
      }))
      return `${jsonText({ text, first: sides[0], second: sides[1], borders })}\n`
    }
    const { output, environment } = this.#context
    const most = isGiven ? mostOfText : this.#left
    if (most <= 0) return ''
    const shown = comparedTokens(text, first, second, output, environment, { onlyOthers: !isGiven, most })
    if (!isGiven) this.#left -= shown.split('\n').length - 1
    return isGiven ? `${shown}\n` : shown
  }

  summary(): string {
    if (this.#isJson) return ''
    const { output, environment } = this.#context
    return comparedCounts(this.#names, this.#counts, this.#borders, output, environment)
  }

  /** What tells the two apart: their names, or where these are the same, their paths. */
  get #names(): [string, string] {
    const [first, second] = this.#pair
    return first.name === second.name ? [first.path, second.path] : [first.name, second.name]
  }
}
