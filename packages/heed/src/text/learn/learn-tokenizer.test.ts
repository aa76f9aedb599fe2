import { describe, expect, test } from 'vitest'
import { FormatError, StateError, UsageError } from '../../base/index.js'
import { characterOfByte } from '../byte-alphabet.js'
import { saveTokenizer } from '../files/save-tokenizer.js'
import { learnTokenizer } from './learn-tokenizer.js'
import type { TrainTokenizerOptions } from './train-options.js'
import type { TrainingProgress } from './training-steps.js'

const texts = ['the cat sat on the mat', 'the rat sat on the cat', 'that cat is fat <s>']
const whitespace = { type: 'WhitespaceSplit' }

async function tokensOf(
  options: TrainTokenizerOptions,
  lines: Iterable<string> | AsyncIterable<string> = texts,
): Promise<string[]> {
  const { model } = await learnTokenizer(lines, options)
  return Array.from(model.vocab, ([token]) => token)
}

describe('learnTokenizer', () => {
  test('BPE: special tokens, letters, merges', async () => {
    expect(
      await tokensOf({ model: 'BPE', vocabularySize: 17, special: ['<s>'], preTokenizer: whitespace }),
    ).toEqual(['<s>', '<', '>', 'a', 'c', 'e', 'f', 'h', 'i', 'm', 'n', 'o', 'r', 's', 't', 'at', 'th'])
  })

  test('byte pairs: all bytes are letters unless others are asked for', async () => {
    const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
    const all = await tokensOf({ model: 'BPE', vocabularySize: 257, preTokenizer: byteLevel })
    expect(all.slice(0, 256)).toEqual([...characterOfByte].toSorted())
    expect(all[256]).toBe('at')
    const nested = { type: 'Sequence', pretokenizers: [whitespace, byteLevel] }
    expect(await tokensOf({ model: 'BPE', vocabularySize: 256, preTokenizer: nested })).toHaveLength(256)
    const found = { initialAlphabet: [], preTokenizer: byteLevel, vocabularySize: 4 } as const
    expect(await tokensOf({ model: 'BPE', ...found }, ['é a'])).toEqual(['a', '©', 'Ã', 'Ġ'])
  })

  test('WordPiece: ## within words, [UNK] first unless it is among the special tokens', async () => {
    const options = { model: 'WordPiece', vocabularySize: 40, preTokenizer: whitespace } as const
    const tokens = await tokensOf(options)
    expect(tokens[0]).toBe('[UNK]')
    expect(tokens).toContain('##at')
    expect((await tokensOf({ ...options, special: ['[CLS]', '[UNK]'] })).slice(0, 2)).toEqual([
      '[CLS]',
      '[UNK]',
    ])
    const { model } = await learnTokenizer(texts, {
      ...options,
      unknownToken: '?',
      continuingSubwordPrefix: '@',
    })
    expect(model).toMatchObject({ type: 'WordPiece', unk_token: '?', continuing_subword_prefix: '@' })
  })

  test('WordLevel: words by count, then by code point; a special token once', async () => {
    expect(
      await tokensOf({ model: 'WordLevel', vocabularySize: 8, special: ['<s>'], preTokenizer: whitespace }),
    ).toEqual(['<unk>', '<s>', 'the', 'cat', 'on', 'sat', 'fat', 'is'])
    expect(
      await tokensOf({
        model: 'WordLevel',
        vocabularySize: 99,
        minimumFrequency: 2,
        preTokenizer: whitespace,
      }),
    ).toEqual(['<unk>', 'the', 'cat', 'on', 'sat'])
    expect(
      await tokensOf({ model: 'WordLevel', vocabularySize: 9 }, ['\uffee', '\u{1f600}', '', 'b', 'ba']),
    ).toEqual(['<unk>', 'b', 'ba', '\uffee', '\u{1f600}'])
  })

  test('Unigram: special tokens of score 0, then pieces by probability', async () => {
    const { model } = await learnTokenizer(texts, {
      model: 'Unigram',
      vocabularySize: 20,
      special: ['<s>', '<unk>'],
      preTokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    })
    if (model.type !== 'Unigram') throw new Error(model.type)
    const tokens = Array.from(model.vocab, ([token]) => token)
    expect(tokens.slice(0, 2)).toEqual(['<s>', '<unk>'])
    expect(model.unk_id).toBe(1)
    expect(tokens.toSorted()).toEqual(
      ['<s>', '<unk>', ...new Set('▁' + texts.join('').replaceAll(' ', '')), '▁th'].toSorted(),
    )
    const scores = [...model.scores.subarray(2)]
    expect(scores).toEqual(scores.toSorted((a, b) => b - a))
  })

  test('gives the same for texts of an array, an iterator and a stream, and every time', async () => {
    const options = { model: 'BPE', vocabularySize: 30, preTokenizer: whitespace } as const
    const first = saveTokenizer(await learnTokenizer(texts, options))
    const stream = async function* (): AsyncGenerator<string> {
      yield* texts
    }
    expect(saveTokenizer(await learnTokenizer(texts.values(), options))).toBe(first)
    expect(saveTokenizer(await learnTokenizer(stream(), options))).toBe(first)
  })

  test('keeps the steps that it was given, with what older files leave out', async () => {
    const definition = await learnTokenizer(texts, {
      model: 'WordPiece',
      vocabularySize: 40,
      special: ['[CLS]', '[SEP]'],
      normalizer: { type: 'Lowercase' },
      preTokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
      postProcessor: { type: 'BertProcessing', sep: ['[SEP]', 2], cls: ['[CLS]', 1] },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    })
    expect(definition.addedTokens.map(({ id, content, special }) => [id, content, special])).toEqual([
      [0, '[UNK]', true],
      [1, '[CLS]', true],
      [2, '[SEP]', true],
    ])
    expect(definition.preTokenizer).toEqual({
      type: 'Metaspace',
      replacement: '▁',
      prepend_scheme: 'always',
      split: true,
    })
    expect(definition.postProcessor).toEqual({ type: 'BertProcessing', sep: ['[SEP]', 2], cls: ['[CLS]', 1] })
  })

  test('says how far it is', async () => {
    const reports: TrainingProgress[] = []
    const onProgress = (progress: TrainingProgress): number => reports.push(progress)
    await learnTokenizer(texts, { model: 'BPE', vocabularySize: 18, onProgress })
    expect(reports[0]).toEqual({ phase: 'texts', done: 3, total: 3 })
    expect(reports.at(-1)).toEqual({ phase: 'merges', done: 18, total: 18 })
    reports.length = 0
    await learnTokenizer(texts, { model: 'Unigram', vocabularySize: 30, onProgress })
    expect(new Set(reports.map(({ phase }) => phase))).toEqual(new Set(['texts', 'seeds', 'pieces']))
    const { done, total } = reports.at(-1)!
    expect(done).toBe(total)
  })
})

describe('a training is stopped by its signal', () => {
  const options = { model: 'BPE', vocabularySize: 10_000, preTokenizer: whitespace } as const

  test('before it begins, and between texts', async () => {
    const controller = new AbortController()
    const { signal } = controller
    let read = 0
    const many = function* (): Generator<string> {
      for (; read < 1000; read++) {
        if (read === 10) controller.abort(new Error('enough'))
        yield 'text'
      }
    }
    await expect(learnTokenizer(many(), { ...options, signal })).rejects.toThrow('enough')
    expect(read).toBe(10)
    await expect(learnTokenizer(texts, { ...options, signal })).rejects.toThrow('enough')
  })

  test('between merges, while other work of the program goes on', async () => {
    const controller = new AbortController()
    const words = Array.from({ length: 60_000 }, (_, i) => `${(i * 7919) % 99991} ${i}`)
    let last: TrainingProgress | undefined
    let abortedAt = 0
    const training = learnTokenizer(words, {
      ...options,
      vocabularySize: 1_000_000,
      minimumFrequency: 0,
      signal: controller.signal,
      onProgress: (progress) => {
        if (last?.phase !== 'merges' && progress.phase === 'merges') {
          setTimeout(() => {
            abortedAt = performance.now()
            controller.abort()
          }, 1)
        }
        last = progress
      },
    })
    await expect(training).rejects.toMatchObject({ name: 'AbortError' })
    expect(last!.done).toBeLessThan(last!.total!)
    expect(performance.now() - abortedAt).toBeLessThan(1000)
  })

  test('with an error of its own where the signal has no reason', async () => {
    await expect(learnTokenizer(texts, { ...options, signal: { aborted: true } })).rejects.toThrow(StateError)
  })

  test('and the texts are told', async () => {
    let closed = false
    const endless = async function* (): AsyncGenerator<string> {
      try {
        for (;;) yield 'text'
      } finally {
        closed = true
      }
    }
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 5)
    await expect(learnTokenizer(endless(), { ...options, signal: controller.signal })).rejects.toThrow(
      'aborted',
    )
    expect(closed).toBe(true)
  })
})

describe('refuses', () => {
  const plain = { model: 'BPE', vocabularySize: 100 } as const
  test.each<[string, unknown, string]>([
    ['no options', undefined, 'model to be one of BPE, WordPiece, Unigram, WordLevel, found undefined'],
    ['another model', { model: 'toString', vocabularySize: 9 }, 'found the text "toString"'],
    ['a name of another model', { ...plain, shrinkingFactor: 0.5 }, "found 'shrinkingFactor'"],
    ['a misspelled name', { ...plain, vocabularysize: 9 }, "did you mean 'vocabularySize'?"],
    ['no size', { model: 'BPE' }, 'vocabularySize to be a whole number of at least 1, found undefined'],
    ['a size beyond all', { model: 'BPE', vocabularySize: 1e9 }, 'vocabularySize up to 16777216'],
    ['half a frequency', { ...plain, minimumFrequency: 0.5 }, 'minimumFrequency to be a whole number'],
    ['special tokens without content', { ...plain, special: [''] }, 'special of whole characters'],
    ['half characters', { ...plain, special: ['\ud800'] }, 'special of whole characters'],
    ['one string', { ...plain, special: '<s>' }, 'special to be a list of strings'],
    [
      'no unknown token',
      { model: 'WordPiece', vocabularySize: 99, unknownToken: null },
      'unknownToken of whole',
    ],
    ['nothing left', { model: 'Unigram', vocabularySize: 99, shrinkingFactor: 1 }, 'shrinkingFactor above 0'],
    [
      'endless pieces',
      { model: 'Unigram', vocabularySize: 99, maxPieceLength: 1e6 },
      'maxPieceLength up to 512',
    ],
    ['no function', { ...plain, onProgress: true }, 'onProgress to be a function'],
    ['fewer tokens than letters', { model: 'BPE', vocabularySize: 9 }, 'or set limitAlphabet'],
    [
      'fewer tokens than special ones',
      { model: 'WordLevel', vocabularySize: 1, special: ['a'] },
      'at least 2',
    ],
    ['fewer pieces than letters', { model: 'Unigram', vocabularySize: 9 }, 'vocabularySize of at least '],
  ])('%s', async (_, options, message) => {
    const training = learnTokenizer(texts, options as TrainTokenizerOptions)
    await expect(training).rejects.toThrow(UsageError)
    await expect(training).rejects.toThrow(message)
  })

  test('texts that are none', async () => {
    await expect(learnTokenizer('text', plain)).rejects.toThrow('expected a list of texts, found one string')
    await expect(learnTokenizer([7 as unknown as string], plain)).rejects.toThrow(
      'texts that are strings, found 7',
    )
    await expect(learnTokenizer(undefined as unknown as string[], plain)).rejects.toThrow(UsageError)
  })

  test('steps that nobody knows, before the first text is read', async () => {
    const never = {
      [Symbol.iterator](): Iterator<string> {
        throw new Error('was read')
      },
    }
    await expect(learnTokenizer(never, { ...plain, preTokenizer: { type: 'Guess' } })).rejects.toThrow(
      FormatError,
    )
    await expect(
      learnTokenizer(never, {
        ...plain,
        postProcessor: { type: 'BertProcessing', sep: ['x', 5], cls: ['x', 5] },
      }),
    ).rejects.toThrow(FormatError)
  })
})
