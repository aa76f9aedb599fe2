import { checkNames, UsageError } from '../../base/index.js'
import {
  type Decoder,
  decoderStates,
  type LoadedDecoder,
  logitsOf,
  type Running,
} from '../../models/index.js'
import type { Quantized } from '../../nn/index.js'
import { crossEntropy, tensor, type Tensor } from '../../tensor/index.js'
import { accuracy } from '../metrics.js'
import type { Objective } from './objective.js'
import {
  endIds,
  joinedNumbers,
  statesAt,
  textEncoder,
  textField,
  type TextOptions,
  wrongRecord,
} from './texts.js'

const name = 'language'

/** A text; or a prompt and what is to follow it, which alone counts. */
export type WrittenText = { readonly text: string } | { readonly prompt: string; readonly completion: string }

/** What `causalLanguage` may be told. */
export interface CausalLanguageTraining extends TextOptions {
  /**
   * Whether completions alone count, and not their prompts. Default true. A batch in which then everything
   * counts, or nothing, is an error.
   */
  readonly answersOnly?: boolean | undefined
  /** The token that ends a text; null for none. Default: the configuration's. */
  readonly end?: string | null | undefined
}

/** Tokens, and of each whether it is learned from those before it. The first never is. */
export interface WrittenExample {
  readonly ids: Int32Array
  readonly counts: Uint8Array
  /** Whether it has a prompt that doesn't count. */
  readonly prompted: boolean
}

/** A batch of `causalLanguage`: texts one behind the other, none of which sees another. */
export interface WrittenBatch {
  readonly ids: Tensor<'batch' | 'position'>
  readonly rows: readonly number[]
  /** The positions whose next token counts, and that token. */
  readonly places: readonly number[]
  readonly targets: readonly number[]
}

/**
 * Learns to write on: each token from those before it. Texts of a batch stand one behind the other. None sees
 * another, and the positions of each begin at 0. A text that is too long becomes several examples; of a
 * prompt, the beginning is left out. Metric: `accuracy`, over the tokens that count.
 *
 * @throws UsageError for a token that the tokenizer doesn't have
 */
export function causalLanguage(
  loaded: Running<LoadedDecoder>,
  options: CausalLanguageTraining = {},
): Objective<WrittenText, WrittenExample, WrittenBatch, Quantized<Decoder>> {
  checkNames(name, options, ['maximum', 'answersOnly', 'end'] satisfies (keyof typeof options)[])
  const { config } = loaded
  const { answersOnly = true } = options
  const texts = textEncoder(name, loaded, options)
  const { tokenizer, maximum } = texts
  const end = endOf(loaded, options.end)
  const tokensOf = (text: string, addSpecial: boolean): number[] => [
    ...tokenizer.encode(text, { addSpecial, padding: null, truncation: null }).ids,
  ]
  const ended = (ids: readonly number[]): number[] =>
    end === undefined || ids.at(-1) === end ? [...ids] : [...ids, end]
  const withPrompt = (prompt: string, completion: string): WrittenExample => {
    const answer = ended(tokensOf(completion, false))
    if (answer.length === 0 || completion === '') throw wrongRecord(name, 'a completion', 'an empty one')
    const first = endsWithout(tokensOf(prompt, true), end)
    const room = maximum - answer.length
    if (room < 1) throw wrongRecord(name, `a completion of less than ${maximum} tokens`, `${answer.length}`)
    const kept = first.slice(Math.max(0, first.length - room))
    const ids = Int32Array.from([...kept, ...answer])
    const counts = new Uint8Array(ids.length).fill(1)
    if (answersOnly) counts.fill(0, 0, kept.length)
    counts[0] = 0
    return { ids, counts, prompted: answersOnly }
  }
  return {
    name,
    settings: { maximum, answersOnly, end: end ?? null },
    encode(record) {
      if ('prompt' in record) {
        const prompt = textField(name, 'prompt', record.prompt)
        return [withPrompt(prompt, textField(name, 'completion', record.completion))]
      }
      const ids = ended(endsWithout(tokensOf(textField(name, 'text', record.text), true), end))
      if (ids.length < 2) throw wrongRecord(name, 'a text of at least two tokens', `${ids.length}`)
      // The last token of an example is the first of the next, so that each is learned once.
      const parts = Math.max(1, Math.ceil((ids.length - 1) / (maximum - 1)))
      return Array.from({ length: parts }, (_, part) => {
        const own = Int32Array.from(ids.slice(part * (maximum - 1), (part + 1) * (maximum - 1) + 1))
        const counts = new Uint8Array(own.length).fill(1)
        counts[0] = 0
        return { ids: own, counts, prompted: false }
      })
    },
    lengthOf: ({ ids }) => ids.length,
    collate(examples) {
      checkCounts(examples.filter(({ prompted }) => prompted))
      const places: number[] = []
      const targets: number[] = []
      let at = 0
      // Of each text, what follows the last token is unknown: that token isn't read.
      const read = examples.map(({ ids, counts }) => {
        for (let i = 1; i < ids.length; i++)
          if (counts[i] === 1) {
            places.push(at + i - 1)
            targets.push(ids[i]!)
          }
        at += ids.length - 1
        return ids.subarray(0, ids.length - 1)
      })
      return { ids: joinedNumbers(read), rows: read.map(({ length }) => length), places, targets }
    },
    loss(model, { ids, rows, places, targets }, { run }) {
      const states = decoderStates(model, config, ids, { rows: { lengths: rows }, ...run })
      const all = places.length === states.size('position')
      const logits = logitsOf(model, config, all ? states : statesAt(states, places))
      const wanted = tensor(targets, { batch: 1, position: targets.length }, { dtype: 'i32' })
      return {
        loss: crossEntropy(logits, wanted, 'vocabulary'),
        weight: targets.length,
        metrics: { accuracy: accuracy(logits, wanted, 'vocabulary') },
      }
    },
  }
}

/** Throws UsageError where of examples with prompts everything counts, or nothing. */
function checkCounts(examples: readonly WrittenExample[]): void {
  if (examples.length === 0) return
  let [counted, all] = [0, 0]
  for (const { counts } of examples) {
    all += counts.length - 1
    for (let i = 1; i < counts.length; i++) counted += counts[i]!
  }
  if (counted > 0 && counted < all) return
  throw new UsageError({
    operation: name,
    expected: 'a batch in which answers count and prompts do not',
    found: counted === 0 ? 'nothing that counts' : 'prompts without a token',
    hint: 'look at the prompts of the records; give { text } where all of it is to be learned',
  })
}

/** Ids without the end token that a tokenizer's template put there. */
function endsWithout(ids: readonly number[], end: number | undefined): number[] {
  return ids.length > 1 && ids.at(-1) === end ? ids.slice(0, -1) : [...ids]
}

/** The id of the token that ends a text; undefined for none. */
function endOf(loaded: Running<LoadedDecoder>, end: string | null | undefined): number | undefined {
  if (end === null) return undefined
  if (end === undefined) return endIds(loaded)[0]
  const id = loaded.tokenizer.id(end)
  if (id !== undefined) return id
  throw new UsageError({
    operation: name,
    expected: 'an end that is a token of the tokenizer',
    found: JSON.stringify(end.slice(0, 40)),
    hint: 'give a token, or null for none',
  })
}
