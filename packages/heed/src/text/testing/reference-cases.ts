import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type {
  EncodeOptions,
  Encoding,
  PaddingDefinition,
  TextInput,
  TextPair,
  Tokenizer,
  TruncationDefinition,
} from '../index.js'
import { HeedError } from '../../base/index.js'

/** What another implementation made of an input; a field that is absent isn't compared. */
interface Expected {
  readonly ids?: readonly number[]
  readonly tokens?: readonly string[]
  readonly spans?: readonly (readonly number[])[]
  readonly type_ids?: readonly number[]
  readonly attention_mask?: readonly number[]
  readonly special_tokens_mask?: readonly number[]
  readonly word_ids?: readonly (number | null)[]
  readonly sequence_ids?: readonly (number | null)[]
  readonly decoded?: string
  readonly decoded_without_special?: string
  readonly overflow?: readonly Expected[]
  /** An error, or a panic of the package, where nothing is to be equal. */
  readonly refused?: string
}

interface Case extends Expected {
  readonly text?: string
  readonly pair?: string
  readonly words?: readonly string[]
  readonly add_special_tokens?: boolean
  readonly truncation?: Omit<TruncationDefinition, 'strategy' | 'direction'> & {
    readonly strategy: string
    readonly direction: string
  }
}

type Input = readonly [text: string, pair?: string]

/** The content of a cases.json of the reference. */
export interface ReferenceCases {
  readonly about?: string
  readonly cases?: readonly Case[]
  readonly pairs?: readonly Case[]
  readonly bare?: readonly Case[]
  readonly bare_pairs?: readonly Case[]
  readonly words?: readonly Case[]
  readonly decodings?: readonly Case[]
  readonly streams?: readonly {
    readonly ids: readonly number[]
    readonly chunks: readonly (string | null)[]
  }[]
  readonly truncations?: readonly Case[]
  readonly batches?: readonly {
    readonly padding: Record<string, unknown>
    readonly truncation?: Case['truncation']
    readonly inputs: readonly Input[]
    readonly add_special_tokens?: boolean
    readonly encodings?: readonly Expected[]
    readonly refused?: string
  }[]
}

export function readGzipped(path: string): unknown {
  return JSON.parse(Buffer.from(contentOf(path)).toString())
}

/** Where a tokenizer.json of the reference is: kept there, or fetched; undefined where it isn't. */
export function referencePath(folder: string, name: string): string | undefined {
  const fetched = process.env['HEED_REFERENCE_TOKENIZERS']
  return [
    join(folder, name, 'tokenizer.json'),
    join(folder, name, 'tokenizer.json.gz'),
    ...(fetched === undefined ? [] : [join(fetched, name, 'tokenizer.json')]),
  ].find((path) => existsSync(path))
}

/** The bytes of a file, which may be compressed. */
export function contentOf(path: string): Uint8Array {
  const bytes = readFileSync(path)
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes
}

/** What differs between a tokenizer and the cases: a line each, the first few of every list. */
export function differences(
  tokenizer: Tokenizer,
  cases: ReferenceCases,
  /** What the reference turned off. */
  settings: EncodeOptions = {},
): { count: number; shown: string[] } {
  let count = 0
  const shown: string[] = []
  const check = (list: string, input: unknown, expected: Expected, run: () => Encoding | Found): void => {
    count++
    const problem = compare(tokenizer, expected, run)
    if (problem !== undefined) shown.push(`${list} ${JSON.stringify(input)}: ${problem}`)
  }
  for (const [list, addSpecial] of [
    ['cases', true],
    ['pairs', true],
    ['bare', false],
    ['bare_pairs', false],
    ['words', true],
  ] as const)
    for (const one of cases[list] ?? [])
      check(list, inputOf(one), one, () => encoded(tokenizer, one, { ...settings, addSpecial }))
  for (const one of cases.truncations ?? [])
    check('truncations', { ...one.truncation, ...inputOf(one), add: one.add_special_tokens }, one, () =>
      encoded(tokenizer, one, {
        addSpecial: one.add_special_tokens ?? true,
        truncation: truncationOf(one.truncation!),
      }),
    )
  for (const batch of cases.batches ?? []) {
    const { padding, truncation, inputs, add_special_tokens: addSpecial = true } = batch
    const run = (): Encoding[] =>
      tokenizer.encodeBatch(inputs.map(batchInput), {
        addSpecial,
        specials: 'allow',
        padding: paddingOf(padding),
        truncation: truncation === undefined ? null : truncationOf(truncation),
      })
    const about = { padding, truncation, addSpecial, inputs: inputs.length }
    if (batch.encodings === undefined) check('batches', about, { refused: batch.refused! }, () => run()[0]!)
    else
      batch.encodings.forEach((expected, i) =>
        check('batches', { ...about, input: inputs[i] }, expected, () => run()[i]!),
      )
  }
  for (const one of cases.decodings ?? []) check('decodings', one.ids, one, () => ({ ids: one.ids! }))
  for (const { ids, chunks } of cases.streams ?? []) {
    count++
    const stream = tokenizer.stream()
    const found = ids.map((id) => stream.push(id))
    const expected = chunks.map((chunk) => chunk ?? '')
    if (JSON.stringify(found) !== JSON.stringify(expected))
      shown.push(`streams ${JSON.stringify(ids)}: ${JSON.stringify(found)} for ${JSON.stringify(expected)}`)
  }
  return { count, shown }
}

function inputOf({ text, pair, words }: Case): Record<string, unknown> {
  return words !== undefined ? { words } : pair === undefined ? { text } : { text, pair }
}

function encoded(tokenizer: Tokenizer, one: Case, options: EncodeOptions): Encoding {
  const { pair } = one
  return tokenizer.encode((one.words ?? one.text)!, {
    ...options,
    specials: 'allow',
    ...(pair === undefined ? {} : { pair }),
  })
}

function batchInput(input: Input): TextInput | TextPair {
  const [text, pair] = input
  return pair === undefined ? text : { text, pair }
}

/** `longest_first` and `right`, as Python calls them, or `LongestFirst` and `Right`. */
function truncationOf({
  strategy,
  direction,
  ...rest
}: NonNullable<Case['truncation']>): TruncationDefinition {
  return {
    ...rest,
    strategy: camel(strategy) as TruncationDefinition['strategy'],
    direction: camel(direction) as TruncationDefinition['direction'],
  }
}

function paddingOf(padding: Record<string, unknown>): PaddingDefinition {
  const { length, direction = 'right', pad_to_multiple_of = null, strategy, ...rest } = padding
  return {
    ...rest,
    strategy: strategy ?? (length === undefined || length === null ? 'BatchLongest' : { Fixed: length }),
    direction: camel(String(direction)),
    pad_to_multiple_of,
    pad_id: padding['pad_id'] ?? 0,
    pad_type_id: padding['pad_type_id'] ?? 0,
    pad_token: padding['pad_token'] ?? '[PAD]',
  } as PaddingDefinition
}

function camel(name: string): string {
  return name.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

interface Found {
  readonly ids: ArrayLike<number>
}

function compare(tokenizer: Tokenizer, expected: Expected, run: () => Encoding | Found): string | undefined {
  let found: Encoding | Found
  try {
    found = run()
  } catch (error) {
    if (!(error instanceof HeedError)) return `threw ${String((error as Error).stack).slice(0, 500)}`
    return expected.refused === undefined ? `refused: ${error.message}` : undefined
  }
  if (expected.refused !== undefined)
    return expected.refused.startsWith('panic') ? undefined : `not refused: ${expected.refused}`
  for (const [name, value] of Object.entries(expected)) {
    if (value === undefined) continue
    if (name === 'overflow') {
      const problem = compareOverflow((found as Encoding).overflow, value as Expected[])
      if (problem !== undefined) return problem
      continue
    }
    const actual = field(tokenizer, found, name)
    if (actual === undefined) continue
    const [a, b] = [JSON.stringify(actual), JSON.stringify(value)]
    if (a !== b) return `${name} ${shortened(a, b)}`
  }
  return undefined
}

/** The windows as a set: some of the package's come twice. */
function compareOverflow(found: readonly Encoding[], expected: readonly Expected[]): string | undefined {
  const names = Object.keys(expected[0] ?? {})
  const actual = new Set(found.map((one) => JSON.stringify(names.map((name) => field(undefined, one, name)))))
  const wanted = new Set(
    expected.map((one) => JSON.stringify(names.map((name) => one[name as keyof Expected]))),
  )
  const missing = [...wanted].filter((one) => !actual.has(one))
  const extra = [...actual].filter((one) => !wanted.has(one))
  if (missing.length + extra.length === 0) return undefined
  return `overflow (${names.join(' ')}) lacks ${missing.slice(0, 2).join(' ')}, has ${extra.slice(0, 2).join(' ')}`
}

function field(tokenizer: Tokenizer | undefined, found: Encoding | Found, name: string): unknown {
  if (name === 'decoded') return tokenizer!.decode(found.ids)
  if (name === 'decoded_without_special') return tokenizer!.decode(found.ids, { skipSpecial: true })
  if (name === 'ids') return [...(found.ids as Iterable<number>)]
  const encoding = found as Encoding
  const orNull = (ids: Int32Array): (number | null)[] => [...ids].map((id) => (id < 0 ? null : id))
  switch (name) {
    case 'tokens':
      return [...encoding.tokens]
    case 'spans':
      return Array.from({ length: encoding.ids.length }, (_, i) => [
        encoding.spans[2 * i],
        encoding.spans[2 * i + 1],
      ])
    case 'type_ids':
      return [...encoding.typeIds]
    case 'attention_mask':
      return [...encoding.attentionMask]
    case 'special_tokens_mask':
      return [...encoding.specialTokensMask]
    case 'word_ids':
      return orNull(encoding.wordIds)
    case 'sequence_ids':
      return orNull(encoding.sequenceIds)
    default:
      return undefined
  }
}

/** Both from where they begin to differ. */
function shortened(a: string, b: string): string {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  const from = Math.max(0, at - 20)
  return `…${a.slice(from, at + 60)} for …${b.slice(from, at + 60)}`
}
