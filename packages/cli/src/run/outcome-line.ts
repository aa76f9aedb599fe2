import { keyOf } from './keyed-results.js'
import type { BatchRequest } from './batch-request.js'
import type { Item } from './items.js'
import type { Outcome } from './runner.js'

/**
 * A line of JSON for an item: where it stands and its result or error, or the response that a batch file has
 * for a request.
 */
export function outcomeLine(model: string, { place, request }: Item, outcomes: readonly Outcome[]): string {
  if (request !== undefined) return JSON.stringify(response(model, request, outcomes))
  // What is no request has one input.
  const [outcome] = outcomes
  return JSON.stringify({
    ...place,
    ...('error' in outcome! ? { error: outcome.error } : { result: outcome!.result }),
  })
}

function response(model: string, request: BatchRequest, outcomes: readonly Outcome[]): unknown {
  const { customId } = request
  const id = keyOf(request, outcomes)
  const refused = outcomes.find((outcome) => 'error' in outcome)
  const answer = (status: number, body: unknown): unknown => ({
    id: `batch_req_${id}`,
    custom_id: customId,
    response: { status_code: status, request_id: `req_${id}`, body },
    error: null,
  })
  if (refused !== undefined)
    return answer(400, {
      error: {
        message: refused.error.message,
        type: 'invalid_request_error',
        param: null,
        code: refused.error.name,
      },
    })
  const results = outcomes.map((outcome) => ('result' in outcome ? outcome.result : undefined))
  return answer(200, bodyOf(model, id, request, results))
}

/** Tokens, as a response's `usage` counts them. */
interface Counted {
  readonly prompt_tokens: number
  readonly completion_tokens?: number
}

interface Completed extends Counted {
  readonly text: string
  readonly finish_reason: string
  /** Seconds since 1970. */
  readonly created: number
}

function usage(counts: readonly Counted[]): unknown {
  const sum = (of: (one: Counted) => number): number => counts.reduce((all, one) => all + of(one), 0)
  const [prompt, completion] = [sum((one) => one.prompt_tokens), sum((one) => one.completion_tokens ?? 0)]
  const isWriting = counts.some((one) => one.completion_tokens !== undefined)
  return {
    prompt_tokens: prompt,
    ...(isWriting && { completion_tokens: completion }),
    total_tokens: prompt + completion,
  }
}

function bodyOf(
  model: string,
  id: string,
  { endpoint, isBase64 }: BatchRequest,
  results: readonly unknown[],
): unknown {
  if (endpoint === 'task') return { model, result: results[0] }
  if (endpoint === 'embeddings') {
    const embedded = results as readonly (Counted & { readonly embedding: readonly number[] })[]
    const data = embedded.map(({ embedding }, index) => ({
      object: 'embedding',
      index,
      embedding: isBase64 === true ? base64(embedding) : embedding,
    }))
    return { object: 'list', data, model, usage: usage(embedded) }
  }
  const written = results as readonly Completed[]
  if (endpoint === 'chat')
    return {
      id: `chatcmpl-${id}`,
      object: 'chat.completion',
      created: written[0]?.created,
      model,
      choices: written.map(({ text, finish_reason }, index) => ({
        index,
        message: { role: 'assistant', content: text, refusal: null },
        logprobs: null,
        finish_reason,
      })),
      usage: usage(written),
    }
  return {
    id: `cmpl-${id}`,
    object: 'text_completion',
    created: written[0]?.created,
    model,
    choices: written.map(({ text, finish_reason }, index) => ({
      text,
      index,
      logprobs: null,
      finish_reason,
    })),
    usage: usage(written),
  }
}

function base64(numbers: readonly number[]): string {
  const bytes = Buffer.alloc(4 * numbers.length)
  numbers.forEach((value, i) => bytes.writeFloatLE(value, 4 * i))
  return bytes.toString('base64')
}
