/** Writing on from a text, with a decoder. */
import { checkBooleans, checkNames, inWords, UsageError } from '../base/index.js'
import { ofFamily } from '../models/index.js'
import type { ChatMessage } from '../text/index.js'
import { callable, type Opened } from './callable.js'
import { chatIds, isChat, type ModelChat, modelChat } from './chat.js'
import { decoderAttention } from './decoder-attention.js'
import { joinedAttention } from './joined-attention.js'
import { runTask, type TaskWork } from './run-task.js'
import {
  type Attended,
  type OrError,
  type TaskOptions,
  taskOptionNames,
  type TaskPipeline,
  type TaskResult,
} from './task.js'
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
  /**
   * What special tokens that a prompt spells are: `text`, so that no user can write one, or themselves
   * (`allow`), as transformers.js has it. Default `text`.
   */
  readonly specials?: 'text' | 'allow' | undefined
  /** Functions that the model of a conversation may call, as JSON schemas. */
  readonly tools?: readonly unknown[] | undefined
}

/** A text that was written. */
export interface TextGenerationOutput {
  /** The prompt and what follows it, or what follows it alone. */
  readonly generated_text: string
  /** `stop`: the model, or a string, ended it. `length`: as many tokens as were wanted, or as fit. */
  readonly finish_reason: 'stop' | 'length'
  /** How many tokens were written. */
  readonly tokens: number
  /** How many tokens the prompt has, with what starts it. */
  readonly prompt_tokens: number
}

/** What was written of a conversation. */
export interface ChatOutput extends Omit<TextGenerationOutput, 'generated_text'> {
  /** The messages and the model's answer. */
  readonly generated_text: readonly ChatMessage[]
}

/**
 * Of one prompt a list of `num_return_sequences` texts, of several prompts a list of such lists. Of the
 * messages of a conversation, or several, the same with the answer as the last message: by the model's own
 * chat template.
 */
export interface TextGenerationPipeline extends TaskPipeline<
  'text-generation',
  string | readonly ChatMessage[]
> {
  <
    const Input extends string | readonly string[],
    const Options extends TextGenerationOptions = Record<never, never>,
  >(
    input: Input,
    options?: Options & TextGenerationOptions,
  ): Promise<TaskResult<Input, Options, TextGenerationOutput[]>>
  <const Options extends TextGenerationOptions = Record<never, never>>(
    messages: readonly ChatMessage[],
    options?: Options & TextGenerationOptions,
  ): Promise<OrError<Attended<ChatOutput[], Options>, Options>>
  <const Options extends TextGenerationOptions = Record<never, never>>(
    conversations: readonly (readonly ChatMessage[])[],
    options?: Options & TextGenerationOptions,
  ): Promise<OrError<Attended<ChatOutput[], Options>, Options>[]>
}

/** Tokens of a batch, those that are to be written included. */
export const writingBatchTokens = 8192

/** Throws UsageError where the model is no decoder. */
export function createTextGeneration(opened: Opened): TextGenerationPipeline {
  const task = 'text-generation'
  const loaded = ofFamily(opened.model, 'decoder', task)
  const { tokenizer, config } = loaded
  const writer = new DecoderWriter(loaded)
  let chat: ModelChat | undefined
  const call = async (
    input: TextGenerationInput | readonly TextGenerationInput[],
    options: TextGenerationOptions = {},
  ): Promise<unknown> => {
    checkNames(task, options, [
      ...taskOptionNames,
      ...writingOptionNames,
      'return_full_text',
      'add_special_tokens',
      'tools',
      'specials',
    ])
    checkWriting(task, options)
    checkBooleans(task, options, ['return_full_text', 'add_special_tokens'])
    const {
      return_full_text = true,
      add_special_tokens = true,
      attention = false,
      specials = 'text',
    } = options
    if (specials !== 'text' && specials !== 'allow')
      throw new UsageError({
        operation: task,
        expected: "specials 'text' or 'allow'",
        found: inWords(specials),
        hint: "take 'text' for texts of users",
      })
    const how = generationOf(task, [
      ...(writer.stop.length > 0 ? [{ eos_token_id: writer.stop }] : []),
      ...withLimit([generationFields(loaded), taskFields(loaded, task)]),
      writingFields(options),
    ])
    const work: TaskWork<Numbered<TextGenerationInput>, PromptPiece, readonly MadeText[], Output[]> = {
      operation: task,
      pieces({ text, input: number }) {
        if (!isChat(text)) checkText(task, 'the input', text)
        const ids = isChat(text)
          ? chatIds((chat ??= modelChat(task, loaded)), tokenizer, text, options.tools)
          : writer.idsOf(task, text, add_special_tokens, specials)
        checkPrompt(task, ids.length, config.context)
        return [{ ids, input: number }]
      },
      length: ({ ids }) => Math.min(config.context, ids.length + limitOf(how, ids.length)),
      run: (pieces) => writePieces(task, writer.writable, tokenizer, pieces, how, options),
      result({ text }, [texts], [prompt]) {
        const made = texts!.map((one): Output => {
          const rest = {
            finish_reason: one.end === 'stop' ? ('stop' as const) : ('length' as const),
            tokens: one.ids.length,
            prompt_tokens: prompt!.ids.length,
          }
          return isChat(text)
            ? { generated_text: [...text, { role: 'assistant', content: one.text }], ...rest }
            : { generated_text: (return_full_text ? text : '') + one.text, ...rest }
        })
        if (!attention) return made
        const parts = texts!.map(({ ids }, i) => {
          const read = [...prompt!.ids, ...ids].slice(0, config.context)
          return [`sequences.${i}`, decoderAttention(loaded, read)] as const
        })
        return Object.assign(made, { attention: parts.length === 1 ? parts[0]![1] : joinedAttention(parts) })
      },
    }
    const isList = Array.isArray(input) && !isChat(input)
    const texts = (isList ? input : [input]) as readonly TextGenerationInput[]
    const inputs = texts.map((text, number) => ({ text, input: number }))
    const results = await runTask(work, inputs, withBatch(options))
    return isList ? results : results[0]
  }
  return callable<TextGenerationPipeline>(task, opened, call, (input) =>
    typeof input === 'string' ? input : input.map(({ content }) => shownContent(content)).join('\n'),
  )
}

type TextGenerationInput = string | readonly ChatMessage[]
type Output = TextGenerationOutput | ChatOutput

function shownContent(content: unknown): string {
  return typeof content === 'string' ? content : (JSON.stringify(content) ?? '')
}

/** An input with its number. */
export interface Numbered<Input = string> {
  readonly text: Input
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
  const { signal, progress, errors, attention, batchTokens = writingBatchTokens } = options
  return { signal, progress, errors, attention, batchTokens }
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
