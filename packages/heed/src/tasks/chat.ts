/** Conversations as the ids that a model was trained on. */
import { UsageError } from '../base/index.js'
import type { Running } from '../models/index.js'
import { type ChatMessage, ChatTemplate, type Tokenizer } from '../text/index.js'

/** A model's chat template, with the special tokens that it may write. */
export interface ModelChat {
  readonly template: ChatTemplate
  readonly specials: Readonly<Record<string, string>>
}

/**
 * The chat template that a model's files have: `chat_template.jinja`, `tokenizer_config.json`, or GGUF's own.
 *
 * @throws UsageError where there is none; FormatError for one that heed doesn't read
 */
export function modelChat(operation: string, { stored, tokenizer }: Running): ModelChat {
  const source = templateIn(stored)
  if (source === undefined)
    throw new UsageError({
      operation,
      expected: 'a text, or a model with a chat template',
      found: 'the messages of a conversation, and a model without one',
      hint: "write them as one text, as the model's card says",
    })
  const config = stored.json('tokenizer_config.json')
  const specials: Record<string, string> = {}
  for (const name of ['bos', 'eos', 'pad', 'unk'] as const) {
    const said = config?.member(`${name}_token`)
    const id = stored.config.member(`${name}_token_id`).value
    const own =
      said === undefined || said.isNull
        ? typeof id === 'number'
          ? tokenizer.token(id)
          : undefined
        : typeof said.value === 'string'
          ? said.value
          : said.member('content').string()
    if (own !== undefined) specials[`${name}_token`] = own
  }
  return { template: new ChatTemplate(source), specials }
}

function templateIn(stored: Running['stored']): string | undefined {
  const file = stored.file('chat_template.jinja')
  if (file !== undefined) return new TextDecoder().decode(file)
  const said = stored.json('tokenizer_config.json')?.member('chat_template')
  if (typeof said?.value === 'string') return said.value
  if (said?.isNull === false) {
    // Several, each with its name.
    const own = said.items().find((one) => one.member('name').value === 'default') ?? said.items()[0]
    return own?.member('template').string()
  }
  return stored.format === 'gguf'
    ? stored.weights((files) =>
        files.format === 'gguf' ? files.metadata.string('tokenizer.chat_template') : undefined,
      )
    : undefined
}

/** What stands in the place of a special token that a message spells. */
const [open, close] = ['\uE000', '\uE001']

/**
 * The ids of a conversation, up to where the model answers. What the template writes may be special tokens;
 * what messages spell is text, so that nobody can write one.
 *
 * @throws UsageError for what are no messages, or what the template refuses
 */
export function chatIds(
  { template, specials }: ModelChat,
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  tools?: readonly unknown[],
): readonly number[] {
  const names = tokenizer.definition.addedTokens
    .filter(({ special }) => special)
    .map(({ content }) => content)
  const written: string[] = []
  const pattern = new RegExp([open, close, ...names.map(escapedForPattern)].join('|'), 'g')
  const hidden = (value: unknown): unknown => {
    if (typeof value === 'string')
      return value.replace(pattern, (one) => `${open}${written.push(one) - 1}${close}`)
    if (Array.isArray(value)) return value.map(hidden)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, hidden(one)]))
  }
  const text = template.apply(hidden(messages) as readonly ChatMessage[], {
    addGenerationPrompt: true,
    specials,
    tools: hidden(tools) as readonly unknown[] | undefined,
  })
  const ids = (part: string, what: 'allow' | 'text'): number[] =>
    part === ''
      ? []
      : [
          ...tokenizer.encode(part, { addSpecial: false, specials: what, padding: null, truncation: null })
            .ids,
        ]
  return text
    .split(new RegExp(`${open}(\\d+)${close}`))
    .flatMap((part, i) => (i % 2 === 0 ? ids(part, 'allow') : ids(written[Number(part)] ?? '', 'text')))
}

function escapedForPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

/** Whether an input is a conversation, and no list of texts. */
export function isChat(input: unknown): input is readonly ChatMessage[] {
  const isMessage = (one: unknown): boolean =>
    typeof one === 'object' && one !== null && 'role' in one && 'content' in one
  return Array.isArray(input) && input.length > 0 && input.every(isMessage)
}
