import { UsageError } from '../../base/index.js'
import { addedRun, joined, type Part, type Run, type Sequences } from './part.js'
import type { PaddingDefinition } from './padding.js'
import { trimSpans } from './trim.js'

/** A token's text; undefined where no token has the id. */
export type TokenOf = (id: number) => string | undefined

/** How many windows `overflow` hands out, and how many tokens they may have in all. */
const mostWindows = 2 ** 18
const mostWindowTokens = 2 ** 25

/**
 * One or two texts as tokens. Each list has one number a token, `spans` two.
 *
 * Lists that are seldom asked for are made when they are. None may be changed.
 */
export class Encoding {
  /** Token ids. */
  readonly ids: Int32Array
  /**
   * Start and end of each token in its own text, in UTF-16 code units: the place [start, end) in the original
   * text of the characters that the token has a part of. Tokens that share a character share its span. A
   * token that isn't in the text has [0, 0).
   */
  readonly spans: Int32Array
  /** The word of its text that a token is of, counted from 0; −1 for one that is in no text. */
  readonly wordIds: Int32Array
  /** What each token is spelled with, and the way to its text; the texts themselves are let go. */
  readonly #runs: readonly Stretch[]
  readonly #sequences: Sequences
  readonly #tokenOf: TokenOf
  readonly #source: OverflowSource | null
  #tokens: readonly string[] | undefined
  #typeIds: Int32Array | undefined
  #attentionMask: Int32Array | undefined
  #specialTokensMask: Int32Array | undefined
  #sequenceIds: Int32Array | undefined
  #overflow: readonly Encoding[] | undefined

  /** @param content from `encodingOf` */
  constructor(content: EncodingContent) {
    this.ids = content.ids
    this.spans = content.spans
    this.wordIds = content.wordIds
    this.#runs = content.runs
    this.#sequences = content.sequences
    this.#tokenOf = content.tokenOf
    this.#source = content.overflow
  }

  /** How many tokens there are. */
  get length(): number {
    return this.ids.length
  }

  /** The tokens as the vocabulary spells them; of an unknown one of Unigram, its text. */
  get tokens(): readonly string[] {
    return (this.#tokens ??= this.#spell())
  }

  /** What the post-processor says of each token: mostly 0 for the first text and 1 for the second. */
  get typeIds(): Int32Array {
    return (this.#typeIds ??= this.#fill((run) => run.type))
  }

  /** 0 for padding, 1 for the rest. */
  get attentionMask(): Int32Array {
    return (this.#attentionMask ??= this.#fill((run) => (run.isPadding ? 0 : 1)))
  }

  /** 1 for what the post-processor and padding added; a special token that was written in the text has 0. */
  get specialTokensMask(): Int32Array {
    return (this.#specialTokensMask ??= this.#fill((run) => (run.isSpecial ? 1 : 0)))
  }

  /** Which text a token is of, 0 or 1; −1 for one that was added. */
  get sequenceIds(): Int32Array {
    if (this.#sequenceIds === undefined) {
      const ids = new Int32Array(this.length).fill(-1)
      // As many texts as are known, numbered from 0; one of which nothing is known has all tokens.
      const count = Math.max(1, this.#sequences.size)
      for (let sequence = 0; sequence < count; sequence++) {
        const [start, end] = this.#sequences.get(sequence) ?? [0, this.length]
        ids.fill(sequence, start, end)
      }
      this.#sequenceIds = ids
    }
    return this.#sequenceIds
  }

  /**
   * The windows that truncation left out, in the order of the text. Of two texts that both were cut: windows
   * of each with those of the other.
   *
   * @throws UsageError for more than 2^18 windows, or 2^25 tokens in all
   */
  get overflow(): readonly Encoding[] {
    return (this.#overflow ??= this.#source?.make() ?? [])
  }

  /**
   * The same tokens and, at one end, as many of padding as make them `length`. The windows of `overflow` are
   * padded too. Nothing is cut.
   */
  padded(length: number, padding: PaddingDefinition): Encoding {
    const { direction, pad_id, pad_type_id, pad_token } = padding
    const missing = Math.max(0, length - this.length)
    const source = this.#source
    if (missing === 0 && source === null) return this
    const pad = withoutText(addedRun([pad_id], [pad_token], pad_type_id, missing, true))
    const before = direction === 'Left' ? missing : 0
    const size = this.length + missing
    const ids = new Int32Array(size).fill(pad_id)
    const spans = new Int32Array(2 * size)
    const wordIds = new Int32Array(size).fill(-1)
    ids.set(this.ids, before)
    spans.set(this.spans, 2 * before)
    wordIds.set(this.wordIds, before)
    const sequences = new Map<number, readonly [number, number]>()
    for (const [sequence, [start, end]] of this.#sequences)
      sequences.set(sequence, [start + before, end + before])
    return new Encoding({
      ids,
      spans,
      wordIds,
      runs: missing === 0 ? this.#runs : before > 0 ? [pad, ...this.#runs] : [...this.#runs, pad],
      sequences,
      tokenOf: this.#tokenOf,
      overflow: source && { make: () => this.overflow.map((window) => window.padded(length, padding)) },
    })
  }

  #fill(numberOf: (run: Stretch) => number): Int32Array {
    const numbers = new Int32Array(this.length)
    let at = 0
    for (const run of this.#runs) numbers.fill(numberOf(run), at, (at += run.length))
    return numbers
  }

  #spell(): string[] {
    const { ids } = this
    const tokenOf = this.#tokenOf
    const tokens = new Array<string>(ids.length)
    let at = 0
    for (const { length, added, spelled, from } of this.#runs) {
      for (let i = 0; i < length; i++, at++) {
        tokens[at] =
          added !== null
            ? added.tokens[i % added.tokens.length]!
            : (spelled?.get(from + i) ?? tokenOf(ids[at]!) ?? '')
      }
    }
    return tokens
  }
}

/** What an encoding keeps of a run: nothing that holds the text. */
interface Stretch extends Pick<Run, 'length' | 'type' | 'isSpecial' | 'isPadding' | 'added' | 'from'> {
  readonly spelled: ReadonlyMap<number, string> | null
}

interface OverflowSource {
  readonly make: () => readonly Encoding[]
}

/** What an `Encoding` is made of. */
export interface EncodingContent {
  readonly ids: Int32Array
  readonly spans: Int32Array
  readonly wordIds: Int32Array
  readonly runs: readonly Stretch[]
  readonly sequences: Sequences
  readonly tokenOf: TokenOf
  readonly overflow: OverflowSource | null
}

function withoutText({ length, type, isSpecial, isPadding, added, from, text }: Run): Stretch {
  const spelled = text === null || text.list.spelled.size === 0 ? null : text.list.spelled
  return { length, type, isSpecial, isPadding, added, from, spelled }
}

/** Parts, one behind the other, as an encoding. */
export function encodingOf(parts: readonly Part[], tokenOf: TokenOf): Encoding {
  const { runs, length, sequences, overflow } = joined(parts)
  // Lists in one piece of memory take half as long to make; very short ones are made faster alone.
  const buffer = length > 8 ? new ArrayBuffer(16 * length) : null
  const ids = buffer === null ? new Int32Array(length) : new Int32Array(buffer, 0, length)
  const spans = buffer === null ? new Int32Array(2 * length) : new Int32Array(buffer, 4 * length, 2 * length)
  const wordIds = buffer === null ? new Int32Array(length) : new Int32Array(buffer, 12 * length, length)
  let at = 0
  for (const run of runs) {
    fillRun(run, ids, spans, wordIds, at, tokenOf)
    at += run.length
  }
  const source = overflow && {
    make: (): readonly Encoding[] => {
      if (overflow.count > mostWindows) refuseWindows(`${mostWindows} windows`, overflow.count)
      const windows = overflow.make()
      const tokens = windows.reduce((sum, window) => sum + window.length, 0)
      if (tokens > mostWindowTokens) refuseWindows(`windows of ${mostWindowTokens} tokens in all`, tokens)
      return windows.map((window) => encodingOf([window], tokenOf))
    },
  }
  const kept = runs.map(withoutText)
  return new Encoding({ ids, spans, wordIds, runs: kept, sequences, tokenOf, overflow: source })
}

function fillRun(
  run: Run,
  ids: Int32Array,
  spans: Int32Array,
  wordIds: Int32Array,
  at: number,
  tokenOf: TokenOf,
): void {
  const { length, added, text, from } = run
  if (text === null) {
    for (let i = 0; i < length; i++) ids[at + i] = added!.ids[i % added!.ids.length]!
    wordIds.fill(-1, at, at + length)
    return
  }
  const { list } = text
  ids.set(list.ids.subarray(from, from + length), at)
  wordIds.set(list.words.subarray(from, from + length), at)
  const { starts, ends } = list
  for (let i = 0, out = 2 * at; i < length; i++) {
    spans[out++] = starts[from + i]!
    spans[out++] = ends[from + i]!
  }
  const own = spans.subarray(2 * at, 2 * (at + length))
  for (const trim of run.trims) trimSpans(own, run, text, trim, tokenOf)
}

function refuseWindows(expected: string, found: number): never {
  throw new UsageError({
    operation: 'overflow',
    expected: `at most ${expected}`,
    found: String(found),
    hint: 'ask for a smaller stride or longer windows, or cut the text before',
  })
}
