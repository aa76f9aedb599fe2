import { UsageError } from '../base/index.js'
import { AddedTokenMatcher } from './added-tokens.js'
import type { AddedToken } from './added-tokens.js'
import { bytesOfToken, readsAsBytes } from './byte-alphabet.js'
import { BytePairModel } from './byte-pair-model.js'
import type { MergeTable } from './merge-table.js'
import { normalizeNfc } from './normalizer.js'
import type { NormalizedText } from './normalizer.js'
import { postProcess, TokenList } from './post-processor.js'
import { createPreTokenizer } from './pre-tokenizer.js'
import type { PreTokenizer } from './pre-tokenizer.js'
import type { DecodeOptions, EncodeOptions, Encoding, StreamDecoder, Tokenizer } from './tokenizer.js'
import type { NormalizerDefinition, TokenizerDefinition } from './tokenizer-definition.js'

/**
 * Byte-level BPE as GPT-2, Llama 3 and Qwen have it. Added tokens are cut out of the text. The rest is
 * normalized and split into words. Each word's UTF-8 bytes are merged into tokens.
 *
 * UTF-8 can't hold a lone surrogate. It is encoded as U+FFFD, and its span is still its own place in the
 * text.
 */
export class ByteLevelTokenizer implements Tokenizer {
  readonly definition: TokenizerDefinition
  readonly size: number
  readonly #model: BytePairModel
  readonly #normalize: (text: string) => NormalizedText
  readonly #preTokenize: PreTokenizer
  /** Added tokens in the original text, and those in the normalized text. */
  readonly #original: AddedTokenMatcher
  readonly #normalized: AddedTokenMatcher
  readonly #tokens: (string | undefined)[] = []
  readonly #tokenBytes: (Uint8Array | undefined)[] = []
  readonly #idOfAdded: ReadonlyMap<string, number>
  readonly #special: ReadonlySet<number>

  /** @param merges the definition's, where they are known as ids */
  constructor(definition: TokenizerDefinition, merges?: MergeTable) {
    const { addedTokens, model } = definition
    this.definition = definition
    this.#model = new BytePairModel(model, merges)
    this.#normalize = hasNfc(definition.normalizer) ? normalizeNfc : (text) => ({ text })
    this.#preTokenize = createPreTokenizer(definition.preTokenizer)
    const spelled = (token: AddedToken): string =>
      token.normalized ? this.#normalize(token.content).text : token.content
    this.#original = new AddedTokenMatcher(
      addedTokens.filter((token) => !token.normalized).map((token) => [token.content, token]),
    )
    this.#normalized = new AddedTokenMatcher(
      addedTokens.filter((token) => token.normalized).map((token) => [spelled(token), token]),
    )
    for (const [token, id] of model.vocabulary) this.#tokens[id] = token
    for (const token of addedTokens) this.#tokens[token.id] = spelled(token)
    this.size = this.#tokens.length
    // An added token is plain text. Where the vocabulary has it too, and words become it, it is what they are
    // spelled with.
    const words = this.#model.made(
      addedTokens
        .filter(({ content }) => model.vocabulary.has(content) && readsAsBytes(content))
        .map(({ id }) => id),
    )
    for (const token of addedTokens)
      if (!words.has(token.id)) this.#tokenBytes[token.id] = new TextEncoder().encode(spelled(token))
    this.#idOfAdded = new Map(
      [spelled, ({ content }: AddedToken) => content].flatMap((name) =>
        addedTokens.map((token) => [name(token), token.id] as const),
      ),
    )
    this.#special = new Set(addedTokens.filter((token) => token.special).map((token) => token.id))
  }

  encode(text: string, options: EncodeOptions = {}): Encoding {
    const { addSpecial = true, matchSpecial = true } = options
    if (typeof text !== 'string') {
      throw new UsageError({
        operation: 'encode',
        expected: 'a string',
        found: text === null ? 'null' : `a value of type ${typeof text}`,
        hint: 'pass the text itself',
      })
    }
    const list = new TokenList()
    this.#original.split(text, matchSpecial, (start, end, token) => {
      if (token === undefined) this.#encodeSection(text.slice(start, end), start, matchSpecial, list)
      else list.push(token.id, text.slice(start, end), start, end)
    })
    return joined(postProcess(this.definition.postProcessor, [list], text, addSpecial))
  }

  /**
   * Encodes what stands at `offset` of the text and has no token that is to be found before normalization.
   */
  #encodeSection(section: string, offset: number, matchSpecial: boolean, list: TokenList): void {
    const { text, starts, ends } = this.#normalize(section)
    const startOf = (unit: number): number => offset + (starts === undefined ? unit : starts[unit]!)
    const endOf = (unit: number): number => offset + (ends === undefined ? unit : ends[unit - 1]!)
    const addWord = (word: string, at: number, prefixed: boolean): void => {
      const tokens = this.#model.encodeWord(word)
      for (let i = 0; i < tokens.length; i += 3) {
        const id = tokens[i]!
        let start = at + tokens[i + 1]!
        let end = at + tokens[i + 2]!
        if (prefixed) {
          // The space that was put before shares the place of the character that follows it.
          if (start > at) start--
          if (--end === at) end += text.codePointAt(at)! > 0xffff ? 2 : 1
        }
        list.push(id, this.#tokens[id]!, startOf(start), endOf(end))
      }
    }
    this.#normalized.split(text, matchSpecial, (start, end, token) => {
      if (token === undefined) this.#preTokenize(text, start, end, addWord)
      else list.push(token.id, text.slice(start, end), startOf(start), endOf(end))
    })
  }

  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const parts: Uint8Array[] = []
    let length = 0
    for (let i = 0; i < ids.length; i++) {
      const bytes = this.#bytes(ids[i]!, options.skipSpecial ?? false)
      parts.push(bytes)
      length += bytes.length
    }
    const all = new Uint8Array(length)
    let at = 0
    for (const bytes of parts) {
      all.set(bytes, at)
      at += bytes.length
    }
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(all)
  }

  stream(options: DecodeOptions = {}): StreamDecoder {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    return {
      push: (id) => decoder.decode(this.#bytes(id, options.skipSpecial ?? false), { stream: true }),
      end: () => decoder.decode(),
    }
  }

  token(id: number): string | undefined {
    return this.#tokens[id]
  }

  id(token: string): number | undefined {
    return this.#idOfAdded.get(token) ?? this.definition.model.vocabulary.get(token)
  }

  #bytes(id: number, skipSpecial: boolean): Uint8Array {
    const token = this.#tokens[id]
    if (token === undefined) {
      throw new UsageError({
        operation: 'decode',
        expected: `token ids from 0 to ${this.size - 1}`,
        found: String(id),
        hint: 'decode with the tokenizer that the ids come from',
      })
    }
    if (skipSpecial && this.#special.has(id)) return noBytes
    return (this.#tokenBytes[id] ??= bytesOfToken(token))
  }
}

const noBytes = new Uint8Array(0)

function hasNfc(normalizer: NormalizerDefinition | null): boolean {
  return normalizer !== null && (normalizer.type === 'NFC' || normalizer.normalizers.some(hasNfc))
}

function joined(lists: readonly TokenList[]): Encoding {
  const tokens = lists.length === 1 ? lists[0]!.tokens : lists.flatMap((list) => list.tokens)
  const ids = new Int32Array(tokens.length)
  const spans = new Int32Array(2 * tokens.length)
  let at = 0
  for (const list of lists) {
    ids.set(list.ids, at)
    for (let i = 0; i < list.ids.length; i++, at++) {
      spans[2 * at] = list.starts[i]!
      spans[2 * at + 1] = list.ends[i]!
    }
  }
  return { ids, tokens, spans }
}
