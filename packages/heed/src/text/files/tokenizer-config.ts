import { type JsonValue, readJson } from '../../base/index.js'
import { type AddedToken } from '../added-tokens.js'
import { largestId } from './limits.js'
import { addedToken } from '../added-tokens.js'

/** The names that the hub has for special tokens. */
const specialNames = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'] as const
export type SpecialName = (typeof specialNames)[number]

/** What `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` say. */
export interface TokenizerConfig {
  /** The name of the class without `Fast`, such as `BertTokenizer`. */
  readonly className: string | undefined
  readonly specials: Readonly<Partial<Record<SpecialName, string>>>
  /** More special tokens. */
  readonly additional: readonly string[]
  /** Added tokens, by id. */
  readonly added: readonly AddedToken[]
  /** How many tokens a model takes, where that is known. */
  readonly maxLength: number | undefined
  /** How a conversation becomes a text, in Jinja. */
  readonly chatTemplate: string | undefined
  readonly flag: (name: string) => boolean | undefined
  /** A whole number of `tokenizer_config.json`, up to 2^16. */
  readonly count: (name: string) => number | undefined
}

const operation = 'readTokenizerFiles'
const mostAdded = 2 ** 16
/** Longer ones stand for "as many as you like". */
const longest = 2 ** 40

/**
 * @param fileOf a file's bytes, by name
 * @throws FormatError for files that are no JSON, or have fields of other kinds
 */
export function readTokenizerConfig(fileOf: (name: string) => Uint8Array | undefined): TokenizerConfig {
  const read = (name: string): JsonValue | undefined => {
    const bytes = fileOf(name)
    return bytes && readJson(bytes, { operation, file: name, values: 2 ** 20 })
  }
  const config = read('tokenizer_config.json')
  const map = read('special_tokens_map.json')
  const given = (name: string): JsonValue | undefined => {
    for (const file of [config, map]) {
      const value = file?.member(name)
      if (value !== undefined && !value.isNull) return value
    }
    return undefined
  }
  const specials: Partial<Record<SpecialName, string>> = {}
  for (const name of specialNames) {
    const value = given(`${name}_token`)
    if (value !== undefined) specials[name] = contentOf(value)
  }
  const length = config?.member('model_max_length').value
  const type = config?.member('tokenizer_class')
  return {
    className: type === undefined || type.isNull ? undefined : type.string().replace(/Fast$/, ''),
    specials,
    additional: given('additional_special_tokens')?.items().map(contentOf) ?? [],
    added: [...readDecoder(config?.member('added_tokens_decoder')), ...readAdded(read('added_tokens.json'))],
    maxLength: typeof length === 'number' && length > 0 && length < longest ? Math.floor(length) : undefined,
    chatTemplate: chatTemplateOf(config?.member('chat_template'), fileOf('chat_template.jinja')),
    flag: (flag) => {
      const value = config?.member(flag).value
      return typeof value === 'boolean' ? value : undefined
    },
    count: (name) => {
      const value = config?.member(name)
      return value === undefined || value.isNull ? undefined : value.count(2 ** 16)
    },
  }
}

/** A token as its text, or as an object with its flags. */
function contentOf(value: JsonValue): string {
  return typeof value.value === 'string' ? value.value : value.member('content').string()
}

function readDecoder(value: JsonValue | undefined): AddedToken[] {
  if (value === undefined || value.isNull) return []
  const members = value.members()
  if (members.length > mostAdded) value.refuse(`of at most ${mostAdded} tokens`, { found: 'more' })
  return members.map(([key, token]) => {
    const id = Number(key)
    if (!/^\d+$/.test(key) || id > largestId) token.refuse('named by its id')
    const flag = (name: string): boolean => token.member(name).boolean(false)
    return addedToken(id, token.member('content').string(), {
      single_word: flag('single_word'),
      lstrip: flag('lstrip'),
      rstrip: flag('rstrip'),
      normalized: flag('normalized'),
      special: flag('special'),
    })
  })
}

function readAdded(value: JsonValue | undefined): AddedToken[] {
  if (value === undefined) return []
  const members = value.members()
  if (members.length > mostAdded) value.refuse(`of at most ${mostAdded} tokens`, { found: 'more' })
  return members.map(([content, id]) =>
    addedToken(id.count(largestId), content, { normalized: true, special: false }),
  )
}

/** One template, or of several the one that is called `default`. */
function chatTemplateOf(value: JsonValue | undefined, file: Uint8Array | undefined): string | undefined {
  if (file !== undefined) return new TextDecoder().decode(file)
  if (value === undefined || value.isNull) return undefined
  if (typeof value.value === 'string') return value.value
  return value
    .items()
    .find((item) => item.member('name').value === 'default')
    ?.member('template')
    .string()
}
