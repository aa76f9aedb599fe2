/**
 * What changes logits before a token is chosen from them: a list of plain functions, applied one after the
 * other, each in place.
 */

/** Where a text stands when its next token is chosen. */
export interface LogitContext {
  /** All ids of the text so far, the prompt's first. */
  readonly ids: readonly number[]
  readonly promptLength: number
  /** How many tokens were written already: `ids.length - promptLength`. */
  readonly step: number
}

/**
 * Changes the logits of one text's next token, in place: −infinity for a token that must not come. Beam
 * search gives log probabilities in their place.
 */
export type LogitFunction = (logits: Float32Array, context: LogitContext) => void

/** What changes logits. Each that has no default does nothing where it is left out. */
export interface LogitOptions {
  /**
   * Added to the logits of ids, by id. −Infinity forbids one; 100 all but forces it.
   */
  readonly logitBias?: Readonly<Record<number, number>>
  /**
   * Sequences of ids, and what is added to the logit of each one's last id where the text ends with those
   * before it. (A sequence of one id: always.)
   */
  readonly sequenceBias?: readonly (readonly [ids: readonly number[], bias: number])[]
  /**
   * Divides the positive logits of ids that the text has, prompt included, and multiplies the negative ones
   * (Keskar et al. 2019, "CTRL", section 4.1). Above 1 discourages them. Default 1.
   */
  readonly repetitionPenalty?: number
  /** Taken from an id's logit for each time that it was written; the prompt doesn't count. Default 0. */
  readonly frequencyPenalty?: number
  /** Taken from the logit of each id that was written; the prompt doesn't count. Default 0. */
  readonly presencePenalty?: number
  /** No so many ids in a row come twice, prompt included. Default 0: all may. */
  readonly noRepeatNgram?: number
  /** Sequences of ids that must not be written. One that is an id of `stop` alone may be. */
  readonly forbidden?: readonly (readonly number[])[]
  /** No id of `stop` comes before the text has so many ids, prompt included. Default 0. */
  readonly minLength?: number
  /** No id of `stop` comes before so many tokens were written. Default 0. */
  readonly minTokens?: number
  /**
   * The id that follows where the text has one id only, as the first token after an encoder-decoder's start:
   * the language, in many translators.
   */
  readonly forcedBegin?: number
  /** The last token that fits in `tokens` or `maxLength` is one of these. */
  readonly forcedEnd?: number | readonly number[]
  /** Ids that never come. */
  readonly suppressed?: readonly number[]
  /** Ids that don't come first: as the first token, or where `forcedBegin` is that, as the second. */
  readonly suppressedAtBegin?: readonly number[]
  /** Functions of your own, applied in their order after all others. */
  readonly logitFunctions?: readonly LogitFunction[]
}

/**
 * The functions that these options ask for, in the order of Hugging Face's `generate`: biases, repetition,
 * frequency and presence penalties, n-grams, forbidden sequences, lengths, forced and suppressed ids, the
 * caller's own. Temperature, topK and what else chooses come after all of them.
 *
 * @param stop ids that end the text
 * @param limitOf how many tokens follow a prompt of some length at most
 */
export function logitFunctionsOf(
  options: LogitOptions,
  stop: readonly number[],
  limitOf: (promptLength: number) => number,
): LogitFunction[] {
  const {
    logitBias = {},
    sequenceBias = [],
    repetitionPenalty = 1,
    frequencyPenalty = 0,
    presencePenalty = 0,
    noRepeatNgram = 0,
    forbidden = [],
    minLength = 0,
    minTokens = 0,
    forcedBegin,
    forcedEnd,
    suppressed = [],
    suppressedAtBegin = [],
    logitFunctions = [],
  } = options
  const functions: LogitFunction[] = []
  const biases = [
    ...Object.entries(logitBias).map(([id, bias]) => [[Number(id)], bias] as const),
    ...sequenceBias,
  ]
  if (biases.length > 0) functions.push((logits, { ids }) => addBiases(logits, ids, biases))
  if (repetitionPenalty !== 1) functions.push((logits, { ids }) => penalize(logits, ids, repetitionPenalty))
  if (frequencyPenalty !== 0 || presencePenalty !== 0)
    functions.push((logits, { ids, promptLength }) =>
      reduceWritten(logits, ids, promptLength, frequencyPenalty, presencePenalty),
    )
  if (noRepeatNgram > 0) functions.push((logits, { ids }) => blockNgrams(logits, ids, noRepeatNgram))
  const banned = forbidden
    .filter((sequence) => !(sequence.length === 1 && stop.includes(sequence[0]!)))
    .map((sequence) => [sequence, -Infinity] as const)
  if (banned.length > 0) functions.push((logits, { ids }) => addBiases(logits, ids, banned))
  if (stop.length > 0 && (minLength > 0 || minTokens > 0))
    functions.push((logits, { ids, step }) => {
      if (ids.length < minLength || step < minTokens) suppress(logits, stop)
    })
  if (forcedBegin !== undefined)
    functions.push((logits, { ids }) => {
      if (ids.length === 1) force(logits, [forcedBegin])
    })
  if (forcedEnd !== undefined) {
    const ends = typeof forcedEnd === 'number' ? [forcedEnd] : forcedEnd
    functions.push((logits, { promptLength, step }) => {
      if (step === limitOf(promptLength) - 1) force(logits, ends)
    })
  }
  if (suppressed.length > 0) functions.push((logits) => suppress(logits, suppressed))
  if (suppressedAtBegin.length > 0)
    functions.push((logits, { promptLength, step }) => {
      const begin = promptLength === 1 && forcedBegin !== undefined ? 1 : 0
      if (step === begin) suppress(logits, suppressedAtBegin)
    })
  return [...functions, ...logitFunctions]
}

function suppress(logits: Float32Array, ids: readonly number[]): void {
  for (const id of ids) logits[id] = -Infinity
}

function force(logits: Float32Array, ids: readonly number[]): void {
  logits.fill(-Infinity)
  for (const id of ids) logits[id] = 0
}

function addBiases(
  logits: Float32Array,
  ids: readonly number[],
  biases: readonly (readonly [ids: readonly number[], bias: number])[],
): void {
  for (const [sequence, bias] of biases) {
    const before = sequence.length - 1
    const from = ids.length - before
    if (from < 0) continue
    let met = 0
    while (met < before && ids[from + met] === sequence[met]) met++
    if (met === before) logits[sequence[before]!]! += bias
  }
}

/** An id that comes several times is penalized once: its logit is read before any is written. */
function penalize(logits: Float32Array, ids: readonly number[], penalty: number): void {
  const before = Float32Array.from(ids, (id) => logits[id]!)
  for (let i = 0; i < before.length; i++) {
    const logit = before[i]!
    logits[ids[i]!] = logit < 0 ? logit * penalty : logit / penalty
  }
}

function reduceWritten(
  logits: Float32Array,
  ids: readonly number[],
  promptLength: number,
  frequency: number,
  presence: number,
): void {
  const counts = new Map<number, number>()
  for (let i = promptLength; i < ids.length; i++) counts.set(ids[i]!, (counts.get(ids[i]!) ?? 0) + 1)
  for (const [id, count] of counts) logits[id]! -= count * frequency + presence
}

/** Forbids each id that would end a run of `size` ids which the text has already. */
function blockNgrams(logits: Float32Array, ids: readonly number[], size: number): void {
  const before = size - 1
  const end = ids.length - before
  for (let start = 0; start < end; start++) {
    let met = 0
    while (met < before && ids[start + met] === ids[end + met]) met++
    if (met === before) logits[ids[start + before]!] = -Infinity
  }
}
