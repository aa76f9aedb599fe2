import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomKey, StateError, uniformAt } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import { withDevice } from '../tensor/index.js'
import { trainByteLevel } from '../text/index.js'
import {
  type LogitFunction,
  type Piece,
  sample,
  streamPieces,
  streamText,
  type Writable,
  type Written,
  write,
} from './index.js'
import type { WriteOptions } from './options.js'
import { counting, scatteredWritable, tableWritable } from './testing/table-writable.js'

const device = new Device(interpreter)
const written = (
  model: Writable,
  prompts: readonly number[][],
  options: WriteOptions = {},
): Promise<Written[]> => write(model, prompts, { device, ...options })
const streamed = (model: Writable, prompts: number[][], options: WriteOptions): AsyncGenerator<Piece> =>
  streamPieces(model, prompts, { device, ...options })
const greedy = { temperature: 0 } as const

const idsOf = async (
  model: Writable,
  prompts: readonly number[][],
  options: WriteOptions,
): Promise<number[][]> => (await written(model, prompts, options)).map(({ ids }) => [...ids])
const first = async (model: Writable, prompt: number[], options: WriteOptions): Promise<number[]> =>
  (await idsOf(model, [prompt], options))[0]!
const collected = async (pieces: AsyncIterable<Piece>): Promise<Piece[]> => {
  const found: Piece[] = []
  for await (const piece of pieces) found.push(piece)
  return found
}

describe('how long a text is', () => {
  test('20 tokens where nothing says so', async () =>
    expect(await first(counting(), [0], greedy)).toHaveLength(20))

  test('as many as wanted; as many as fit', async () => {
    expect(await first(counting(), [3], { ...greedy, tokens: 3 })).toEqual([4, 5, 6])
    expect(await idsOf(counting(), [[3], [3, 4, 5]], { ...greedy, maxLength: 5 })).toEqual([
      [4, 5, 6, 7],
      [6, 7],
    ])
    expect(await first(counting(), [3], { ...greedy, maxLength: 2, tokens: 3 })).toEqual([4, 5, 6])
  })

  test('nothing, without a step of the model', async () => {
    const model = counting()
    const found = await written(model, [[1], [2]], { tokens: 0 })
    expect(found).toEqual([
      { prompt: 0, ids: [], text: '', end: 'tokens' },
      { prompt: 1, ids: [], text: '', end: 'tokens' },
    ])
    expect(model.asked).toEqual({ steps: 0, positions: 0, open: 0 })
    expect(await idsOf(model, [[1, 2, 3], [1]], { ...greedy, maxLength: 3 })).toEqual([[], [2, 3]])
    expect(await written(model, [], greedy)).toEqual([])
  })

  test('up to an id that stops, which belongs to the ids', async () => {
    const found = await written(counting(), [[3], [8], [5]], { ...greedy, stop: [6, 9], tokens: 4 })
    expect(found.map(({ ids, end }) => [...ids, end])).toEqual([
      [4, 5, 6, 'stop'],
      [9, 'stop'],
      [6, 'stop'],
    ])
  })

  test('at least minTokens, or minLength with the prompt', async () => {
    const stop = { ...greedy, stop: [5], tokens: 6 }
    expect(await first(counting(), [3], { ...stop, minTokens: 2 })).toEqual([4, 6, 7, 8, 9, 0])
    expect(await first(counting(), [3], { ...stop, minTokens: 1 })).toEqual([4, 5])
    expect(await first(counting(), [2, 3], { ...stop, minLength: 4 })).toEqual([4, 6, 7, 8, 9, 0])
    expect(await first(counting(), [2, 3], { ...stop, minLength: 3 })).toEqual([4, 5])
  })

  test('finished rows cost nothing', async () => {
    const model = counting()
    await written(model, [[3], [8]], { ...greedy, stop: [9], tokens: 6 })
    expect(model.asked).toEqual({ steps: 6, positions: 2 + 5, open: 0 })
  })
})

describe('at the end of the context', () => {
  test("'stop': the text ends with the last token that can be known", async () => {
    const [found] = await written(counting(10, 4), [[1, 2]], { ...greedy, tokens: 10 })
    expect(found).toMatchObject({ ids: [3, 4, 5], end: 'context' })
    const [whole] = await written(counting(10, 4), [[1, 2, 3, 4]], { ...greedy, tokens: 10 })
    expect(whole).toMatchObject({ ids: [5], end: 'context' })
  })

  test("'slide': the older half is forgotten", async () => {
    const model = counting(10, 4)
    expect(await first(model, [1, 2], { ...greedy, tokens: 6, contextEnd: 'slide' })).toEqual([
      3, 4, 5, 6, 7, 8,
    ])
    // Two ids of the prompt, 3 and 4 make four; then 4 5 6 7 by two and one, then 6 7 again.
    expect(model.asked.positions).toBe(2 + 1 + 1 + 2 + 1 + 1)
    expect(await first(model, [9, 8, 7, 1, 2, 3, 4], { ...greedy, tokens: 1, contextEnd: 'slide' })).toEqual([
      5,
    ])
    expect(await first(counting(10, 1), [1], { ...greedy, tokens: 3, contextEnd: 'slide' })).toEqual([
      2, 3, 4,
    ])
  })

  test("'error'", async () => {
    const model = counting(10, 4)
    const writing = (tokens: number): Promise<number[]> =>
      first(model, [1, 2], { ...greedy, tokens, contextEnd: 'error' })
    expect(await writing(3)).toEqual([3, 4, 5])
    await expect(writing(4)).rejects.toThrow(StateError)
    expect(model.asked.open).toBe(0)
  })

  test('a prompt that is longer is refused, unless it may slide', async () => {
    await expect(first(counting(10, 2), [1, 2, 3], greedy)).rejects.toThrow(/at most 2 ids/)
  })
})

describe('what changes logits', () => {
  // The likeliest next ids are 1 (of 3), 2 (of 2), 0, 3, …
  const flat = tableWritable(5, () => [1, 3, 2, -1, -2])
  const cases: readonly (readonly [string, WriteOptions, number[], number[]])[] = [
    ['nothing', {}, [0], [1, 1, 1]],
    ['logitBias', { logitBias: { 4: 5.5, 1: -1 } }, [0], [4, 4, 4]],
    ['logitBias that forbids', { logitBias: { 1: -Infinity } }, [0], [2, 2, 2]],
    ['sequenceBias', { sequenceBias: [[[1, 4], 10]] }, [0], [1, 4, 1]],
    ['sequenceBias of three ids', { sequenceBias: [[[0, 1, 3], 10]] }, [0], [1, 3, 1]],
    ['sequenceBias of one id', { sequenceBias: [[[3], 10]] }, [0], [3, 3, 3]],
    // 3 / 2 = 1.5 < 2, then 2 / 2 = 1, as much as 0 of the prompt was before it became 0.5.
    ['repetitionPenalty', { repetitionPenalty: 2 }, [0], [1, 2, 1]],
    ['repetitionPenalty, prompt included', { repetitionPenalty: 2 }, [1], [2, 1, 1]],
    ['frequencyPenalty', { frequencyPenalty: 0.7 }, [0], [1, 1, 2]],
    ['frequencyPenalty, prompt apart', { frequencyPenalty: 0.7 }, [1, 1, 1, 1], [1, 1, 2]],
    ['presencePenalty', { presencePenalty: 1.5 }, [0], [1, 2, 1]],
    ['noRepeatNgram 1', { noRepeatNgram: 1 }, [0], [1, 2, 3]],
    ['noRepeatNgram 2', { noRepeatNgram: 2 }, [0], [1, 1, 2]],
    ['forbidden', { forbidden: [[1, 1], [2]] }, [0], [1, 0, 1]],
    ['forbidden, but for a stop id', { forbidden: [[1]], stop: [1] }, [0], [1]],
    ['forcedBegin', { forcedBegin: 4 }, [0], [4, 1, 1]],
    ['forcedBegin after a longer prompt', { forcedBegin: 4 }, [0, 0], [1, 1, 1]],
    ['forcedEnd', { forcedEnd: 3 }, [0], [1, 1, 3]],
    ['forcedEnd of several', { forcedEnd: [4, 3] }, [0], [1, 1, 3]],
    ['suppressed', { suppressed: [1, 0] }, [0], [2, 2, 2]],
    ['suppressedAtBegin', { suppressedAtBegin: [1] }, [0], [2, 1, 1]],
    ['suppressedAtBegin after forcedBegin', { suppressedAtBegin: [1], forcedBegin: 3 }, [0], [3, 2, 1]],
  ]
  test.each(cases)('%s', async (_, options, prompt, expected) => {
    const tied = options.forcedEnd !== undefined && typeof options.forcedEnd !== 'number'
    expect(await first(flat, prompt, { ...greedy, tokens: 3, ...options })).toEqual(
      tied ? [...expected.slice(0, 2), 3] : expected,
    )
  })

  test('functions of your own come last, in their order, and see the text', async () => {
    const seen: string[] = []
    const note: LogitFunction = (logits, { ids, promptLength, step }) => {
      seen.push(`${ids.join(' ')} | ${promptLength} ${step} | ${logits[1]} ${logits[4]}`)
      logits[4] = 9
    }
    const undo: LogitFunction = (logits, { step }) => {
      if (step === 1) logits[4] = -9
    }
    const options = { ...greedy, tokens: 3, repetitionPenalty: 2, logitFunctions: [note, undo] }
    expect(await first(flat, [0, 1], options)).toEqual([4, 2, 4])
    expect(seen).toEqual(['0 1 | 2 0 | 1.5 -2', '0 1 4 | 2 1 | 1.5 -4', '0 1 4 2 | 2 2 | 1.5 -4'])
  })

  test('where nothing is left, an error that says so', async () =>
    expect(first(flat, [0], { suppressed: [0, 1, 2, 3, 4] })).rejects.toThrow(/above −infinity, found none/))
})

describe('chance', () => {
  test('the same draws as sample makes from the row stream of seed + row', async () => {
    const model = scatteredWritable(7)
    const prompts = [[1], [2, 3], [4]]
    const options = { tokens: 12, seed: 5, temperature: 1.3, topK: 6, topP: 0.95, minP: 0.01 }
    const found = await idsOf(model, prompts, options)
    prompts.forEach((prompt, row) => {
      const key = randomKey(5 + row, 'generate')
      const ids = [...prompt]
      for (let step = 0; step < 12; step++) {
        const logits = Float32Array.from({ length: 7 }, (_, id) => {
          const [before = 0, last = 0] = ids.slice(-2)
          return 3 * Math.sin(before * 12.9898 + last * 78.233 + id * 37.719 + ids.length * 0.01)
        })
        ids.push(sample(logits, uniformAt(key, step), options))
      }
      expect(found[row]).toEqual(ids.slice(prompt.length))
    })
  })

  const anyOptions = fc.record(
    {
      temperature: fc.constantFrom(0, 0.7, 1, 2),
      topK: fc.integer({ min: 1, max: 9 }),
      topP: fc.double({ min: 0.1, max: 1, noNaN: true }),
      minP: fc.double({ min: 0, max: 1, noNaN: true }),
      typicalP: fc.double({ min: 0.1, max: 1, noNaN: true }),
      repetitionPenalty: fc.constantFrom(0.8, 1.4),
      frequencyPenalty: fc.constantFrom(-0.3, 0.5),
      presencePenalty: fc.constantFrom(-0.3, 0.5),
      noRepeatNgram: fc.constantFrom(0, 2, 3),
      minTokens: fc.integer({ min: 0, max: 6 }),
      stop: fc.constant([3, 5]),
      contextEnd: fc.constantFrom('stop' as const, 'slide' as const),
    },
    { requiredKeys: [] },
  )
  const anyPrompts = fc.array(fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 5,
  })

  test('a row is the same alone and among any others', () =>
    fc.assert(
      fc.asyncProperty(anyPrompts, anyOptions, fc.nat({ max: 99 }), async (prompts, options, seed) => {
        const model = scatteredWritable(9, 12)
        const together = await idsOf(model, prompts, { ...options, seed, tokens: 14 })
        for (const [row, prompt] of prompts.entries())
          expect(await first(model, prompt, { ...options, seed: seed + row, tokens: 14 })).toEqual(
            together[row],
          )
        expect(model.asked.open).toBe(0)
      }),
      { numRuns: 60 },
    ))

  test('several texts of a prompt, which is read once', async () => {
    const model = scatteredWritable(9)
    const options = { tokens: 6, seed: 3, repetitionPenalty: 1.5 }
    const found = await idsOf(model, [[1, 2, 3], [4]], { ...options, perPrompt: 3 })
    expect(model.asked.positions).toBe(4 + 5 * 6)
    const prompts = [[1, 2, 3], [1, 2, 3], [1, 2, 3], [4], [4], [4]]
    expect(found).toEqual(await idsOf(model, prompts, options))
    expect(new Set(found.map(String)).size).toBeGreaterThan(3)
  })

  test('several ids tried in a step change nothing', () =>
    fc.assert(
      fc.asyncProperty(
        anyPrompts,
        anyOptions,
        fc.integer({ min: 1, max: 4 }),
        async (prompts, options, n) => {
          const plain = scatteredWritable(9, 12)
          const expected = await idsOf(plain, prompts, { ...options, tokens: 14 })
          const draft = { model: scatteredWritable(9, 8), tokens: n }
          for (const more of [{ lookup: { ngram: n, tokens: n } }, { lookup: true as const }, { draft }]) {
            const model = scatteredWritable(9, 12)
            expect(await idsOf(model, prompts, { ...options, ...more, tokens: 14 })).toEqual(expected)
            expect(model.asked.steps).toBeLessThanOrEqual(plain.asked.steps)
          }
          expect(draft.model.asked.open).toBe(0)
        },
      ),
      { numRuns: 60 },
    ))
})

describe('tokens tried together', () => {
  test('of a text that repeats itself, several in a step', async () => {
    const model = counting()
    const prompt = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    const options = { ...greedy, tokens: 21, lookup: { ngram: 2, tokens: 6 } }
    const pieces = await collected(streamed(model, [prompt], options))
    expect(pieces.map(({ ids }) => ids.length)).toEqual([1, 7, 7, 6])
    expect(pieces.flatMap(({ ids }) => ids)).toEqual(Array.from({ length: 21 }, (_, i) => (i + 2) % 10))
    expect(model.asked.steps).toBe(4)
  })

  test('of a text that does not, hardly any', async () => {
    const model = scatteredWritable(9)
    const options = { tokens: 200, seed: 1, temperature: 2 }
    const plain = await first(model, [0], options)
    const { steps } = { ...model.asked }
    expect(await first(model, [0], { ...options, lookup: true })).toEqual(plain)
    // Mostly one id besides the text's own.
    expect(model.asked.positions - 200).toBeLessThan(2.3 * (model.asked.steps - steps))
  })

  test('a draft model that knows saves steps, and reads the prompt once', async () => {
    const model = counting()
    const draft = { model: counting(), tokens: 4 }
    expect(await first(model, [0, 1, 2], { ...greedy, tokens: 11, draft })).toHaveLength(11)
    expect(model.asked.steps).toBe(3)
    expect(draft.model.asked.positions).toBeLessThanOrEqual(3 + 11)
  })
})

describe('log probabilities', () => {
  test('of the model itself, whatever changes the logits', async () => {
    const model = tableWritable(3, () => [Math.log(0.2), Math.log(0.5), Math.log(0.3)])
    const options = { ...greedy, tokens: 1, logprobs: 2, suppressed: [1] }
    const [found] = await written(model, [[0]], options)
    expect(found!.ids).toEqual([2])
    const [told] = found!.logprobs!
    expect(told!.id).toBe(2)
    expect(Math.exp(told!.logProbability)).toBeCloseTo(0.3, 6)
    expect(told!.likeliest.map(({ id }) => id)).toEqual([1, 2])
    expect(Math.exp(told!.likeliest[0]!.logProbability)).toBeCloseTo(0.5, 6)
    const [plain] = await written(model, [[0]], { ...greedy, tokens: 2, logprobs: 0 })
    expect(plain!.logprobs!.map(({ likeliest }) => likeliest)).toEqual([[], []])
  })
})

describe('text', () => {
  const tokenizer = trainByteLevel(['the river flows through the town'], { vocabularySize: 280 })
  /** Writes this text whatever the prompt is. */
  const saying = (text: string): ReturnType<typeof tableWritable> => {
    const { ids } = tokenizer.encode(text)
    return tableWritable(tokenizer.size + 2, (so) =>
      Array.from({ length: tokenizer.size + 2 }, (_, id) =>
        id === (ids[so.length - 1] ?? tokenizer.size + 1) ? 1 : 0,
      ),
    )
  }
  const pieces = async (text: string, options: WriteOptions): Promise<Piece[]> =>
    collected(streamed(saying(text), [[0]], { ...greedy, tokens: 60, tokenizer, ...options }))

  test('in whole characters; ids that the tokenizer lacks have none', async () => {
    const found = await pieces('né 🌊!', { tokens: 20 })
    expect(found.map(({ text }) => text).join('')).toBe('né 🌊!')
    expect(found.every(({ text }) => !text.includes('\ufffd'))).toBe(true)
    expect(found.at(-1)!.end).toBe('tokens')
  })

  test('up to a stop string, of which no part is given out', async () => {
    const found = await pieces('the river\n\nflows', { stopStrings: ['\n\n', 'town'] })
    expect(found.map(({ text }) => text).join('')).toBe('the river')
    expect(found.at(-1)!.end).toBe('stop')
  })

  test('what looked like one and was none comes later', async () => {
    const found = await pieces('abcabd.', { stopStrings: ['abcabe'], tokens: 7 })
    expect(found.map(({ text }) => text)).toEqual(['', '', '', '', '', 'abcabd', '.'])
    const [cut] = await written(saying('abca'), [[0]], {
      ...greedy,
      tokens: 4,
      tokenizer,
      stopStrings: ['abcabe'],
    })
    expect(cut).toMatchObject({ text: 'abca', end: 'tokens' })
  })

  test('up to a special token that is spelled as one', async () => {
    const special = trainByteLevel(['a b'], { vocabularySize: 260, special: ['<|end|>'] })
    const [end, a] = [special.id('<|end|>')!, special.id('a')!]
    const model = tableWritable(special.size, (ids) =>
      Array.from({ length: special.size }, (_, id) => (id === (ids.length < 4 ? a : end) ? 1 : 0)),
    )
    const options = { ...greedy, tokenizer: special, stopStrings: ['<|end|>'] }
    const [text] = await written(model, [[a]], options)
    expect(text).toMatchObject({ ids: [a, a, a, end], text: 'aaa', end: 'stop' })
    const [longer] = await written(model, [[a]], { ...options, minTokens: 5, tokens: 5 })
    expect(longer!.ids).not.toContain(end)
  })

  test('no part of a stop string ever leaks', () =>
    fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('a', 'b', 'é'), minLength: 1, maxLength: 25 }),
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é'), minLength: 1, maxLength: 4 }), {
          minLength: 1,
          maxLength: 3,
        }),
        async (text, stopStrings) => {
          const { length } = tokenizer.encode(text).ids
          const found = await pieces(text, { stopStrings, tokens: length })
          // The text ends with the first character that completes one.
          const ends = Array.from(text, (_, i) => text.slice(0, i + 1))
          const whole = ends.find((so) => stopStrings.some((stop) => so.endsWith(stop)))
          const lengths = stopStrings.filter((stop) => whole?.endsWith(stop)).map((stop) => stop.length)
          const expected = whole === undefined ? text : whole.slice(0, -Math.max(...lengths))
          let given = ''
          for (const piece of found) {
            given += piece.text
            expect(expected.startsWith(given)).toBe(true)
          }
          expect(given).toBe(expected)
          expect(found.at(-1)!.end).toBe(whole === undefined ? 'tokens' : 'stop')
        },
      ),
      { numRuns: 100 },
    ))

  test('streamText gives the text alone', async () => {
    const model = tableWritable(tokenizer.size, () =>
      Array.from({ length: tokenizer.size }, (_, id) => (id === tokenizer.encode('o').ids[0] ? 1 : 0)),
    )
    const found: string[] = []
    for await (const piece of withDevice(device, () =>
      streamText(model, tokenizer, 'hell', { ...greedy, tokens: 3 }),
    ))
      found.push(piece)
    expect(found).toEqual(['o', 'o', 'o'])
  })
})

describe('streams', () => {
  test('pieces of all rows, step by step', async () => {
    const found = await collected(streamed(counting(), [[1], [7]], { ...greedy, tokens: 3, stop: [8] }))
    expect(found).toEqual([
      { row: 0, ids: [2], text: '' },
      { row: 1, ids: [8], text: '', end: 'stop' },
      { row: 0, ids: [3], text: '' },
      { row: 0, ids: [4], text: '', end: 'tokens' },
    ])
  })

  test('a signal ends within one step', async () => {
    const model = counting()
    const ending = new AbortController()
    setTimeout(() => ending.abort(), 0)
    const found = await written(model, [[1], [2]], { ...greedy, tokens: 1e6, signal: ending.signal })
    expect(found.map(({ end }) => end)).toEqual(['aborted', 'aborted'])
    expect(found[0]!.ids).toHaveLength(model.asked.steps)
    expect(model.asked.open).toBe(0)
    const before = await written(model, [[1]], { signal: AbortSignal.abort() })
    expect(before).toEqual([{ prompt: 0, ids: [], text: '', end: 'aborted' }])
  })

  test('a model that fails, or its draft, leaves nothing behind', async () => {
    const failing = tableWritable(10, (ids) => {
      if (ids.length > 2) throw new RangeError('no more')
      return Array.from({ length: 10 }, (_, id) => id)
    })
    for (const options of [greedy, { beams: 2 }]) {
      await expect(written(failing, [[1]], options)).rejects.toThrow('no more')
      expect(failing.asked.open).toBe(0)
    }
    const model = counting()
    const broken: Writable = {
      context: 9,
      vocabulary: 10,
      begin() {
        throw new RangeError('no draft')
      },
    }
    await expect(written(model, [[1]], { ...greedy, draft: { model: broken } })).rejects.toThrow('no draft')
    expect(model.asked.open).toBe(0)
  })

  test('who stops asking frees the model', async () => {
    const model = counting()
    for await (const { ids } of streamed(model, [[1]], greedy)) if (ids[0] === 4) break
    expect(model.asked).toEqual({ steps: 3, positions: 3, open: 0 })
  })
})
