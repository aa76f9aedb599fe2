/** Encodings of tiktoken by name: how they cut a text, and their special tokens. */

export interface TiktokenEncoding {
  /** In Oniguruma's dialect. */
  readonly pattern: string
  /** Special token → id. */
  readonly specials: ReadonlyMap<string, number>
}

const endOfText = '<|endoftext|>'
const endOfPrompt = '<|endofprompt|>'
const fillIn = ['<|fim_prefix|>', '<|fim_middle|>', '<|fim_suffix|>'] as const

// `\z` where tiktoken has `$`, which is the end of any line in Oniguruma's dialect.
const r50k = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++|\\s++\\z|\\s+(?!\\S)|\\s"
const cl100k =
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|" +
  '\\s++\\z|\\s*[\\r\\n]|\\s+(?!\\S)|\\s'
const suffix = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
const [upper, lower] = ['[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]', '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]']
const o200k =
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${suffix}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${suffix}|` +
  '\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'

function harmony(): Map<string, number> {
  const names = new Map(
    ['return', 'constrain', '', 'channel', 'start', 'end', 'message', '', '', '', 'call'].map(
      (name, i) => [200_002 + i, name] as const,
    ),
  )
  const specials = new Map([
    ['<|startoftext|>', 199_998],
    [endOfText, 199_999],
  ])
  // 200,018 is one more that is reserved, and has a name of its own.
  for (let id = 200_000; id < 201_088; id++)
    specials.set(id === 200_018 ? endOfPrompt : `<|${names.get(id) || `reserved_${id}`}|>`, id)
  return specials
}

const plain: TiktokenEncoding = { pattern: r50k, specials: new Map([[endOfText, 50_256]]) }

export const tiktokenEncodings: ReadonlyMap<string, TiktokenEncoding> = new Map([
  ['gpt2', plain],
  ['r50k_base', plain],
  ['p50k_base', plain],
  [
    'p50k_edit',
    {
      pattern: r50k,
      specials: new Map([[endOfText, 50_256], ...fillIn.map((name, i) => [name, 50_281 + i] as const)]),
    },
  ],
  [
    'cl100k_base',
    {
      pattern: cl100k,
      specials: new Map([
        [endOfText, 100_257],
        ...fillIn.map((name, i) => [name, 100_258 + i] as const),
        [endOfPrompt, 100_276],
      ]),
    },
  ],
  [
    'o200k_base',
    {
      pattern: o200k,
      specials: new Map([
        [endOfText, 199_999],
        [endOfPrompt, 200_018],
      ]),
    },
  ],
  ['o200k_harmony', { pattern: o200k, specials: harmony() }],
])
