import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { loadTokenizer, saveTokenizer, trainByteLevel } from './index.js'
import type { ByteLevelDefinition } from './index.js'
import { caseOf, readFixture } from './testing/cases.js'
import type { TokenizerCase } from './testing/cases.js'

describe.each(['prefix-space', 'split-nfc-template'])('the fixture %s', (name) => {
  const { tokenizer: file, cases } = readFixture(name)
  const tokenizer = loadTokenizer(file)

  it('gives the same ids, tokens, spans and texts, and of added tokens all characters', () => {
    // The package that wrote the cases reads the added token "étoile" as bytes, of which E9 is no character.
    const whole = (text: string): string => text.replaceAll('\ufffdtoile', 'étoile')
    const expected = cases.map((one) => ({
      ...one,
      decoded: whole(one.decoded),
      decoded_without_special: whole(one.decoded_without_special),
    }))
    expect(cases.map(({ text }) => caseOf(tokenizer, text))).toEqual(expected)
  })

  it('is saved as it was loaded', () => {
    expect(JSON.parse(saveTokenizer(tokenizer))).toEqual(file)
  })
})

interface ReferenceCases {
  readonly training: {
    readonly vocabulary: number
    readonly minimum_frequency: number
    readonly special: string[]
    readonly corpus: string
  }
  readonly cases: TokenizerCase[]
}

const shared = process.env['HEED_SHARED']
const folder = shared === undefined ? '' : join(shared, 'reference', 'tokenizers', 'byte-level')
const names = existsSync(folder) ? readdirSync(folder) : ['(no reference)']

describe.skipIf(!existsSync(folder))(
  'the reference of byte-level tokenizers (set HEED_SHARED to run)',
  () => {
    const linesOf = (path: string): string[] =>
      gunzipSync(readFileSync(join(shared!, 'data', path)))
        .toString()
        .split('\n')
    const corpora = (corpus: string): string[] =>
      corpus.includes('tinyshakespeare')
        ? linesOf('text/tinyshakespeare.txt.gz')
        : ['cs', 'de', 'en', 'fr'].flatMap((language) =>
            linesOf(`multi30k/task1-train.${language}.gz`).slice(0, 5000),
          )

    it.each(names)(
      '%s: the same encodings, and the same file when saved and when trained',
      (name) => {
        const file = readFileSync(join(folder, name, 'tokenizer.json'), 'utf8')
        const { training, cases } = JSON.parse(
          gunzipSync(readFileSync(join(folder, name, 'cases.json.gz'))).toString(),
        ) as ReferenceCases
        const tokenizer = loadTokenizer(file)
        expect(cases.length).toBeGreaterThan(100)
        expect(cases.map(({ text }) => caseOf(tokenizer, text))).toEqual(cases)
        expect(saveTokenizer(tokenizer)).toBe(file)

        const { preTokenizer, postProcessor } = tokenizer.definition
        const { use_regex, add_prefix_space } = preTokenizer as ByteLevelDefinition
        const trained = trainByteLevel(corpora(training.corpus), {
          vocabularySize: training.vocabulary,
          minimumFrequency: training.minimum_frequency,
          special: training.special,
          useRegex: use_regex,
          addPrefixSpace: add_prefix_space,
          trimSpans: (postProcessor as ByteLevelDefinition).trim_offsets,
        })
        expect(saveTokenizer(trained)).toBe(file)
      },
      60_000,
    )
  },
)
