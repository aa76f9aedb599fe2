/** Writing on from a text, with a decoder. */
import { checkNames, UsageError } from '../base/index.js'
import { ofFamily } from '../models/index.js'
import { callable, type Opened } from './callable.js'
import { decoderAttention } from './decoder-attention.js'
import { joinedAttention } from './joined-attention.js'
import { runTask, type TaskWork } from './run-task.js'
import { type TaskOptions, taskOptionNames, type TaskPipeline, type TaskResult } from './task.js'
import { checkText } from './texts.js'
import { limitOf, type PromptPiece, writePieces, type MadeText } from './write-pieces.js'
import { DecoderWriter, generationFields, generationOf, taskFields } from './writer.js'
import { checkWriting, type WritingOptions, writingFields, writingOptionNames } from './writing-options.js'

/** How texts are written on. */
export interface TextGenerationOptions extends WritingOptions {
  /** Whether a result begins with its prompt. Default true. */
  readonly return_full_text?: boolean | undefined
  /** Whether a prompt gets what the tokenizer's template puts around a text. Default true. */
  readonly add_special_tokens?: boolean | undefined
}

/** A text that was written. */
export interface TextGenerationOutput {
  /** The prompt and what follows it, or what follows it alone. */
  readonly generated_text: string
  /** `stop`: the model, or a string, ended it. `length`: as many tokens as were wanted, or as fit. */
  readonly finish_reason: 'stop' | 'length'
  /** How many tokens were written. */
  readonly tokens: number
}

/** Of one prompt a list of `num_return_sequences` texts, of several prompts a list of such lists. */
export interface TextGenerationPipeline extends TaskPipeline<'text-generation', string> {
  <
    const Input extends string | readonly string[],
    const Options extends TextGenerationOptions = Record<never, never>,
  >(
    input: Input,
    options?: Options & TextGenerationOptions,
  ): Promise<TaskResult<Input, Options, TextGenerationOutput[]>>
}

/** Tokens of a batch, those that are to be written included. */
export const writingBatchTokens = 8192

/** Throws UsageError where the model is no decoder. */
export function createTextGeneration(opened: Opened): TextGenerationPipeline {
  const task = 'text-generation'
  const loaded = ofFamily(opened.model, 'decoder')
  const { tokenizer, config } = loaded
  const writer = new DecoderWriter(loaded)
  const call = async (
    input: string | readonly string[],
    options: TextGenerationOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, [
      ...taskOptionNames,
      ...writingOptionNames,
      'return_full_text',
      'add_special_tokens',
    ])
    checkWriting(task, options)
    const { return_full_text = true, add_special_tokens = true, attention = false } = options
    const how = generationOf(task, [
      ...(writer.stop.length > 0 ? [{ eos_token_id: writer.stop }] : []),
      ...withLimit([generationFields(loaded), taskFields(loaded, task)]),
      writingFields(options),
    ])
    const work: TaskWork<Numbered, PromptPiece, readonly MadeText[], TextGenerationOutput[]> = {
      operation: task,
      pieces({ text, input: number }) {
        if (isChat(text)) throw withoutTemplate(task)
        checkText(task, 'the input', text)
        const ids = writer.idsOf(task, text, add_special_tokens)
        checkPrompt(task, ids.length, config.context)
        return [{ ids, input: number }]
      },
      length: ({ ids }) => Math.min(config.context, ids.length + limitOf(how, ids.length)),
      run: (pieces) => writePieces(writer.writable, tokenizer, pieces, how, options),
      result({ text }, [texts], [prompt]) {
        const made = texts!.map((one) => ({
          generated_text: (return_full_text ? text : '') + one.text,
          finish_reason: one.end === 'stop' ? ('stop' as const) : ('length' as const),
          tokens: one.ids.length,
        }))
        if (!attention) return made
        const parts = texts!.map(({ ids }, i) => {
          const read = [...prompt!.ids, ...ids].slice(0, config.context)
          return [`sequences.${i}`, decoderAttention(loaded, read)] as const
        })
        return Object.assign(made, { attention: parts.length === 1 ? parts[0]![1] : joinedAttention(parts) })
      },
    }
    const isList = Array.isArray(input) && !isChat(input)
    const texts = (isList ? input : [input]) as readonly string[]
    const inputs = texts.map((text, number) => ({ text, input: number }))
    const results = await runTask(work, inputs, withBatch(options))
    return isList ? results : results[0]
  }
  return callable<TextGenerationPipeline>(task, opened, call, (input) => input)
}

/** An input with its number. */
export interface Numbered {
  readonly text: string
  readonly input: number
}

/** 256 tokens where the model's files have no limit. */
export function withLimit(
  records: readonly Readonly<Record<string, unknown>>[],
): Readonly<Record<string, unknown>>[] {
  const limited = records.some((one) =>
    [one['max_new_tokens'], one['max_length']].some((limit) => typeof limit === 'number'),
  )
  return limited ? [...records] : [{ max_new_tokens: 256 }, ...records]
}

/** Room for what is written. */
export function withBatch(options: TaskOptions): TaskOptions {
  const { signal, progress, errors, batchTokens = writingBatchTokens } = options
  return { signal, progress, errors, batchTokens }
}

function checkPrompt(operation: string, length: number, context: number): void {
  if (length < context) return
  throw new UsageError({
    operation,
    expected: `a prompt of fewer than ${context} tokens, the model's context`,
    found: `one of ${length}`,
    hint: 'cut it: write on from its end',
  })
}

/** Messages of a conversation, as the hub's libraries take them. */
function isChat(input: unknown): boolean {
  const isMessage = (one: unknown): boolean =>
    typeof one === 'object' && one !== null && 'role' in one && 'content' in one
  return Array.isArray(input) && input.length > 0 && input.every(isMessage)
}

function withoutTemplate(operation: string): UsageError {
  return new UsageError({
    operation,
    expected: 'a text',
    found: 'the messages of a conversation',
    hint: "write them as one text, as the model's card says",
  })
}
