import {
  parseGenerationConfig,
  streamPieces,
  UsageError,
  writable,
  write,
  type Tokenizer,
  type Writable,
  type WriteOptions,
} from 'heed'
import type { NamedModel } from './model.js'

/** The token that training puts before every document: texts start with it and end where it comes again. */
export const documentToken = '<|endoftext|>'

/** A text that a model wrote on. */
export interface Continuation {
  readonly prompt: string
  /** The prompt's tokens, without the one that starts a text. */
  readonly promptIds: readonly number[]
  /** What follows the prompt. */
  readonly text: string
  readonly ids: readonly number[]
  /**
   * Why it ends: all tokens are there, the model ended the text, its context is full, or it was interrupted.
   */
  readonly end: 'tokens' | 'text' | 'context' | 'interrupted'
  readonly tokensPerSecond: number
}

/** What was asked for: what is left out is as the model's own `generation_config.json` has it. */
export type GenerateOptions = Pick<
  WriteOptions,
  'tokens' | 'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'beams' | 'seed' | 'stopStrings'
>

/** A model, ready to write. */
export interface Writer {
  readonly tokenizer: Tokenizer
  /** The model for these prompts, and the ids that it goes on from. */
  begin(prompts: readonly string[]): { readonly model: Writable; readonly ids: readonly number[][] }
  /** A prompt's own ids. */
  idsOf(prompt: string): readonly number[]
  /** What the makers of the model say, and what ends a text. */
  readonly defaults: WriteOptions
}

/** What is taken where neither the user nor the model says something. */
const usual: WriteOptions = { tokens: 60, temperature: 0.8, topP: 0.9 }

/**
 * A model as something that writes.
 *
 * @throws {UsageError} for a model of a family that writes nothing
 */
export function writerOf(language: NamedModel): Writer {
  if (language.family !== 'decoder')
    throw new UsageError({
      operation: 'generate',
      expected: 'a model that writes: a decoder, or an encoder-decoder',
      found: `'${language.architecture?.name ?? ''}', an ${language.family}`,
      hint: 'take another model; heed attend and heed embed look at this one',
    })
  const { tokenizer, model, config, stored } = language
  const file = stored.json('generation_config.json') ?? (stored.architecture && stored.config)
  const own = file === undefined ? undefined : parseGenerationConfig(file)
  const start = tokenizer.id(documentToken)
  const heeds = stored.architecture === undefined
  const special = { addSpecial: !heeds }
  const runner = writable(model, config)
  return {
    tokenizer,
    defaults: {
      ...(own === undefined || stored.json('generation_config.json') === undefined ? usual : own.options),
      stop: own?.options.stop ?? (start === undefined ? [] : [start]),
    },
    idsOf: (prompt) => [...tokenizer.encode(prompt, { addSpecial: false }).ids],
    begin: (prompts) => ({
      model: runner,
      ids: prompts.map((prompt) => {
        const ids = [...tokenizer.encode(prompt, special).ids]
        if (heeds && start !== undefined) return [start, ...ids]
        return ids.length === 0 && own?.begin !== undefined ? [own.begin] : ids
      }),
    }),
  }
}

/**
 * Writes on from prompts, together. Other work of the process runs between tokens.
 *
 * @param onText called with each piece of text of a prompt, by its number, whole characters only
 * @returns for each prompt its continuation
 * @throws {UsageError} for options that make no sense, or an empty prompt where nothing starts a text
 */
export async function writeOn(
  writer: Writer,
  prompts: readonly string[],
  options: GenerateOptions,
  onText: (row: number, text: string) => void = () => {},
  signal?: AbortSignal,
): Promise<Continuation[]> {
  const { tokenizer, defaults } = writer
  const { model, ids: begun } = writer.begin(prompts)
  const asked: WriteOptions = {
    contextEnd: 'slide',
    ...defaults,
    ...options,
    tokenizer,
    ...(signal !== undefined && { signal }),
  }
  const started = performance.now()
  const rows = prompts.map(() => ({ text: '', ids: [] as number[], end: 'aborted', seconds: 0 }))
  const seconds = (): number => (performance.now() - started) / 1000
  if (asked.beams !== undefined && asked.beams > 1) {
    const written = await write(model, begun, { ...asked, perPrompt: 1 })
    written.forEach(({ text, ids, end }, i) => {
      rows[i] = { text, ids: [...ids], end, seconds: seconds() }
      onText(i, text)
    })
  } else {
    for await (const { row, ids, text, end } of streamPieces(model, begun, { ...asked, perPrompt: 1 })) {
      const own = rows[row]!
      own.ids.push(...ids)
      own.text += text
      if (text !== '') onText(row, text)
      if (end !== undefined) Object.assign(own, { end, seconds: seconds() })
    }
  }
  const ends: Readonly<Record<string, Continuation['end']>> = { stop: 'text', aborted: 'interrupted' }
  return rows.map(({ text, ids, end, seconds: own }, i) => ({
    prompt: prompts[i]!,
    promptIds: writer.idsOf(prompts[i]!),
    text,
    // What ends a text is none of it.
    ids: end === 'stop' && defaults.stop?.includes(ids.at(-1)!) === true ? ids.slice(0, -1) : ids,
    end: ends[end] ?? (end as Continuation['end']),
    tokensPerSecond: ids.length / Math.max(1e-9, own),
  }))
}
