import type { Tokenizer } from 'heed'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import { escaped, jsonText } from '../terminal.js'
import type { TextWork } from './text-work.js'

export interface DecodeWorkOptions {
  /** false: special tokens are left out. */
  readonly special: boolean
  readonly json?: boolean
}

/**
 * Decodes: arguments are the ids of one text together, lines those of a text each. A line may be JSON as
 * `--json` prints it.
 *
 * @param given the arguments; they are made one
 */
export function decodeIds(
  given: string[],
  tokenizer: Tokenizer,
  { special, json }: DecodeWorkOptions,
  { rawOutput }: Context,
): TextWork {
  if (given.length > 1) given.splice(0, given.length, given.join(' '))
  return {
    show(line) {
      const ids = idsOf(line)
      const text = tokenizer.decode(ids, { skipSpecial: !special })
      if (json) return `${jsonText({ ids, text })}\n`
      return `${rawOutput.isTTY === true ? escaped(text, '\n') : text}\n`
    },
    summary: () => '',
  }
}

function idsOf(line: string): number[] {
  const text = line.trim()
  if (text.startsWith('{') || text.startsWith('[')) return idsOfJson(text)
  if (text === '') return []
  return text.split(/[\s,]+/).map((part) => {
    const id = /^\d{1,10}$/.test(part) ? Number(part) : NaN
    return Number.isInteger(id) ? id : refuse(part)
  })
}

function idsOfJson(text: string): number[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refuse(text)
  }
  const list = Array.isArray(value) ? (value as unknown) : (value as { ids?: unknown }).ids
  if (!Array.isArray(list)) return refuse(text)
  return list.map((id: unknown) => (Number.isSafeInteger(id) && Number(id) >= 0 ? Number(id) : refuse(text)))
}

function refuse(found: string): never {
  throw new UsageError(`tokenize: expected token ids such as "464 3797", found '${found.slice(0, 60)}'`)
}
