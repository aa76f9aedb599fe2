/**
 * Conversations as the text that a model was trained on: the templates of the hub's tokenizers
 * (`chat_template`), in the part of Jinja that they are written in.
 */
import { checkNames, inWords, UsageError } from '../../base/index.js'
import { evaluate } from './evaluate.js'
import { templateError, templateTokens } from './lexer.js'
import { parseTemplate, type Statement } from './parser.js'
import { Namespace, textOf, type Value, valueOf } from './value.js'

/** A message of a conversation. Templates may look at further members. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, … */
  readonly role: string
  readonly content: unknown
  readonly [member: string]: unknown
}

/** What a template is told beside the messages. */
export interface ChatOptions {
  /** Ends the text where the answer of the model begins. Default false. */
  readonly addGenerationPrompt?: boolean | undefined
  /** Functions that the model may call, as JSON schemas. */
  readonly tools?: readonly unknown[] | undefined
  /** Special tokens by their names: `bos_token`. */
  readonly specials?: Readonly<Record<string, string>> | undefined
  /** What else the template asks for: `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined
  /** What `strftime_now` tells. Default: now. */
  readonly date?: Date | undefined
}

/** A template that was read. */
export class ChatTemplate {
  readonly #statements: readonly Statement[]

  /**
   * @throws FormatError for a text that is no template, or uses what heed doesn't read; UsageError for no
   * text
   */
  constructor(source: string) {
    if (typeof source !== 'string')
      throw new UsageError({
        operation: 'chat template',
        expected: 'the text of a template',
        found: inWords(source),
        hint: 'give the chat_template of the model as a string',
      })
    this.#statements = parseTemplate(templateTokens(source))
  }

  /**
   * The text of a conversation.
   *
   * @throws UsageError for what are no messages, or what the template refuses; FormatError where it makes no
   * sense, or takes more steps or memory than a conversation needs
   */
  apply(messages: readonly ChatMessage[], options: ChatOptions = {}): string {
    checkNames('chat template', options, ['addGenerationPrompt', 'tools', 'specials', 'variables', 'date'])
    checkMessages(messages)
    const { addGenerationPrompt = false, tools, specials = {}, variables = {}, date = new Date() } = options
    const values = new Map<string, Value>([
      ['messages', valueOf(messages)],
      ['add_generation_prompt', addGenerationPrompt],
      ['tools', tools === undefined ? null : valueOf(tools)],
      ['documents', null],
      ...Object.entries({ ...specials, ...variables }).map(
        ([name, value]) => [name, valueOf(value)] as const,
      ),
      ['raise_exception', ([message]) => refused(textOf(message))],
      ['namespace', (_, named) => new Namespace(new Map(named))],
      ['range', (list) => rangeOf(list)],
      ['dict', (_, named) => new Map(named)],
      ['strftime_now', ([format]) => dated(date, textOf(format))],
    ])
    return evaluate(this.#statements, values)
  }
}

/** @throws UsageError for anything but a list of messages */
export function checkMessages(messages: unknown): asserts messages is readonly ChatMessage[] {
  const isMessage = (one: unknown): boolean =>
    typeof one === 'object' && one !== null && typeof (one as Partial<ChatMessage>).role === 'string'
  if (Array.isArray(messages) && messages.every(isMessage)) return
  throw new UsageError({
    operation: 'chat template',
    expected: "messages, a list such as [{ role: 'user', content: 'Hello' }]",
    found: Array.isArray(messages) ? 'a list with something else' : inWords(messages),
    hint: 'give each message a role and a content',
  })
}

function refused(message: string): never {
  throw new UsageError({
    operation: 'chat template',
    expected: 'messages that the template takes',
    found: `what it refuses: ${message.slice(0, 200)}`,
    hint: "see the model's card for the roles that it knows, and their order",
  })
}

function rangeOf(list: readonly Value[]): Value {
  const numbers = list.map(Number)
  const [start, end, step] =
    numbers.length === 1 ? [0, numbers[0]!, 1] : [numbers[0] ?? 0, numbers[1] ?? 0, numbers[2] ?? 1]
  const count = Math.max(0, Math.ceil((end - start) / step))
  if (!(count <= 2 ** 16)) throw templateError(0, `a range of at most ${2 ** 16} numbers`, String(count))
  return Array.from({ length: count }, (_, i) => start + i * step)
}

const months = 'January February March April May June July August September October November December'.split(
  ' ',
)
const days = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')

/** A date in the local time, as Python's `strftime` writes it. */
function dated(date: Date, format: string): string {
  const two = (number: number): string => String(number).padStart(2, '0')
  const parts: Readonly<Record<string, string>> = {
    Y: String(date.getFullYear()),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    d: two(date.getDate()),
    B: months[date.getMonth()]!,
    b: months[date.getMonth()]!.slice(0, 3),
    A: days[date.getDay()]!,
    a: days[date.getDay()]!.slice(0, 3),
    H: two(date.getHours()),
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    '%': '%',
  }
  return format.replace(/%(.)/g, (whole, one: string) => (Object.hasOwn(parts, one) ? parts[one]! : whole))
}
