import { countText } from '../format.js'
import { charactersOf } from './cells.js'

/** How many tokens texts have. */
export class Count {
  texts = 0
  tokens = 0
  /** Unicode code points. */
  characters = 0
  /** Of UTF-8. */
  bytes = 0

  add(texts: readonly string[], tokens: number): void {
    this.texts++
    this.tokens += tokens
    for (const text of texts) {
      this.characters += charactersOf(text)
      this.bytes += Buffer.byteLength(text)
    }
  }

  get charactersPerToken(): number {
    return this.tokens === 0 ? 0 : this.characters / this.tokens
  }

  get tokensPerCharacter(): number {
    return this.characters === 0 ? 0 : this.tokens / this.characters
  }

  /** '12 tokens  51 characters  4.25 characters a token' */
  toString(): string {
    const counted = (count: number, name: string): string =>
      `${countText(count)} ${name}${count === 1 ? '' : 's'}`
    return [
      ...(this.texts === 1 ? [] : [counted(this.texts, 'text')]),
      counted(this.tokens, 'token'),
      counted(this.characters, 'character'),
      ...(this.tokens === 0 ? [] : [`${this.charactersPerToken.toFixed(2)} characters a token`]),
    ].join('  ')
  }
}
