import { addedToken } from '../added-tokens.js'
import { checkTexts, inWords, readJson, StateError, type JsonValue } from '../../base/index.js'
import { characterOfByte } from '../byte-alphabet.js'
import { readDecoder } from '../decode/index.js'
import type { TokenizerDefinition } from '../definition.js'
import { readPostProcessor } from '../finish/index.js'
import { createNormalizer, readNormalizer } from '../normalize/index.js'
import { createPreTokenizer, readPreTokenizer } from '../split/index.js'
import { ReadContext } from '../steps/component.js'
import type { ModelDefinition } from '../subword/index.js'
import { learnModel } from './learn-model.js'
import { TextWords } from './text-words.js'
import { checkOptions, refuse, type StepSettings, type TrainTokenizerOptions } from './train-options.js'
import type { TrainingProgress, TrainingSteps } from './training-steps.js'

/** How long other work of the program waits at most, where a step isn't longer. */
const patience = 20

/**
 * Learns what a tokenizer does from texts: byte pair encoding (Sennrich et al. 2016), WordPiece by the same
 * merges, Unigram (Kudo 2018), or whole words. Texts are normalized and cut as the tokenizer will do it;
 * special tokens in them are text like any other. Memory grows with the different words, not with the texts.
 * The same texts give the same tokenizer.
 *
 * Other work of the program goes on between the steps of the training.
 *
 * @throws UsageError for options that make no sense, and texts that are no strings
 * @throws FormatError, PatternError for a normalizer, pre-tokenizer, post-processor or decoder that isn't
 * understood
 * @throws the signal's reason where it is aborted
 */
export async function learnTokenizer(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainTokenizerOptions,
): Promise<TokenizerDefinition<ModelDefinition>> {
  checkOptions(options)
  const unknown = options.unknownToken === undefined ? defaultUnknown[options.model] : options.unknownToken
  const given = new Set(options.special)
  const special = [...new Set(unknown === null ? given : given.has(unknown) ? given : [unknown, ...given])]
  const context = new ReadContext(special.length - 1)
  const read = <Step>(
    name: 'normalizer' | 'preTokenizer' | 'postProcessor' | 'decoder',
    reader: (value: JsonValue, context: ReadContext) => Step,
  ): Step | null => {
    const settings = options[name]
    return settings === undefined || settings === null ? null : reader(asJson(name, settings), context)
  }
  const normalizer = read('normalizer', readNormalizer)
  const preTokenizer = read('preTokenizer', readPreTokenizer)
  const postProcessor = read('postProcessor', readPostProcessor)
  const decoder = read('decoder', readDecoder)
  const words = new TextWords(
    normalizer === null ? (text) => text : createNormalizer(normalizer),
    createPreTokenizer(preTokenizer),
  )
  const driver = new Driver(options)
  await driver.count(texts, words)
  const model = await driver.run(
    learnModel(words.take(), {
      options,
      special,
      unknown,
      initial: isByteLevel(normalizer) || isByteLevel(preTokenizer) ? characterOfByte : [],
    }),
  )
  return {
    truncation: null,
    padding: null,
    addedTokens: special.map((content, id) => addedToken(id, content)),
    normalizer,
    preTokenizer,
    postProcessor,
    decoder,
    model,
  }
}

const defaultUnknown = { BPE: null, WordPiece: '[UNK]', Unigram: '<unk>', WordLevel: '<unk>' } as const

function asJson(name: string, settings: StepSettings): JsonValue {
  const text = JSON.stringify(settings, (_, value: unknown) =>
    value instanceof Map ? Object.fromEntries(value) : value,
  )
  return readJson(text, { operation: 'trainTokenizer', file: name, hint: `correct ${name}` })
}

interface Step {
  readonly type: string
}

/** Whether a step, or one of its steps, spells texts in the byte alphabet. */
function isByteLevel(step: Step | null): boolean {
  if (step === null) return false
  const { pretokenizers, normalizers } = step as {
    readonly pretokenizers?: readonly Step[]
    readonly normalizers?: readonly Step[]
  }
  return step.type === 'ByteLevel' || (pretokenizers ?? normalizers ?? []).some(isByteLevel)
}

/** Runs a training step by step. Lets signals, timers and input be handled in between. */
class Driver {
  readonly #options: TrainTokenizerOptions
  #pausedAt = performance.now()

  constructor(options: TrainTokenizerOptions) {
    this.#options = options
  }

  async count(texts: Iterable<string> | AsyncIterable<string>, words: TextWords): Promise<void> {
    if (typeof texts === 'string') checkTexts('trainTokenizer', texts)
    const given = (texts ?? {}) as Partial<Iterable<string> & AsyncIterable<string>>
    if (given[Symbol.iterator] === undefined && given[Symbol.asyncIterator] === undefined)
      refuse('a list or a stream of texts', inWords(texts), 'write [text] for a single text')
    const total = Array.isArray(texts) ? texts.length : undefined
    let done = 0
    let units = 0
    const add = (text: string): boolean => {
      this.#check()
      if (typeof text !== 'string')
        refuse('texts that are strings', inWords(text), 'decode bytes to text first')
      words.add(text)
      done++
      units += text.length + 1
      if (units < 1 << 16) return false
      units = 0
      return true
    }
    this.#check()
    if (Symbol.asyncIterator in texts) {
      for await (const text of texts) if (add(text)) await this.#report({ phase: 'texts', done, total })
    } else for (const text of texts) if (add(text)) await this.#report({ phase: 'texts', done, total })
    await this.#report({ phase: 'texts', done, total: done })
  }

  async run<Result>(steps: TrainingSteps<Result>): Promise<Result> {
    for (;;) {
      this.#check()
      const { done, value } = steps.next()
      if (done === true) return value
      const paused = this.#report(value)
      if (paused !== undefined) await paused
    }
  }

  #report(progress: TrainingProgress): Promise<void> | undefined {
    this.#options.onProgress?.(progress)
    if (performance.now() - this.#pausedAt < patience) return undefined
    return pause().then(() => {
      this.#pausedAt = performance.now()
    })
  }

  #check(): void {
    const { signal } = this.#options
    if (signal?.aborted !== true) return
    throw (
      signal.reason ??
      new StateError({
        operation: 'trainTokenizer',
        expected: 'to train to the end',
        found: 'an aborted signal',
        hint: 'train again',
      })
    )
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else setTimeout(resolve, 0)
  })
}
