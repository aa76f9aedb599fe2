import { FormatError, JsonReader } from '../../base/index.js'
import { addedToken } from '../added-tokens.js'
import type { TokenizerDefinition } from '../definition.js'
import type { NormalizerDefinition } from '../normalize/index.js'
import type { PreTokenizerDefinition } from '../split/index.js'
import type { PostProcessorDefinition } from '../finish/index.js'
import { type BytePairDefinition, bytePairDefinition, readVocabulary } from '../subword/index.js'
import type { Vocabulary } from '../steps/vocabulary.js'
import { largestFile, mostMerges } from './limits.js'
import { MergeLines } from './merge-lines.js'
import { byteLevel, splitAtPatterns } from './parts.js'
import { around } from './sentence-piece.js'
import { eachLine } from './text-lines.js'

/** Whose `vocab.json` and `merges.txt` they are. */
export type BytePairFamily = 'GPT-2' | 'RoBERTa' | 'CLIP' | 'Qwen2'

/** What `vocab.json` and `merges.txt` leave to `tokenizer_config.json`. */
export interface BytePairFilesOptions {
  /** Default GPT-2. */
  readonly family?: BytePairFamily
  /** A space goes in front of a text that has none. Default false. */
  readonly addPrefixSpace?: boolean
  /** The beginning-of-text token of GPT-2 goes in front. Default false. */
  readonly addBeginning?: boolean
  readonly unknown?: string
  readonly begin?: string
  readonly end?: string
  readonly pad?: string
  readonly mask?: string
  /** The path of `vocab.json`, for errors. */
  readonly file?: string | undefined
}

const operation = 'readBytePairFiles'
const qwen2 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" +
  '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const clip = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"

/**
 * Reads `vocab.json` and `merges.txt` of byte-level byte pair encoding: as GPT-2, RoBERTa, CLIP or Qwen2 have
 * it.
 *
 * @throws FormatError for anything else, and where a merge has a token that the vocabulary lacks
 */
export function readBytePairFiles(
  vocabulary: string | Uint8Array,
  merges: Uint8Array,
  options: BytePairFilesOptions = {},
): TokenizerDefinition {
  const { family = 'GPT-2', addPrefixSpace = false, file } = options
  const hint = 'check that it is the vocab.json of a byte-level tokenizer'
  const reader = new JsonReader(vocabulary, { operation, file, hint, length: largestFile })
  const vocab = readVocabulary(reader)
  reader.end()
  const isDense = vocab.highestId < 4 * vocab.size + 65_536
  if (vocab.size === 0 || !isDense)
    reader.refuse('tokens, numbered from 0 on without large gaps', { found: String(vocab.highestId), at: 0 })
  const names = namesOf(family, options)
  const unknown = family === 'CLIP' ? names.unknown : undefined
  const model = bytePairDefinition(vocab, readMergeLines(merges, vocab, file), {
    unk_token: unknown ?? null,
    continuing_subword_prefix: '',
    end_of_word_suffix: family === 'CLIP' ? '</w>' : '',
  })
  const specials = Object.entries(names).flatMap(([name, token]) => {
    const id = token === undefined ? undefined : vocab.id(token)
    return id === undefined ? [] : [addedToken(id, token!, { lstrip: name === 'mask' })]
  })
  const added = new Map(specials.map((token) => [token.id, token]))
  return {
    truncation: null,
    padding: null,
    addedTokens: [...added.values()].sort((a, b) => a.id - b.id),
    normalizer: normalizerOf(family),
    preTokenizer: preTokenizerOf(family, addPrefixSpace),
    postProcessor: postProcessorOf(family, names, vocab, options),
    decoder: byteLevel(true, true, true),
    model,
  }
}

type Names = Partial<Record<'begin' | 'end' | 'unknown' | 'pad' | 'mask', string>>

function namesOf(family: BytePairFamily, options: BytePairFilesOptions): Names {
  const end = '<|endoftext|>'
  const defaults: Names =
    family === 'RoBERTa'
      ? { begin: '<s>', end: '</s>', unknown: '<unk>', pad: '<pad>', mask: '<mask>' }
      : family === 'CLIP'
        ? { begin: '<|startoftext|>', end, unknown: end, pad: end }
        : { begin: end, end, unknown: end }
  const { begin, end: last, unknown, pad, mask } = options
  const given = Object.entries({ begin, end: last, unknown, pad, mask }).filter(
    ([, name]) => name !== undefined,
  )
  return { ...defaults, ...Object.fromEntries(given) }
}

function normalizerOf(family: BytePairFamily): NormalizerDefinition | null {
  if (family === 'Qwen2') return { type: 'NFC' }
  if (family !== 'CLIP') return null
  return {
    type: 'Sequence',
    normalizers: [
      { type: 'NFC' },
      { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
      { type: 'Lowercase' },
    ],
  }
}

function preTokenizerOf(family: BytePairFamily, addPrefixSpace: boolean): PreTokenizerDefinition | null {
  if (family === 'Qwen2') return splitAtPatterns([qwen2], true)
  if (family !== 'CLIP') return byteLevel(addPrefixSpace, true, true)
  return {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: clip }, behavior: 'Removed', invert: true },
      byteLevel(false, true, true),
    ],
  }
}

function postProcessorOf(
  family: BytePairFamily,
  { begin = '', end = '' }: Names,
  vocab: Vocabulary,
  { addPrefixSpace = false, addBeginning = false }: BytePairFilesOptions,
): PostProcessorDefinition | null {
  const [cls, sep] = [vocab.id(begin), vocab.id(end)]
  if ((family === 'RoBERTa' || family === 'CLIP') && cls !== undefined && sep !== undefined)
    return {
      type: 'RobertaProcessing',
      sep: [end, sep],
      cls: [begin, cls],
      trim_offsets: family === 'RoBERTa',
      add_prefix_space: addPrefixSpace,
    }
  if (addBeginning && cls !== undefined) return around(begin, undefined, () => cls)
  return byteLevel(addPrefixSpace, false, true)
}

function readMergeLines(
  bytes: Uint8Array,
  vocab: Vocabulary,
  file: string | undefined,
): BytePairDefinition['merges'] {
  const merges = new MergeLines(vocab, true)
  const lines: number[] = []
  const version = new TextEncoder().encode('#version')
  const refuse = (line: number, expected: string): never => {
    throw new FormatError({
      operation,
      expected,
      found: `another line ${line + 1} of the merges`,
      hint: 'check that vocab.json and merges.txt belong together',
      file,
    })
  }
  eachLine(bytes, mostMerges, { operation, file }, (start, end, line) => {
    if (start === end || version.every((byte, i) => bytes[start + i] === byte)) return
    const space = bytes.indexOf(0x20, start)
    const next = space < 0 ? -1 : bytes.indexOf(0x20, space + 1)
    if (space <= start || space >= end - 1 || (next >= 0 && next < end))
      refuse(line, 'two tokens with a space between')
    lines.push(line)
    merges.add(bytes, start, space, end)
  })
  const table = merges.finish()
  if (merges.missing >= 0) refuse(lines[merges.missing]!, 'a merge of tokens that vocab.json has')
  return table
}
