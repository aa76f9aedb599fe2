import { describe, expect, test } from 'vitest'
import { createNormalizer, type NormalizerDefinition } from '../normalize/index.js'
import { createPreTokenizer, type PreTokenizerDefinition } from '../split/index.js'
import { type ModelDefinition, spelledMerges } from '../subword/index.js'
import { learnTokenizer } from './learn-tokenizer.js'
import { spellWords } from './letters.js'
import { learnMerges } from './merge-learner.js'
import { meanLoss } from './testing/plain-pieces.js'
import { readTraining, type ReferenceTraining, trainingNames } from './testing/reference-trainings.js'
import { TextWords } from './text-words.js'
import type { BytePairTraining } from './train-options.js'
import { runSteps } from './training-steps.js'
import { type WordCounts, wordOf } from './word-counter.js'

function wordsOf({ texts, options }: ReferenceTraining): WordCounts {
  const { normalizer, preTokenizer } = options
  const words = new TextWords(
    normalizer === null ? (text) => text : createNormalizer(normalizer as NormalizerDefinition),
    createPreTokenizer(preTokenizer as PreTokenizerDefinition),
  )
  for (const text of texts) words.add(text)
  return words.take()
}

function vocabularyOf(model: ModelDefinition): Record<string, number> {
  return Object.fromEntries(model.vocab)
}

const byKind = (kind: RegExp): string[] => trainingNames.filter((name) => kind.test(name))

describe.skipIf(trainingNames.length === 0)('the reference of trainings (set HEED_SHARED to run)', () => {
  test.each(trainingNames)('%s: the same words', (name) => {
    const reference = readTraining(name)
    const { counts } = wordsOf(reference)
    expect({ different: counts.length, all: counts.reduce((sum, count) => sum + count, 0) }).toEqual(
      reference.words,
    )
  })

  test.each(byKind(/bpe-(?!prefix|suffix)|wordlevel/))('%s: the same vocabulary and merges', async (name) => {
    const { texts, options, vocab, merges } = readTraining(name)
    const { model } = await learnTokenizer(texts, options)
    expect(vocabularyOf(model)).toEqual(vocab)
    if (model.type !== 'BPE') return
    expect([...spelledMerges(model.merges, model.vocab)]).toEqual(
      merges.map(([left, right]) => [left, right]),
    )
  })

  test.each(byKind(/bpe-(prefix|suffix)|wordpiece/))(
    '%s: the same tokens, and with the ids of its letters the same merges',
    async (name) => {
      const reference = readTraining(name)
      const { texts, options } = reference
      const vocab = reference.vocab as Readonly<Record<string, number>>
      const { model } = await learnTokenizer(texts, options)
      const tokens = Object.keys(vocabularyOf(model))
      // The package numbers letters with affixes by chance, and ties go by ids.
      expect(tokens.length).toBe(Object.keys(vocab).length)
      expect(tokens.filter((token) => token in vocab).length / tokens.length).toBeGreaterThan(0.97)

      const {
        vocabularySize,
        minimumFrequency = 0,
        continuingSubwordPrefix: prefix = '',
        endOfWordSuffix: suffix = '',
      } = options as BytePairTraining
      const merged = new Set(
        reference.merges.map(
          ([left, right]) => left + (right.startsWith(prefix) ? right.slice(prefix.length) : right),
        ),
      )
      const special = Object.entries(vocab)
        .toSorted((a, b) => a[1] - b[1])
        .map(([token]) => token)
        .filter((token) => !merged.has(token))
      const letters = spellWords(wordsOf(reference), {
        special,
        limit: Infinity,
        initial: [],
        prefix,
        suffix,
      })
      const learned = runSteps(
        learnMerges(letters, { vocabularySize, minimumFrequency, tokenLength: Infinity, prefix }),
      )
      expect(
        learned.map(({ left, right, count }) => [letters.tokens[left], letters.tokens[right], count]),
      ).toEqual(reference.merges)
    },
  )

  test.each(byKind(/bpe-(?!prefix|suffix)/))('%s: the same counts', (name) => {
    const reference = readTraining(name)
    const options = reference.options as BytePairTraining
    const letters = spellWords(wordsOf(reference), {
      special: options.special!,
      limit: options.limitAlphabet ?? Infinity,
      initial: options.initialAlphabet ?? [],
      prefix: '',
      suffix: '',
    })
    const learned = runSteps(
      learnMerges(letters, {
        vocabularySize: options.vocabularySize,
        minimumFrequency: options.minimumFrequency!,
        tokenLength: options.maxTokenLength ?? Infinity,
        prefix: '',
      }),
    )
    expect(learned.map(({ count }) => count)).toEqual(reference.merges.map(([, , count]) => count))
  })

  test.each(byKind(/unigram/))('%s: the same pieces, and their scores to within 0.005', async (name) => {
    const reference = readTraining(name)
    const { model } = await learnTokenizer(reference.texts, reference.options)
    if (model.type !== 'Unigram') throw new Error(model.type)
    const expected = new Map(reference.vocab as readonly (readonly [string, number])[])
    const pieces = new Map([...model.vocab].map(([piece, id]) => [piece, model.scores[id]!]))
    expect(new Set(pieces.keys())).toEqual(new Set(expected.keys()))
    for (const [piece, score] of pieces)
      expect(Math.abs(score - expected.get(piece)!), piece).toBeLessThan(0.005)
    expect(model.unk_id).toBe(reference.unk_id)
    const words = wordsOf(reference)
    const counts = new Map(Array.from(words.counts, (count, word) => [wordOf(words, word), count]))
    expect(meanLoss(counts, pieces) / reference.loss).toBeCloseTo(1, 5)
  })
})
