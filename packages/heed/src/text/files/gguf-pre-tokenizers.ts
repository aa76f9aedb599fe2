/**
 * How llama.cpp cuts a text into words before byte pair encoding. A GGUF file has the name alone
 * (`tokenizer.ggml.pre`). Each pattern cuts what the ones before it left; what is between matches stays.
 *
 * The patterns are those of llama.cpp's `llama-vocab.cpp`, put into Oniguruma's dialect. Where llama.cpp has
 * a function of its own in a pattern's place, the pattern here says what the function does. There `\p{Lu}`
 * and the like mean any letter, and so they are any letter here.
 */

export interface GgufPreTokenizer {
  readonly patterns: readonly string[]
  /** A word that is a token becomes that token, merges or not. */
  readonly ignoresMerges?: true
  /** The beginning-of-text token comes before a text unless the file says otherwise. */
  readonly addsBeginning?: true
  /** Words are spelled as they are, not in GPT-2's byte alphabet. */
  readonly isPlain?: true
  /** A space is `▁`. */
  readonly escapesSpaces?: true
  /** Where the file names no beginning-of-text token there is none. */
  readonly lacksBeginning?: true
}

const suffixes = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
const before = '[^\\r\\n\\p{L}\\p{N}]?'
const letters = `${before}\\p{L}+`
const lettersAndMarks = `${before}[\\p{L}\\p{M}]+`
const others = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*'
const othersAndSlashes = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*'
const lines = '\\s*[\\r\\n]+'
const spaces = '\\s+(?!\\S)|\\s+'
const gpt2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|${spaces}`
const llama3 = `${suffixes}|${letters}|\\p{N}{1,3}|${others}|${lines}|${spaces}`
const qwen2 = `${suffixes}|${letters}|\\p{N}|${others}|${lines}|${spaces}`
const newlines = '[^\\n]+|\\n+'
const bloom = ' ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+'
const asciiWord = '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+'
const signsAndWords = `${asciiWord}|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+`
const deepseek3 = `${signsAndWords}[\\r\\n]*|${lines}|${spaces}`
const chineseAndKana = '[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+'
/** llama.cpp finds white space by `\s` alone, never in a range. */
const chineseAndHangul = '[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff&&\\S]+'
/** Groups of three from the right, the first of them together with what stands before it. */
const digitGroups = '[^\\p{N}]*\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))'
const han =
  '\u{4e00}-\u{9fff}\u{3400}-\u{4dbf}\u{20000}-\u{2a6df}\u{2a700}-\u{2ebef}' +
  '\u{f900}-\u{faff}\u{2f800}-\u{2fa1f}'
const asianScripts =
  '[\u4e00-\u9fff\u3400-\u4dbf\u8c48-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf\u0e40-' +
  '\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+'
const asianSigns =
  '[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-\u303f' +
  '\ufe30-\ufe4f]+|[\u3105-\u312f]+|[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+'
const latinGreekCyrillic =
  '\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-' +
  '\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-' +
  '\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-' +
  '\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-' +
  '\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4' +
  '\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a' +
  '-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-' +
  '\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-' +
  '\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-' +
  '\uff3a\uff41-\uff5a\u{10400}-\u{1044f}\u{104b0}-\u{104d3}\u{104d8}-\u{104fb}\u{10c80}-\u{10cb2}' +
  '\u{10cc0}-\u{10cf2}\u{118a0}-\u{118df}\u{1e900}-\u{1e943}'

/** Words that begin in upper case, and go on in lower case: letters beyond ASCII are both. */
function cased(letter: string, suffix: string): string {
  const [upper, lower] = [`[${letter}&&[^a-z]]`, `[${letter}&&[^A-Z]]`]
  return `${before}${upper}*${lower}+${suffix}|${before}${upper}+${lower}*${suffix}`
}

function gpt4o(letter: string): string {
  const words = cased(letter, `${suffixes}?`)
  return `${words}|\\p{N}{1,3}|${othersAndSlashes}|${lines}|${spaces}`
}

function wordsOf(letter: string, digits: string, rest: string, line: string): string {
  return `${letter}|${digits}|${rest}|${line}|${spaces}`
}

const jais2 = [512, 256, 128, 64, 32, 16, 8, 4].map((count) => `\\s{${count}}(?!\\S)`).join('|')

/** Names, separated by spaces, and what they stand for. */
const table: readonly (readonly [names: string, cut: GgufPreTokenizer])[] = [
  ['default', { patterns: ['[\\p{P}$+<=>^~|]+', gpt2, '\\p{N}+', '[0-9][0-9][0-9]'] }],
  [
    'llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano',
    { patterns: [llama3], ignoresMerges: true, addsBeginning: true },
  ],
  ['dbrx smaug-bpe', { patterns: [llama3] }],
  ['chatglm-bpe', { patterns: [llama3], lacksBeginning: true }],
  ['glm4 glm5', { patterns: [llama3], lacksBeginning: true, ignoresMerges: true }],
  [
    'jais-2',
    {
      patterns: [`${suffixes}|${letters}|\\p{N}{1,3}|${others}|${lines}|${jais2}|\\s{1,2}(?!\\S)|\\s`],
    },
  ],
  [
    'deepseek-llm',
    {
      patterns: [
        '[\\r\\n]',
        `\\s?[A-Za-z${latinGreekCyrillic}]+`,
        '\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3001\u3002]+',
        '\\s+\\z',
        chineseAndHangul,
        '\\p{N}+',
      ],
    },
  ],
  ['deepseek-coder', { patterns: ['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', chineseAndHangul, '\\p{N}'] }],
  ['deepseek-v3 hunyuan-dense joyai-llm hy_v4', { patterns: ['\\p{N}{1,3}', chineseAndKana, deepseek3] }],
  [
    'spark2_5',
    {
      patterns: ['\\p{N}{1,3}', chineseAndKana, `${signsAndWords}|[\\r\\n]|${spaces}`, '\\p{N}'],
    },
  ],
  [
    'youtu',
    {
      patterns: [asianSigns, wordsOf(`${lettersAndMarks}${suffixes}?`, '\\p{N}', othersAndSlashes, lines)],
      ignoresMerges: true,
    },
  ],
  [
    'tiny_aya cohere2moe',
    {
      patterns: [
        digitGroups,
        wordsOf(`${lettersAndMarks}${suffixes}?`, '\\p{N}{1,3}', othersAndSlashes, lines),
      ],
    },
  ],
  ['falcon', { patterns: ['[\\p{P}$+<=>^~|`]+', gpt2, '[0-9][0-9][0-9]'] }],
  ['starcoder refact command-r smollm codeshell exaone minerva-7b mellum2', { patterns: ['\\p{N}', gpt2] }],
  [
    'gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert exaone4 mpt olmo ' +
      'jais trillion granite-docling jina-v1-en jina-v2-code roberta-bpe',
    { patterns: [gpt2] },
  ],
  ['qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2', { patterns: [qwen2] }],
  ['laguna', { patterns: [newlines, qwen2] }],
  ['ufakzeka', { patterns: [wordsOf(letters, '\\p{N}', others, lines)] }],
  [
    'qwen35',
    {
      patterns: [
        wordsOf(`${suffixes}|${lettersAndMarks}`, '\\p{N}', ' ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*', lines),
      ],
    },
  ],
  [
    'minicpm5',
    {
      patterns: ['\\p{N}{1,3}', wordsOf(`${suffixes}|${letters}`, '\\p{N}+', others, lines)],
      ignoresMerges: true,
    },
  ],
  [
    'bailingmoe bailingmoe2 llada-moe',
    {
      patterns: [
        wordsOf(`'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|${letters}`, '\\p{N}', others, '\\s*[\\r\\n]'),
      ],
    },
  ],
  [
    'seed-coder',
    {
      patterns: [wordsOf(`${suffixes}|${letters}`, '\\p{N}', ' ?[^\\s\\p{L}\\p{N}\\r\\n]+', lines)],
    },
  ],
  [
    'exaone-moe',
    {
      patterns: [
        wordsOf(
          `${suffixes}|${before}(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+`,
          '\\p{N}',
          ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?',
          '\\s*[\\r\\n]',
        ),
      ],
    },
  ],
  ['poro-chat bloom gpt3-finnish', { patterns: [bloom] }],
  ['viking', { patterns: [bloom, '\\p{N}'] }],
  [
    'tekken',
    {
      patterns: [wordsOf(cased('\\p{L}', ''), '\\p{N}', othersAndSlashes, lines)],
      ignoresMerges: true,
      addsBeginning: true,
    },
  ],
  ['gpt-4o llama4 kanana2 talkie minimax-m2', { patterns: [gpt4o('\\p{L}')] }],
  ['granite-embed-multi-97m', { patterns: [gpt4o('[\\p{L}\\p{M}]')], ignoresMerges: true }],
  [
    'chameleon',
    {
      patterns: [
        '<sentinel:[0-9]+>',
        'IMGIMG[A-I]{1,4}Z',
        '[\\t\\n]|    |  ',
        '\\p{N}',
        '[\\p{P}!-/:-@\\[-`{-~]',
        gpt2,
      ],
      addsBeginning: true,
    },
  ],
  [
    'kimi-k2',
    {
      patterns: [
        `[${han}]+|${before}[\\p{L}&&[^${han}]]+${suffixes}?|\\p{N}{1,3}|${others}|${lines}|${spaces}`,
      ],
    },
  ],
  ['superbpe', { patterns: ['\\p{N}+', '(?=(?:[0-9]{3})+(?![0-9]))'] }],
  ['afmoe', { patterns: [digitGroups, asianScripts, deepseek3] }],
  [
    'gemma4 granite-embed-multi-311m',
    { patterns: [newlines], isPlain: true, escapesSpaces: true, addsBeginning: true },
  ],
  ['sarvam-moe', { patterns: [newlines], isPlain: true, escapesSpaces: true }],
  ['whitespace', { patterns: ['\\S+'], isPlain: true }],
]

/** By name; without a name there is `default`. */
export const ggufPreTokenizers: ReadonlyMap<string, GgufPreTokenizer> = new Map(
  table.flatMap(([names, cut]) => names.split(' ').map((name) => [name, cut] as const)),
)
