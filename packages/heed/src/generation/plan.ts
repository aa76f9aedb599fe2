/** Options of writing on, checked. */
import {
  checkFunction,
  checkNames,
  checkPositive,
  checkWhole,
  inWords,
  ShapeError,
  type StopSignal,
  UsageError,
} from '../base/index.js'
import type { Device } from '../device/index.js'
import { currentDevice } from '../tensor/index.js'
import { checkPrompts } from './check-ids.js'
import type { Writable } from './decoding.js'
import { type LogitFunction, logitFunctionsOf, type LogitOptions } from './logit-functions.js'
import type { DraftOptions, LookupOptions, StepWatcher, WriteOptions } from './options.js'
import { checkSampling, samplingNames, type SamplingOptions } from './sampling.js'

/** Options that were checked, with their defaults. */
export interface Plan {
  readonly operation: string
  readonly device: Device
  readonly prompts: readonly (readonly number[])[]
  /** See `Writable`. */
  readonly starts: number
  readonly sampling: SamplingOptions
  readonly functions: readonly LogitFunction[]
  /** How many tokens follow a prompt of some length at most. */
  readonly limitOf: (promptLength: number) => number
  /** Of the random stream that a text draws from. */
  readonly seedOf: (row: number) => number
  readonly stop: ReadonlySet<number>
  readonly stopStrings: readonly string[]
  readonly tokenizer: WriteOptions['tokenizer']
  readonly skipSpecial: boolean
  readonly contextEnd: 'stop' | 'slide' | 'error'
  readonly logprobs: number | undefined
  readonly perPrompt: number
  readonly beams: number
  readonly lengthPenalty: number
  readonly earlyStopping: boolean | 'never'
  readonly lookup: Required<LookupOptions> | undefined
  readonly draft: Required<DraftOptions> | undefined
  readonly watch: Readonly<Record<string, StepWatcher>> | undefined
  readonly signal: StopSignal | undefined
}

const logitNames: Record<keyof LogitOptions, true> = {
  logitBias: true,
  sequenceBias: true,
  repetitionPenalty: true,
  frequencyPenalty: true,
  presencePenalty: true,
  noRepeatNgram: true,
  forbidden: true,
  minLength: true,
  minTokens: true,
  forcedBegin: true,
  forcedEnd: true,
  suppressed: true,
  suppressedAtBegin: true,
  logitFunctions: true,
}
const ownNames: Record<Exclude<keyof WriteOptions, keyof LogitOptions | keyof SamplingOptions>, true> = {
  tokens: true,
  maxLength: true,
  seed: true,
  seeds: true,
  stop: true,
  stopStrings: true,
  tokenizer: true,
  skipSpecial: true,
  contextEnd: true,
  logprobs: true,
  perPrompt: true,
  beams: true,
  lengthPenalty: true,
  earlyStopping: true,
  lookup: true,
  draft: true,
  watch: true,
  device: true,
  signal: true,
}
const names = [...Object.keys(ownNames), ...samplingNames, ...Object.keys(logitNames)]

/**
 * Checks prompts and options.
 *
 * @throws UsageError naming what makes no sense; ShapeError for ids outside the vocabulary
 */
export function planOf(
  operation: string,
  { vocabulary, context, starts = 0 }: Writable,
  prompts: readonly ArrayLike<number>[],
  options: WriteOptions,
): Plan {
  checkNames(operation, options, names)
  const check = new Checks(operation, vocabulary)
  const lists = checkPrompts(operation, 'prompts', prompts, vocabulary)
  const {
    tokens,
    maxLength,
    seed = 0,
    seeds,
    stop: stopIds = [],
    stopStrings = [],
    tokenizer,
    skipSpecial = true,
    contextEnd = 'stop',
    logprobs,
    perPrompt = 1,
    beams = 1,
    lengthPenalty = 1,
    earlyStopping = false,
    lookup,
    draft,
    watch,
    device = currentDevice(),
    signal,
  } = options
  checkSampling(options, operation)
  if (tokens !== undefined) checkWhole(operation, 'tokens', tokens)
  if (maxLength !== undefined) checkWhole(operation, 'maxLength', maxLength)
  checkWhole(operation, 'seed', seed)
  if (seeds !== undefined) {
    check.list('seeds', seeds)
    for (const one of seeds) checkWhole(operation, 'each of seeds', one)
    if (seeds.length !== lists.length) check.refuse('a seed for each prompt', seeds.length)
  }
  check.list('stop', stopIds)
  // One that the model lacks never comes.
  for (const id of stopIds) checkWhole(operation, 'each id of stop', id)
  check.stopStrings(stopStrings, tokenizer)
  check.choice('contextEnd', contextEnd, ['stop', 'slide', 'error'])
  if (logprobs !== undefined) checkWhole(operation, 'logprobs', logprobs)
  check.count('perPrompt', perPrompt)
  check.count('beams', beams)
  if (!Number.isFinite(lengthPenalty)) check.refuse('lengthPenalty, a number', lengthPenalty)
  check.choice('earlyStopping', earlyStopping, [true, false, 'never'])
  check.logits(options)
  if (lookup !== undefined && draft !== undefined) check.refuse('lookup or draft, not both', 'both')
  const limitOf = (promptLength: number): number =>
    tokens ?? (maxLength === undefined ? 20 : maxLength - promptLength)
  for (const { length } of lists) {
    if (length > context && contextEnd !== 'slide')
      check.refuse(
        `prompts of at most ${context} ids, the model's context`,
        `one of ${length}`,
        "cut it, or give contextEnd: 'slide' to go on from its end",
      )
    if (limitOf(length) < 0) check.refuse('a maxLength that the prompt fits in', `a prompt of ${length} ids`)
  }
  const stop = [...stopIds, ...specialsOf(stopStrings, tokenizer)]
  const plan: Plan = {
    operation,
    device,
    prompts: lists,
    starts,
    sampling: options,
    functions: logitFunctionsOf(options, stop, limitOf),
    limitOf,
    seedOf: (row) =>
      seeds === undefined ? seed + row : seeds[Math.floor(row / perPrompt)]! + (row % perPrompt),
    stop: new Set(stop),
    stopStrings,
    tokenizer,
    skipSpecial,
    contextEnd,
    logprobs,
    perPrompt,
    beams,
    lengthPenalty,
    earlyStopping,
    lookup: lookupOf(check, operation, lookup),
    draft: draftOf(check, operation, draft, vocabulary),
    watch,
    signal,
  }
  if (beams > 1) checkBeams(check, plan, options)
  return plan
}

/** Ids of special tokens that are spelled so: they have no place in the text, but end it. */
function specialsOf(strings: readonly string[], tokenizer: WriteOptions['tokenizer']): number[] {
  return (tokenizer?.definition.addedTokens ?? []).flatMap(({ id, content, special }) =>
    special && strings.includes(content) ? [id] : [],
  )
}

/** Refuses what beam search doesn't do. */
function checkBeams(check: Checks, plan: Plan, { temperature }: WriteOptions): void {
  if (plan.perPrompt > plan.beams) check.refuse('perPrompt of at most beams', plan.perPrompt)
  if (temperature !== undefined && temperature !== 0)
    check.refuse('no temperature beside beams', temperature, 'leave one of them out: beams are not drawn')
  for (const [name, value] of [
    ['stopStrings', plan.stopStrings.length > 0],
    ['lookup', plan.lookup !== undefined],
    ['draft', plan.draft !== undefined],
    ['logprobs', plan.logprobs !== undefined],
    ["contextEnd: 'slide'", plan.contextEnd === 'slide'],
  ] as const)
    if (value) check.refuse(`no ${name} beside beams`, name, 'leave one of them out')
}

function lookupOf(check: Checks, operation: string, given: WriteOptions['lookup']): Plan['lookup'] {
  if (given === undefined) return undefined
  if (given === true) return { ngram: 3, tokens: 10 }
  checkNames(operation, given, ['ngram', 'tokens'], 'lookup')
  const { ngram = 3, tokens = 10 } = given
  check.count('lookup.ngram', ngram)
  check.count('lookup.tokens', tokens)
  return { ngram, tokens }
}

function draftOf(
  check: Checks,
  operation: string,
  given: WriteOptions['draft'],
  vocabulary: number,
): Plan['draft'] {
  if (given === undefined) return undefined
  checkNames(operation, given, ['model', 'tokens'], 'draft')
  const { model, tokens = 4 } = given
  check.count('draft.tokens', tokens)
  if (model?.vocabulary !== vocabulary)
    throw new UsageError({
      operation,
      expected: `a draft model with the ${vocabulary} ids of the model's vocabulary`,
      found: inWords(model?.vocabulary),
      hint: 'take one that was made with the same tokenizer',
    })
  return { model, tokens }
}

/** Texts of a prompt, beams, ids that are tried in a step. */
const mostAtOnce = 1024

class Checks {
  readonly #operation: string
  readonly #vocabulary: number

  constructor(operation: string, vocabulary: number) {
    this.#operation = operation
    this.#vocabulary = vocabulary
  }

  refuse(expected: string, found: unknown, hint: string = 'leave it out for the default'): never {
    const shown = typeof found === 'string' && found !== '' && found.length < 60 ? found : inWords(found)
    throw new UsageError({ operation: this.#operation, expected, found: shown, hint })
  }

  /** What memory and time go by: bounded, as it may come from a file. */
  count(name: string, value: number): void {
    checkWhole(this.#operation, name, value, 1)
    if (value > mostAtOnce) this.refuse(`${name} of at most ${mostAtOnce}`, value)
  }

  list(name: string, ids: readonly number[]): void {
    if (!Array.isArray(ids)) this.refuse(`${name}, a list of ids`, ids)
  }

  ids(name: string, ids: readonly number[]): void {
    this.list(name, ids)
    for (const id of ids) this.id(`each id of ${name}`, id)
  }

  id(name: string, id: number): void {
    checkWhole(this.#operation, name, id)
    if (id >= this.#vocabulary)
      throw new ShapeError({
        operation: this.#operation,
        expected: `${name} to be below ${this.#vocabulary}, the model's vocabulary`,
        found: String(id),
        hint: 'take the ids of the tokenizer that belongs to the model',
        axis: 'vocabulary',
      })
  }

  choice(name: string, value: unknown, choices: readonly unknown[]): void {
    if (!choices.includes(value)) this.refuse(`${name}, one of ${choices.join(', ')}`, value)
  }

  stopStrings(strings: readonly string[], tokenizer: WriteOptions['tokenizer']): void {
    if (!Array.isArray(strings)) this.refuse('stopStrings, a list of strings', strings)
    for (const text of strings)
      if (typeof text !== 'string' || text === '' || /\p{Surrogate}/u.test(text))
        this.refuse('stopStrings of whole characters, none of them empty', text)
    if (strings.length > 0 && tokenizer === undefined)
      this.refuse('a tokenizer beside stopStrings', 'none', 'give tokenizer, or stop with ids')
  }

  logits(options: LogitOptions): void {
    const operation = this.#operation
    const { logitBias = {}, sequenceBias = [], forbidden = [], forcedEnd, logitFunctions = [] } = options
    if (typeof logitBias !== 'object' || logitBias === null || Array.isArray(logitBias))
      this.refuse('logitBias, a record of biases by id', logitBias)
    for (const [id, bias] of Object.entries(logitBias)) {
      this.id('each id of logitBias', Number(id))
      this.#bias('each bias of logitBias', bias)
    }
    if (!Array.isArray(sequenceBias)) this.refuse('sequenceBias, a list of pairs [ids, bias]', sequenceBias)
    for (const pair of sequenceBias) {
      if (!Array.isArray(pair) || pair.length !== 2)
        this.refuse('sequenceBias, a list of pairs [ids, bias]', pair)
      this.#sequence('sequenceBias', pair[0])
      this.#bias('each bias of sequenceBias', pair[1])
    }
    if (!Array.isArray(forbidden)) this.refuse('forbidden, a list of lists of ids', forbidden)
    for (const sequence of forbidden) this.#sequence('forbidden', sequence)
    if (options.repetitionPenalty !== undefined)
      checkPositive(operation, 'repetitionPenalty', options.repetitionPenalty)
    for (const name of ['frequencyPenalty', 'presencePenalty'] as const) {
      const value = options[name]
      if (value !== undefined && !Number.isFinite(value)) this.refuse(`${name}, a number`, value)
    }
    for (const name of ['noRepeatNgram', 'minLength', 'minTokens'] as const) {
      const value = options[name]
      if (value !== undefined) checkWhole(operation, name, value)
    }
    if (options.forcedBegin !== undefined) this.id('forcedBegin', options.forcedBegin)
    if (forcedEnd !== undefined) {
      const ids = typeof forcedEnd === 'number' ? [forcedEnd] : forcedEnd
      this.ids('forcedEnd', ids)
      if (ids.length === 0) this.refuse('forcedEnd with an id', 'none')
    }
    this.ids('suppressed', options.suppressed ?? [])
    this.ids('suppressedAtBegin', options.suppressedAtBegin ?? [])
    if (!Array.isArray(logitFunctions)) this.refuse('logitFunctions, a list of functions', logitFunctions)
    for (const change of logitFunctions) checkFunction(operation, 'each of logitFunctions', change)
  }

  #bias(name: string, bias: unknown): void {
    if (typeof bias !== 'number' || Number.isNaN(bias) || bias === Infinity)
      this.refuse(`${name} to be a number, or −Infinity`, bias)
  }

  #sequence(name: string, ids: readonly number[]): void {
    this.ids(name, ids)
    if (ids.length === 0) this.refuse(`${name} with an id in each sequence`, 'none')
  }
}
