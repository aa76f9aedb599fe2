import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import {
  bleu,
  bleuCounts,
  bleuOf,
  bleuSignature,
  bleuWords,
  captionScores,
  captionWords,
  chrf,
  chrfSignature,
  newRuns,
  porterStem,
  rouge,
} from './index.js'

type Numbers = readonly number[]

/** Made by testing/make-written-fixtures.py. */
interface Fixtures {
  readonly texts: readonly { readonly found: string; readonly wanted: readonly string[] }[]
  readonly rouge: readonly Readonly<Record<'plain' | 'stems', readonly Numbers[]>>[]
  readonly stems: readonly (readonly [word: string, stem: string])[]
  readonly sacrebleu: {
    readonly cases: readonly Numbers[]
    readonly corpora: readonly {
      readonly size: number
      readonly bleu: number
      readonly precisions: Numbers
      readonly brevity: number
      readonly lengths: Numbers
      readonly chrf: Numbers
      readonly signature: string
      readonly chrfSignature: readonly string[]
    }[]
  }
  readonly captions: {
    readonly cases: readonly {
      readonly found: string
      readonly wanted: readonly string[]
      readonly words: string
      readonly others: readonly string[]
      readonly cider: number
    }[]
    readonly bleu: Numbers
    readonly cider: number
  }
}

const fixtures = JSON.parse(
  gunzipSync(readFileSync(new URL('fixtures/written.json.gz', import.meta.url))).toString('utf8'),
) as Fixtures

function worst(found: Numbers, expected: Numbers): number {
  if (found.length !== expected.length) return Infinity
  return Math.max(
    0,
    ...found.map((value, i) => Math.abs(value - expected[i]!) || (value === expected[i] ? 0 : NaN)),
  )
}

describe('ROUGE, against rouge-score', () => {
  test.each(['plain', 'stems'] as const)('500 cases, %s', (kind) => {
    expect(fixtures.texts).toHaveLength(500)
    const differences = fixtures.texts.map(({ found, wanted }, i) => {
      const { rouge1, rouge2, rougeL, rougeLsum } = rouge(found, wanted, { stemmer: kind === 'stems' })
      const ours = [rouge1, rouge2, rougeL, rougeLsum].flatMap(({ precision, recall, f1 }) => [
        precision,
        recall,
        f1,
      ])
      return worst(ours, fixtures.rouge[i]![kind].flat())
    })
    expect(Math.max(...differences)).toBeLessThan(1e-12)
  })

  test('stems are those of NLTK', () => {
    expect(fixtures.stems.length).toBeGreaterThan(1500)
    const wrong = fixtures.stems.filter(([word, stem]) => porterStem(word) !== stem)
    expect(wrong.slice(0, 10)).toEqual([])
  })

  test('a text of nothing, and runs that are new', () => {
    expect(rouge('', 'a word').rouge1.f1).toBe(0)
    expect(newRuns('The cat sat', 'a cat, and the dog')).toEqual({ new: 1, all: 3 })
    expect(newRuns('the cat sat', 'the cat', 2)).toEqual({ new: 1, all: 2 })
  })
})

describe('BLEU and chrF, against sacrebleu', () => {
  test('500 sentences', () => {
    const differences = fixtures.texts.map(({ found, wanted }, i) => {
      const sentence = bleuOf(bleuCounts(bleuWords(found), wanted.map(bleuWords)), true).score
      const ours = [sentence, chrf([found], [wanted]), chrf([found], [wanted], 2)]
      return worst(ours, fixtures.sacrebleu.cases[i]!)
    })
    expect(Math.max(...differences)).toBeLessThan(1e-9)
  })

  test.each(fixtures.sacrebleu.corpora.map((one) => [one.size, one] as const))(
    'a corpus of %i',
    (size, expected) => {
      const found = fixtures.texts.slice(0, size).map((one) => one.found)
      const wanted = fixtures.texts.slice(0, size).map((one) => one.wanted[0]!)
      const { score, precisions, brevity, length, wantedLength } = bleu(found, wanted)
      const ours = [
        score,
        ...precisions,
        brevity,
        length,
        wantedLength,
        chrf(found, wanted),
        chrf(found, wanted, 2),
      ]
      const theirs = [
        expected.bleu,
        ...expected.precisions,
        expected.brevity,
        ...expected.lengths,
        ...expected.chrf,
      ]
      expect(worst(ours, theirs)).toBeLessThan(1e-9)
      expect(expected.signature).toContain(`nrefs:1|${bleuSignature}|`)
      expect(expected.chrfSignature.join(' ')).toMatch(
        new RegExp(
          `${['nw:0', 'nw:2'].map((words) => chrfSignature.replace('nc:6', `nc:6|${words}`).replaceAll('|', '\\|')).join('.*')}`,
        ),
      )
    },
  )

  test('what makes no pairs is refused', () => {
    expect(() => bleu([], [])).toThrow('expected at least one text')
    expect(() => chrf(['a'], [[]])).toThrow('expected at least one text')
  })
})

describe('captions, against pycocoevalcap', () => {
  const { cases, bleu: expected, cider } = fixtures.captions
  const cut = (text: string): string[] => text.split(' ').filter((word) => word !== '')

  test('500 captions: BLEU and CIDEr-D', () => {
    expect(cases).toHaveLength(500)
    const scores = captionScores(
      cases.map(({ words }) => cut(words)),
      cases.map(({ others }) => others.map(cut)),
    )
    expect(worst(scores.bleu, expected)).toBeLessThan(1e-9)
    expect(
      worst(
        scores.ciders,
        cases.map((one) => one.cider),
      ),
    ).toBeLessThan(1e-9)
    expect(Math.abs(scores.cider - cider)).toBeLessThan(1e-9)
  })

  test('words are those of its tokenizer', () => {
    const wrong = cases
      .flatMap(({ found, wanted, words, others }) => [
        [found, words] as const,
        ...wanted.map((text, i) => [text, others[i]!] as const),
      ])
      .filter(([text, words]) => captionWords(text).join(' ') !== words)
    expect(wrong.slice(0, 10)).toEqual([])
  })
})
