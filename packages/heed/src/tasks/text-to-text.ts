/** Texts from texts, with an encoder-decoder: what was asked for, a summary, a translation. */
import { checkNames, inWords, UsageError } from '../base/index.js'
import type { GenerationConfig } from '../generation/index.js'
import {
  encodeSource,
  type LoadedEncoderDecoder,
  ofFamily,
  type Running,
  targetStates,
} from '../models/index.js'
import { tensor, type Tensor } from '../tensor/index.js'
import type { Attention, FilterLabels } from './attention.js'
import { callable, type Opened } from './callable.js'
import { collectedFilters, labelsOf } from './decoder-attention.js'
import { joinedAttention } from './joined-attention.js'
import { inLanguage, languageId, languageMark } from './languages.js'
import { runTask, type TaskWork } from './run-task.js'
import { type Numbered, withBatch, withLimit } from './text-generation.js'
import { type OrError, type Attended, taskOptionNames, type TaskPipeline } from './task.js'
import { checkText } from './texts.js'
import { limitOf, type PromptPiece, writePieces, type MadeText } from './write-pieces.js'
import { writableWithin } from './writable-within.js'
import { generationFields, generationOf, TargetWriter, taskFields, taskPrefix } from './writer.js'
import { checkWriting, type WritingOptions, writingFields, writingOptionNames } from './writing-options.js'

/** How a text is made of another. */
export interface TextToTextOptions extends WritingOptions {
  /**
   * What becomes of a text that is longer than the model takes. `truncate`: its end is left out, and the
   * result says how many tokens (`truncated`). `windows`: parts of it, one after the other, each give a text,
   * and these are joined. `error`: UsageError. Default `truncate`.
   */
  readonly long_input?: 'truncate' | 'windows' | 'error' | undefined
}

/** The languages of a translation, as the model's tokenizer names them: `eng_Latn`; `it` of `>>it<<`. */
export interface TranslationOptions extends TextToTextOptions {
  readonly src_lang?: string | undefined
  readonly tgt_lang?: string | undefined
}

/** A text that was made, under the name that its task has for it. */
export type TextToTextOutput<Key extends string> = { readonly [K in Key]: string } & {
  /** Tokens of the input that were left out, where there were any. */
  readonly truncated?: number
}

type Several<Output, Options> = Options extends { readonly num_return_sequences: infer N }
  ? N extends 1
    ? Output
    : Output[]
  : Output

/**
 * As in transformers.js, one text gives a list of texts, and a list of texts one for each, or a list for each
 * where `num_return_sequences` isn't 1.
 */
export interface TextToTextPipeline<
  Task extends string,
  Key extends string,
  Asked extends TextToTextOptions = TextToTextOptions,
> extends TaskPipeline<Task, string> {
  <
    const Input extends string | readonly string[],
    const Options extends Asked = Record<never, never> & Asked,
  >(
    input: Input,
    options?: Options & Asked,
  ): Promise<
    Input extends readonly unknown[]
      ? OrError<Attended<Several<TextToTextOutput<Key>, Options>, Options>, Options>[]
      : OrError<Attended<TextToTextOutput<Key>[], Options>, Options>
  >
}

/** What an encoder-decoder makes of texts. */
export type Text2TextGenerationPipeline = TextToTextPipeline<'text2text-generation', 'generated_text'>
/** Long texts in short. */
export type SummarizationPipeline = TextToTextPipeline<'summarization', 'summary_text'>
/** Texts in another language. */
export type TranslationPipeline = TextToTextPipeline<'translation', 'translation_text', TranslationOptions>

/** Throws UsageError where the model is no encoder-decoder. */
export function createText2TextGeneration(opened: Opened): Text2TextGenerationPipeline {
  return create<Text2TextGenerationPipeline>('text2text-generation', 'generated_text', opened)
}

/** Throws UsageError where the model is no encoder-decoder. */
export function createSummarization(opened: Opened): SummarizationPipeline {
  return create<SummarizationPipeline>('summarization', 'summary_text', opened)
}

/** Throws UsageError where the model is no encoder-decoder. */
export function createTranslation(opened: Opened): TranslationPipeline {
  return create<TranslationPipeline>('translation', 'translation_text', opened)
}

/** A source, or a part of one. */
interface SourcePiece extends PromptPiece {
  readonly source: readonly number[]
  /** Tokens that were left out. */
  readonly truncated: number
}

function create<P extends TaskPipeline>(task: P['task'], key: string, opened: Opened): P {
  const loaded = ofFamily(opened.model, 'encoder-decoder', task)
  const writer = new TargetWriter(loaded)
  const call = async (
    input: string | readonly string[],
    options: TranslationOptions = {},
  ): Promise<unknown> => {
    const languages = task === 'translation' ? ['src_lang', 'tgt_lang'] : []
    checkNames(task, options, [...taskOptionNames, ...writingOptionNames, 'long_input', ...languages])
    checkWriting(task, options)
    const { attention = false, long_input = 'truncate' } = options
    if (!['truncate', 'windows', 'error'].includes(long_input))
      throw new UsageError({
        operation: task,
        expected: "long_input, one of 'truncate', 'windows', 'error'",
        found: inWords(long_input),
        hint: 'correct the option',
      })
    const { how, start, prefix, language } = wayOf(task, writer, options)
    const read = new SourceReader(task, writer, { prefix, language, long: long_input })
    const work: TaskWork<Numbered, SourcePiece, readonly MadeText[], unknown> = {
      operation: task,
      pieces({ text, input: number }) {
        checkText(task, 'the input', text)
        return read.of(text).map((piece) => ({ ...piece, ids: [start], input: number }))
      },
      length: ({ source }) => source.length + limitOf(how, 1),
      run: (pieces) =>
        writePieces(
          task,
          writableWithin(writer.writableFor(pieces.map(({ source }) => source)), opened.around),
          loaded.tokenizer,
          pieces,
          how,
          options,
        ),
      result(_, written, pieces) {
        const truncated = pieces.reduce((sum, piece) => sum + piece.truncated, 0)
        const made = written[0]!.map((__, sequence) => ({
          [key]: written.map((texts) => texts[sequence]!.text).join(' '),
          ...(truncated > 0 && { truncated }),
        }))
        const found = isList && made.length === 1 ? made[0]! : made
        if (!attention) return found
        const parts = pieces.flatMap((piece, part) =>
          written[part]!.map(
            ({ ids }, sequence) =>
              [
                pieces.length > 1 ? `parts.${part}.sequences.${sequence}` : `sequences.${sequence}`,
                crossAttention(loaded, piece.source, [start, ...ids]),
              ] as const,
          ),
        )
        return Object.assign(found, { attention: parts.length === 1 ? parts[0]![1] : joinedAttention(parts) })
      },
    }
    const isList = Array.isArray(input)
    const texts = (isList ? input : [input]) as readonly string[]
    const inputs = texts.map((text, number) => ({ text, input: number }))
    const results = await runTask(work, inputs, withBatch(options))
    return isList ? results : results[0]
  }
  return callable<P>(task, opened, call, ((input: string) => input) as P['textOf'])
}

/** What a call's options and the model's files come to. */
interface Way {
  readonly how: GenerationConfig
  /** What a target starts with. */
  readonly start: number
  /** What stands in front of a source. */
  readonly prefix: string
  /** The token of the source's language. */
  readonly language: number | undefined
}

function wayOf(task: string, writer: TargetWriter, options: TranslationOptions): Way {
  const { loaded } = writer
  const { tokenizer, config } = loaded
  const { src_lang, tgt_lang } = options
  for (const [name, value] of Object.entries({ src_lang, tgt_lang }))
    if (value !== undefined) checkText(task, name, value)
  // T5's tasks of translation have a name for each pair of languages, and no tokens.
  const pair = `${task}_${src_lang}_to_${tgt_lang}`
  const isPair = src_lang !== undefined && Object.keys(taskFields(loaded, pair)).length > 0
  const named = isPair ? pair : task
  const files = withLimit([generationFields(loaded), taskFields(loaded, named)])
  const how = generationOf(task, [...files, writingFields(options)])
  const mark = tgt_lang === undefined || isPair ? undefined : languageMark(tokenizer, tgt_lang)
  const target =
    tgt_lang === undefined || isPair || mark !== undefined
      ? undefined
      : languageId(task, tokenizer, 'tgt_lang', tgt_lang)
  const language =
    src_lang === undefined || isPair ? undefined : languageId(task, tokenizer, 'src_lang', src_lang)
  const prefix = (mark === undefined ? '' : `${mark} `) + taskPrefix(loaded, named)
  // Where nothing is said of the start, the language is what a target starts with (mBART).
  if (target !== undefined && how.decoderStart === undefined && config.start === undefined)
    return { how, start: target, prefix, language }
  return {
    how: target === undefined ? how : { ...how, options: { ...how.options, forcedBegin: target } },
    start: writer.startOf(task, how),
    prefix,
    language,
  }
}

/** Texts to sources, no longer than the model takes. */
class SourceReader {
  readonly #task: string
  readonly #writer: TargetWriter
  readonly #prefix: string
  readonly #language: number | undefined
  readonly #long: NonNullable<TextToTextOptions['long_input']>
  readonly #most: number

  constructor(
    task: string,
    writer: TargetWriter,
    {
      prefix,
      language,
      long,
    }: Pick<Way, 'prefix' | 'language'> & { readonly long: NonNullable<TextToTextOptions['long_input']> },
  ) {
    this.#task = task
    this.#writer = writer
    this.#prefix = prefix
    this.#language = language
    this.#long = long
    this.#most = longestSource(writer.loaded)
  }

  of(text: string): Pick<SourcePiece, 'source' | 'truncated'>[] {
    const whole = this.#read(text)
    if (whole.length <= this.#most) return [{ source: whole, truncated: 0 }]
    if (this.#long === 'error')
      throw new UsageError({
        operation: this.#task,
        expected: `a text of at most ${this.#most} tokens`,
        found: String(whole.length),
        hint: "cut it, or give long_input: 'windows'",
      })
    const { tokenizer } = this.#writer.loaded
    const { spans } = tokenizer.encode(text, { addSpecial: false, padding: null, truncation: null })
    const tokens = spans.length / 2
    const room = this.#most - (whole.length - tokens)
    if (room < 1)
      throw new UsageError({
        operation: this.#task,
        expected: `room for a text beside what stands around it, of ${this.#most} tokens`,
        found: `${whole.length - tokens} around it`,
        hint: 'take a model of more context',
      })
    /** The text of some tokens, which may become others where it is read by itself. */
    const partOf = (from: number, to: number): string =>
      text.slice(spans[2 * from], to >= tokens ? text.length : spans[2 * to])
    const fitting = (from: number): { readonly source: readonly number[]; readonly to: number } => {
      for (let to = Math.min(tokens, from + room); to > from; to--) {
        const source = this.#read(partOf(from, to))
        if (source.length <= this.#most) return { source, to }
      }
      return { source: this.#read('').slice(0, this.#most), to: from + 1 }
    }
    const parts: Pick<SourcePiece, 'source' | 'truncated'>[] = []
    for (let from = 0; from < tokens;) {
      const { source, to } = fitting(from)
      const truncated = this.#long === 'truncate' ? tokens - to : 0
      parts.push({ source, truncated })
      if (this.#long === 'truncate') break
      from = to
    }
    return parts
  }

  #read(text: string): readonly number[] {
    const ids = this.#writer.sourceOf(this.#prefix + text)
    return this.#language === undefined ? ids : inLanguage(this.#writer.loaded.tokenizer, ids, this.#language)
  }
}

/** Tokens that a source has at most: the least of the model's and its tokenizer's. */
function longestSource({ config, stored }: Running<LoadedEncoderDecoder>): number {
  const said = stored.json('tokenizer_config.json')?.member('model_max_length').value
  return typeof said === 'number' && said >= 1 ? Math.min(config.context, Math.floor(said)) : config.context
}

type Half = 'source' | 'target'

/** The source among itself, the target among itself, and the target to the source. */
function crossAttention(
  { model, config, tokenizer, attentions }: Running<LoadedEncoderDecoder>,
  source: readonly number[],
  target: readonly number[],
): Attention {
  const batch = (ids: readonly number[]): Tensor<'batch' | 'position'> =>
    tensor(Int32Array.from(ids), { batch: 1, position: ids.length }, { dtype: 'i32' })
  const filters = collectedFilters(
    attentions.map(({ name }) => name),
    () => targetStates(model, config, batch(target), encodeSource(model, config, batch(source))),
  )
  const texts = { source: labelsOf(tokenizer, source), target: labelsOf(tokenizer, target) }
  const labels: Record<string, FilterLabels> = {}
  for (const { name, queries, keys } of attentions)
    labels[name] = { query: texts[queries as Half], key: texts[keys as Half] }
  return { filters, labels }
}
