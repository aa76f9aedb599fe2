/** What texts are written on with. */
import type { StopSignal } from '../base/index.js'
import type { Device } from '../device/index.js'
import type { AnyTensor, Tensor } from '../tensor/index.js'
import type { Tokenizer } from '../text/index.js'
import type { Writable } from './decoding.js'
import type { LogitOptions } from './logit-functions.js'
import type { SamplingOptions } from './sampling.js'

/** Where a step of the model stands, for those who look into it. */
export interface StepPlace {
  /** Counts the model's steps: 0 is the one that reads the prompts. */
  readonly step: number
  /** Which texts it writes on, by their places in what `write` gives; of beam search, by their prompts'. */
  readonly rows: readonly number[]
  /** The ids that each of them gets in this step. */
  readonly ids: readonly (readonly number[])[]
  /** Which of them the value is of; undefined where it is of all together. Scores and filters are of one. */
  readonly row: number | undefined
}

/** Looks at a value of one step, or replaces it, as a watcher of `observe` does. */
export type StepWatcher = (value: Tensor<string>, name: string, place: StepPlace) => AnyTensor | void

/** Prompt lookup: what followed when the text's last ids came before is tried as what follows now. */
export interface LookupOptions {
  /** How many ids must agree, at most; where none are found, fewer. Default 3. */
  readonly ngram?: number
  /** How many ids are tried in one step at most. Default 10. */
  readonly tokens?: number
}

/** A smaller model of the same vocabulary, which says what to try. */
export interface DraftOptions {
  readonly model: Writable
  /** How many ids it writes before they are tried. Default 4. */
  readonly tokens?: number
}

/**
 * How texts are written on. Without options for choosing, tokens are drawn from the model's own
 * probabilities; `temperature: 0` takes the likeliest each time; `beams` searches for the likeliest text.
 */
export interface WriteOptions extends SamplingOptions, LogitOptions {
  /** How many tokens are written at most. Default: as many as `maxLength` allows, and 20 without it. */
  readonly tokens?: number
  /** How many ids a text has at most, its prompt included. */
  readonly maxLength?: number
  /**
   * Row i draws from the random stream of seed + i, whatever rows are around it: the same as if it were
   * written alone with that seed. Default 0.
   */
  readonly seed?: number
  /**
   * In its place one for each prompt, whose texts draw from its stream, that of the next number, and so on.
   */
  readonly seeds?: readonly number[]
  /** Ids that end a text. They are the last of its ids, and no part of its text. */
  readonly stop?: readonly number[]
  /**
   * Strings that end a text; it ends before them. They are looked for in what is written, not in the prompt.
   * Special tokens that are spelled so end it as well. They need `tokenizer`.
   */
  readonly stopStrings?: readonly string[]
  /** Gives the text of what is written. */
  readonly tokenizer?: Pick<Tokenizer, 'stream' | 'token' | 'definition'>
  /** Leave special tokens out of the text. Default true. */
  readonly skipSpecial?: boolean
  /**
   * What happens to a text that fills the model's context. `stop`: it ends. `slide`: its older half is
   * forgotten, and the rest computed anew. `error`: StateError. Default 'stop'.
   */
  readonly contextEnd?: 'stop' | 'slide' | 'error'
  /**
   * Give the log probability of each token, and the so many likeliest in its place; from the model's logits
   * as they are, before anything changes them.
   */
  readonly logprobs?: number
  /** How many texts are written for each prompt, which is computed once. Default 1. */
  readonly perPrompt?: number
  /** Above 1: beam search with so many running texts; nothing is drawn then. Default 1. */
  readonly beams?: number
  /**
   * The score of a beam's text is the sum of its log probabilities over its number of tokens to this power:
   * above 0 longer texts gain. Default 1.
   */
  readonly lengthPenalty?: number
  /**
   * When beam search ends. true: as soon as `beams` texts have ended. false: when the best running text, at
   * its length now, scores no better than the worst of those. `never`: when it could not even at the longest
   * length. Default false.
   */
  readonly earlyStopping?: boolean | 'never'
  /** Try several ids in one step, from the text so far: the same tokens in fewer steps. */
  readonly lookup?: LookupOptions | true
  /** The same, with what a smaller model says. */
  readonly draft?: DraftOptions
  /**
   * Values of each step by their names, as `observe` takes them: filters, in particular. Of what
   * several prompts begin with alike names are `shared.blocks.…`; what is known already isn't shown.
   */
  readonly watch?: Readonly<Record<string, StepWatcher>>
  /** Where the model's weights are. Default: the device that is current at the call. */
  readonly device?: Device
  /** Ends all texts within one step when it is aborted. */
  readonly signal?: StopSignal
}
