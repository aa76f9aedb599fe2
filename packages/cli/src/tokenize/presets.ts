/**
 * How texts are normalized and cut, and tokens joined again: the parts of a tokenizer.json by their names.
 */
export interface Preset {
  /** The kinds of tokenizer that it goes with; that of the first preset which has a kind is its default. */
  readonly kinds: readonly Kind[]
  /** Ids from 0 on, in this order. */
  readonly special: readonly string[]
  /** Stands for what is not in the vocabulary; null: nothing does. */
  readonly unknownToken: string | null
  readonly normalizer: Settings | null
  readonly preTokenizer: Settings
  readonly postProcessor: Settings | null
  readonly decoder: Settings | null
  /** Whether line ends are part of what is learned; else lines are texts of their own. */
  readonly learnsLineEnds: boolean
}

export type Kind = 'bpe' | 'wordpiece' | 'unigram' | 'wordlevel'
export type Settings = Readonly<Record<string, unknown>>

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }
const bertNormalizer = { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true }
const bertSpecial = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']

const sequence = (id: 'A' | 'B', type_id: number): Settings => ({ Sequence: { id, type_id } })
const added = (id: string, type_id: number): Settings => ({ SpecialToken: { id, type_id } })

const sentencePiece: Settings = {
  type: 'Sequence',
  normalizers: [{ type: 'NFKC' }, { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' }],
}
const t5Special = ['<pad>', '</s>', '<unk>']

export const presets: Readonly<Record<string, Preset>> = {
  'byte-level': {
    kinds: ['bpe'],
    special: ['<|endoftext|>'],
    unknownToken: null,
    normalizer: null,
    preTokenizer: byteLevel,
    postProcessor: { ...byteLevel, trim_offsets: false },
    decoder: byteLevel,
    learnsLineEnds: true,
  },
  bert: {
    kinds: ['wordpiece'],
    special: bertSpecial,
    unknownToken: '[UNK]',
    normalizer: { ...bertNormalizer, strip_accents: null, lowercase: true },
    preTokenizer: { type: 'BertPreTokenizer' },
    postProcessor: {
      type: 'TemplateProcessing',
      single: [added('[CLS]', 0), sequence('A', 0), added('[SEP]', 0)],
      pair: [added('[CLS]', 0), sequence('A', 0), added('[SEP]', 0), sequence('B', 1), added('[SEP]', 1)],
      special_tokens: Object.fromEntries(
        ['[CLS]', '[SEP]'].map((id) => [id, { id, ids: [bertSpecial.indexOf(id)], tokens: [id] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    learnsLineEnds: false,
  },
  sentencepiece: {
    kinds: ['unigram', 'bpe'],
    special: ['<unk>', '<s>', '</s>'],
    unknownToken: '<unk>',
    normalizer: sentencePiece,
    preTokenizer: metaspace,
    postProcessor: null,
    decoder: metaspace,
    learnsLineEnds: false,
  },
  t5: {
    kinds: ['unigram', 'bpe'],
    special: t5Special,
    unknownToken: '<unk>',
    normalizer: sentencePiece,
    preTokenizer: metaspace,
    postProcessor: {
      type: 'TemplateProcessing',
      single: [sequence('A', 0), added('</s>', 0)],
      pair: [sequence('A', 0), added('</s>', 0), sequence('B', 0), added('</s>', 0)],
      special_tokens: { '</s>': { id: '</s>', ids: [t5Special.indexOf('</s>')], tokens: ['</s>'] } },
    },
    decoder: metaspace,
    learnsLineEnds: false,
  },
  words: {
    kinds: ['wordlevel'],
    special: ['<unk>'],
    unknownToken: '<unk>',
    normalizer: { type: 'NFC' },
    preTokenizer: { type: 'Whitespace' },
    postProcessor: null,
    decoder: null,
    learnsLineEnds: false,
  },
}

/** BERT's, which keeps capital letters and accents. */
export const casedNormalizer: Settings = { ...bertNormalizer, strip_accents: false, lowercase: false }
