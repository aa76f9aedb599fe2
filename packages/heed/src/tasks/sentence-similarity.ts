/** How alike texts are in meaning, and which of many are most like one. */
import { checkNames, checkWhole, inWords, UsageError } from '../base/index.js'
import {
  type LoadedEncoder,
  nearestVectors,
  ofFamily,
  readSentenceEncoder,
  type Running,
  type SimilarityName,
  vectorSimilarity,
} from '../models/index.js'
import type { Encoding } from '../text/index.js'
import { type Attention, encoderAttention } from './attention.js'
import { callable, type Opened } from './callable.js'
import { joinedAttention } from './joined-attention.js'
import { runTask, type TaskWork } from './run-task.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import { checkText, type TextPairInput } from './texts.js'

/** A text, and those that it is compared with. */
export interface SentencesInput {
  readonly source_sentence: string
  readonly sentences: readonly string[]
}

/** What is compared: a text with several, as the hub has it, or two. */
export type SentenceSimilarityInput = SentencesInput | TextPairInput

/** How texts are compared. */
export interface SentenceSimilarityOptions extends TaskOptions {
  /** Gives so many of the sentences, the most alike first, in the place of a score for each. */
  readonly top_k?: number | undefined
  /** Default: the model's own, else the cosine. */
  readonly similarity?: SimilarityName | undefined
  /** Stands in front of each text. */
  readonly prompt?: string | undefined
  /** The name of one of the model's own prompts. */
  readonly prompt_name?: string | undefined
}

const similarities: readonly SimilarityName[] = ['cosine', 'dot', 'euclidean', 'manhattan']

/** A sentence that a search found. */
export interface FoundSentence {
  /** Its number in the list. */
  readonly index: number
  readonly score: number
  readonly sentence: string
}

type Scores<Input, Options> = Input extends TextPairInput
  ? number
  : Options extends { readonly top_k: number }
    ? FoundSentence[]
    : number[]

/**
 * A score for each of `sentences`; with `top_k` the most alike of them; of a pair one number. With
 * `attention`, a pair's is a list of one number.
 */
export interface SentenceSimilarityPipeline extends TaskPipeline<
  'sentence-similarity',
  SentenceSimilarityInput
> {
  <
    const Input extends SentenceSimilarityInput | readonly SentenceSimilarityInput[],
    const Options extends SentenceSimilarityOptions = Record<never, never>,
  >(
    input: Input,
    options?: Options & SentenceSimilarityOptions,
  ): Promise<
    TaskResult<
      Input,
      Options,
      Scores<Input, Options>,
      Input extends readonly (infer Each)[] ? Scores<Each, Options> : never
    >
  >
}

/** Throws UsageError where the model is no encoder. */
export function createSentenceSimilarity(opened: Opened): SentenceSimilarityPipeline {
  const task = 'sentence-similarity'
  const loaded: Running<LoadedEncoder> = ofFamily(opened.model, 'encoder', task)
  const encoder = readSentenceEncoder(loaded)
  const call = async (
    input: SentenceSimilarityInput | readonly SentenceSimilarityInput[],
    options: SentenceSimilarityOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, [...taskOptionNames, 'top_k', 'similarity', 'prompt', 'prompt_name'])
    const { top_k, attention = false, prompt, prompt_name: promptName } = options
    const similarity = options.similarity ?? encoder.settings.similarity ?? 'cosine'
    if (top_k !== undefined) checkWhole(task, 'top_k', top_k, 1)
    if (!similarities.includes(similarity))
      throw new UsageError({
        operation: task,
        expected: `similarity, one of ${similarities.join(', ')}`,
        found: inWords(similarity),
        hint: 'correct the option',
      })
    const work: TaskWork<SentenceSimilarityInput, Encoding, Float32Array, unknown> = {
      operation: task,
      pieces: (one) => textsOf(task, one).map((text) => encoder.tokens(text, { prompt, promptName })),
      length: ({ length }) => length,
      run: (pieces) => encoder.vectorsOf(pieces, { prompt, promptName }),
      result(one, [source, ...vectors], [text, ...texts]) {
        const scores = vectors.map((vector) => vectorSimilarity(source!, vector, similarity))
        const isPair = 'text' in one
        const made =
          !isPair && top_k !== undefined
            ? nearestVectors(source!, vectors, { count: top_k, similarity }).map((found) => ({
                ...found,
                sentence: one.sentences[found.index]!,
              }))
            : scores
        if (!attention) return isPair ? scores[0] : made
        const parts: [string, Attention][] = [['source', encoderAttention(loaded, text!)]]
        for (const [i, sentence] of texts.entries())
          parts.push([`sentences.${i}`, encoderAttention(loaded, sentence)])
        return Object.assign(made, { attention: joinedAttention(parts) })
      },
    }
    const isList = Array.isArray(input)
    const results = await runTask(work, isList ? input : [input as SentenceSimilarityInput], options)
    return isList ? results : results[0]
  }
  return callable<SentenceSimilarityPipeline>(task, opened, call, (input) => textsOf(task, input).join('\n'))
}

/** The text that is compared, and those that it is compared with. */
function textsOf(task: string, input: SentenceSimilarityInput): readonly string[] {
  if (typeof input !== 'object' || input === null)
    throw new UsageError({
      operation: task,
      expected: 'an input { source_sentence, sentences }, or { text, text_pair }',
      found: inWords(input),
      hint: 'give two texts or more',
    })
  if ('text' in input) {
    checkNames(task, input, ['text', 'text_pair'], 'an input')
    checkText(task, 'text', input.text)
    checkText(task, 'text_pair', input.text_pair)
    return [input.text, input.text_pair]
  }
  checkNames(task, input, ['source_sentence', 'sentences'], 'an input')
  checkText(task, 'source_sentence', input.source_sentence)
  return [input.source_sentence, ...checkedTexts(task, 'sentences', input.sentences)]
}

/** Throws UsageError for anything but a list of texts. */
export function checkedTexts(task: string, name: string, texts: unknown): readonly string[] {
  if (!Array.isArray(texts))
    throw new UsageError({
      operation: task,
      expected: `${name}, a list of texts`,
      found: inWords(texts),
      hint: 'give a list, with one text or more',
    })
  texts.forEach((text, i) => checkText(task, `${name}[${i}]`, text))
  return texts as readonly string[]
}
