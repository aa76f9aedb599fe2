import { FormatError, readUtf8, utf8Length } from '../../base/index.js'
import { addedToken } from '../added-tokens.js'
import type { TokenizerDefinition } from '../definition.js'
import { Vocabulary } from '../steps/vocabulary.js'
import { mostTokens } from './limits.js'
import { template, type TemplatePart } from './parts.js'
import { eachLine } from './text-lines.js'

/** What `vocab.txt` leaves to `tokenizer_config.json`. */
export interface BertVocabularyOptions {
  /** Default true. */
  readonly lowercase?: boolean
  /** Leave accents out; null, which is the default: where `lowercase` is true. */
  readonly stripAccents?: boolean | null
  /** Each Chinese character is a word of its own. Default true. */
  readonly splitChinese?: boolean
  /** Default `[UNK]`, `[CLS]`, `[SEP]`, `[PAD]` and `[MASK]`. */
  readonly unknown?: string
  readonly begin?: string
  readonly end?: string
  readonly pad?: string
  readonly mask?: string
  /** The file's path, for errors. */
  readonly file?: string | undefined
}

const operation = 'readBertVocabulary'

/**
 * Reads BERT's `vocab.txt`, a token a line: WordPiece, with `[CLS]` and `[SEP]` around a text. Of a token
 * that comes twice the last line counts.
 *
 * @throws FormatError for anything else, and where the unknown token isn't there
 */
export function readBertVocabulary(
  bytes: Uint8Array,
  options: BertVocabularyOptions = {},
): TokenizerDefinition {
  const { lowercase = true, stripAccents = null, splitChinese = true, file } = options
  const { unknown = '[UNK]', begin = '[CLS]', end = '[SEP]', pad = '[PAD]', mask = '[MASK]' } = options
  const vocab = readLines(bytes, file)
  if (!vocab.has(unknown))
    throw new FormatError({
      operation,
      expected: 'a line for each token, among them the unknown one',
      found: `no '${unknown.slice(0, 60)}'`,
      hint: 'check that it is a vocab.txt of BERT',
      file,
    })
  const idOf = (token: string): number => vocab.id(token)!
  const specials = [...new Set([pad, unknown, begin, end, mask])].filter((token) => vocab.has(token))
  const single: TemplatePart[] = [
    [begin, 0],
    [0, 0],
    [end, 0],
  ]
  const hasTemplate = vocab.has(begin) && vocab.has(end)
  return {
    truncation: null,
    padding: null,
    addedTokens: specials.map((token) => addedToken(idOf(token), token)).sort((a, b) => a.id - b.id),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: splitChinese,
      strip_accents: stripAccents,
      lowercase,
    },
    preTokenizer: { type: 'BertPreTokenizer' },
    postProcessor: hasTemplate ? template(single, [...single, [1, 1], [end, 1]], idOf) : null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unknown,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  }
}

function readLines(bytes: Uint8Array, file: string | undefined): Vocabulary {
  const lineOf = new Map<string, number>()
  eachLine(bytes, mostTokens, { operation, file }, (start, end, line) => {
    for (let at = start; at < end;) {
      const length = utf8Length(bytes, at)
      if (length === 0)
        throw new FormatError({
          operation,
          expected: 'text in UTF-8',
          found: `other bytes in line ${line + 1}`,
          hint: 'check that it is a vocab.txt of BERT',
          file,
          offset: at,
        })
      at += length
    }
    if (start < end) lineOf.set(readUtf8(bytes, start, end), line)
  })
  return Vocabulary.of([...lineOf].sort((a, b) => a[1] - b[1]))
}
