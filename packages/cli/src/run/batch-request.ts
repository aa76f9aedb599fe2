/**
 * Requests and responses as OpenAI's batch files have them, a JSON value a line
 * (https://platform.openai.com/docs/guides/batch): `{ custom_id, method, url, body }` in,
 * `{ id, custom_id, response: { status_code, request_id, body }, error }` out.
 */
import { HeedError, type JsonValue } from 'heed/internals'
import { fieldsOf, type Fields, type TaskOptions } from './fields.js'
import { optionName, type TaskEntry } from './task-list.js'

/** Whose form the body of a response has. */
export type Endpoint = 'completions' | 'chat' | 'embeddings' | 'task'

/** What is kept of a request for its response. */
export interface BatchRequest {
  readonly customId: string
  readonly endpoint: Endpoint
  /** Of embeddings: numbers as base64 of little-endian f32. */
  readonly isBase64?: boolean
}

/** What a request asks for, or why it can't be done. */
export interface RequestedItem {
  readonly request: BatchRequest
  readonly inputs: readonly Fields[] | HeedError
  readonly options: TaskOptions
}

/** Inputs of one request at most. OpenAI takes as many. */
const mostInputs = 2048

/** The urls that a task answers. */
const urlsOf = ({ name }: TaskEntry): readonly string[] => [
  ...(name === 'text-generation' ? ['/v1/completions', '/v1/chat/completions'] : []),
  ...(name === 'feature-extraction' ? ['/v1/embeddings'] : []),
  `/v1/tasks/${name}`,
]

/** Whether a line of JSON is a request of a batch file. */
export function isRequest(line: JsonValue): boolean {
  const { value } = line
  return value instanceof Map && value.has('url') && (value.has('custom_id') || value.has('body'))
}

/** @throws {FormatError} where it has no `custom_id` to answer to */
export function requestOf(task: TaskEntry, line: JsonValue): RequestedItem {
  const customId = line.member('custom_id').string()
  try {
    if (line.member('method').string().toUpperCase() !== 'POST') line.member('method').refuse("'POST'")
    const url = line.member('url').choice(urlsOf(task))
    const body = line.member('body')
    if (url === '/v1/completions')
      return { request: { customId, endpoint: 'completions' }, ...completion(body) }
    if (url === '/v1/chat/completions')
      return { request: { customId, endpoint: 'chat' }, ...chatCompletion(body) }
    if (url === '/v1/embeddings') return embedding(customId, body)
    const options = body.member('options')
    return {
      request: { customId, endpoint: 'task' },
      inputs: [fieldsOf(task, body)],
      options: options.isNull ? {} : optionsOf(task, options),
    }
  } catch (error) {
    if (!(error instanceof HeedError)) throw error
    return { request: { customId, endpoint: 'task' }, inputs: error, options: {} }
  }
}

function optionsOf(task: TaskEntry, value: JsonValue): TaskOptions {
  return value.only(task.options.map(optionName)).plain() as TaskOptions
}

function textsOf(value: JsonValue): readonly Fields[] {
  const texts = typeof value.value === 'string' ? [value] : value.items()
  if (texts.length === 0 || texts.length > mostInputs)
    value.refuse(`1 to ${mostInputs} texts`, { found: `${texts.length}` })
  return texts.map((text) => ({ text: text.string() }))
}

function number(value: JsonValue): number {
  return typeof value.value === 'number' ? value.value : value.refuse('a number')
}

/** A member of a body, where it has one. */
function given<T, A>(body: JsonValue, name: string, read: (value: JsonValue) => T, absent: A): T | A {
  const member = body.member(name)
  return member.isNull ? absent : read(member)
}

const count = (value: JsonValue): number => value.count()
const ofWriting = ['model', 'max_tokens', 'temperature', 'top_p', 'seed', 'n', 'stream', 'user']

/** What bodies of completions have in common. @param least what is written where nobody says how much */
function writing(body: JsonValue, others: readonly string[], least: number | undefined): TaskOptions {
  body.only([...ofWriting, ...others])
  if (given(body, 'n', count, 1) !== 1) body.member('n').refuse('one completion of each prompt')
  if (body.member('stream').boolean(false)) body.member('stream').refuse('false: a batch is no stream')
  const temperature = given(body, 'temperature', number, 1)
  const most = given(body, 'max_tokens', count, least)
  return {
    ...(most !== undefined && { max_new_tokens: most }),
    ...(temperature === 0
      ? { do_sample: false }
      : {
          do_sample: true,
          temperature,
          top_p: given(body, 'top_p', number, 1),
          seed: given(body, 'seed', count, 0),
        }),
  }
}

/** A body of https://platform.openai.com/docs/api-reference/completions/create */
function completion(body: JsonValue): Pick<RequestedItem, 'inputs' | 'options'> {
  const options = writing(body, ['prompt', 'echo'], 16)
  const return_full_text = body.member('echo').boolean(false)
  return {
    inputs: textsOf(body.member('prompt')),
    options: { endpoint: 'completions', ...options, return_full_text },
  }
}

/** A body of https://platform.openai.com/docs/api-reference/chat/create */
function chatCompletion(body: JsonValue): Pick<RequestedItem, 'inputs' | 'options'> {
  const newer = given(body, 'max_completion_tokens', count, undefined)
  const options = writing(body, ['messages', 'max_completion_tokens'], newer)
  const messages = body.member('messages').items().map(messageOf)
  if (messages.length === 0) body.member('messages').refuse('at least one message')
  return { inputs: [{ messages: JSON.stringify(messages) }], options: { endpoint: 'chat', ...options } }
}

function messageOf(message: JsonValue): { readonly role: string; readonly content: string } {
  message.only(['role', 'content', 'name'])
  const content = message.member('content')
  if (typeof content.value === 'string')
    return { role: message.member('role').string(), content: content.value }
  const parts = content.items().map((part) => {
    part.only(['type', 'text'])
    part.member('type').choice(['text'])
    return part.member('text').string()
  })
  return { role: message.member('role').string(), content: parts.join('') }
}

/** A body of https://platform.openai.com/docs/api-reference/embeddings/create */
function embedding(customId: string, body: JsonValue): RequestedItem {
  body.only(['model', 'input', 'encoding_format', 'dimensions', 'user'])
  const format = body.member('encoding_format')
  const isBase64 = !format.isNull && format.choice(['float', 'base64']) === 'base64'
  const dimensions = body.member('dimensions')
  return {
    request: { customId, endpoint: 'embeddings', ...(isBase64 && { isBase64 }) },
    inputs: textsOf(body.member('input')),
    options: { endpoint: 'embeddings', ...(dimensions.isNull ? {} : { dimensions: dimensions.count() }) },
  }
}
