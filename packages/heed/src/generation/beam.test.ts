import { expect, test } from 'vitest'
import { StateError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import { type Writable, write, type WriteOptions, type Written } from './index.js'
import { tableWritable } from './testing/table-writable.js'

const device = new Device(interpreter)
const searched = (model: Writable, prompts: number[][], options: WriteOptions): Promise<Written[]> =>
  write(model, prompts, { device, ...options })

/** Probabilities by the last id: 0 starts, 3 ends. After 1 all is even; after 2 it is nearly sure. */
const probabilities: Readonly<Record<number, readonly number[]>> = {
  0: [0.01, 0.5, 0.4, 0.09],
  1: [0.1, 0.3, 0.25, 0.35],
  2: [0.02, 0.02, 0.06, 0.9],
}
const model = (context?: number): ReturnType<typeof tableWritable> =>
  tableWritable(4, (ids) => probabilities[ids.at(-1)!]!.map(Math.log), context)
const shown = ({ ids, score, end }: Written): string =>
  `${ids.join(' ')} ${Math.exp(score!).toFixed(4)} ${end}`

test('finds what the likeliest tokens do not lead to', async () => {
  const greedy = await searched(model(), [[0]], { temperature: 0, stop: [3] })
  expect(greedy[0]!.ids).toEqual([1, 3])
  // 0.5 × 0.35 = 0.175 and 0.4 × 0.9 = 0.36; without a penalty scores are probabilities.
  const options = { beams: 2, stop: [3], lengthPenalty: 0, tokens: 5 }
  const found = await searched(model(), [[0]], { ...options, perPrompt: 2 })
  expect(found.map(shown)).toEqual(['2 3 0.3600 stop', '1 3 0.1750 stop'])
  expect(found.map(({ prompt }) => prompt)).toEqual([0, 0])
})

test('the length penalty is a power of the number of tokens', async () => {
  const options = { beams: 2, stop: [3], tokens: 5 }
  const [found] = await searched(model(), [[0]], { ...options, lengthPenalty: 2 })
  expect(found!.score).toBeCloseTo(Math.log(0.36) / 4, 6)
})

test('at the limit all running texts end', async () => {
  const found = await searched(model(), [[0]], {
    beams: 3,
    stop: [3],
    tokens: 1,
    perPrompt: 3,
    lengthPenalty: 0,
  })
  expect(found.map(shown)).toEqual(['1 0.5000 tokens', '2 0.4000 tokens', '3 0.0900 stop'])
})

test('a prompt that ended costs nothing more, and none changes another', async () => {
  const options = { beams: 2, stop: [3], tokens: 6, earlyStopping: true, perPrompt: 2 }
  const together = await searched(model(), [[0], [2], [1]], options)
  for (const [i, prompt] of [[0], [2], [1]].entries()) {
    const alone = await searched(model(), [prompt], options)
    expect(together.filter((text) => text.prompt === i).map(shown)).toEqual(alone.map(shown))
  }
})

test('functions get log probabilities, and what they forbid is not found', async () => {
  const seen: number[] = []
  const found = await searched(model(), [[0]], {
    beams: 2,
    stop: [3],
    tokens: 2,
    lengthPenalty: 0,
    logitFunctions: [
      (logits, { step }) => {
        if (step === 0) seen.push(...logits)
        logits[1] = -Infinity
      },
    ],
  })
  expect(seen.map((value) => Math.exp(value).toFixed(3))).toEqual(['0.010', '0.500', '0.400', '0.090'])
  expect(found.map(shown)).toEqual(['2 3 0.3600 stop'])
})

test('fewer texts than wanted where there are no more', async () => {
  const options = { beams: 3, perPrompt: 3, tokens: 2, suppressed: [0, 1, 3], lengthPenalty: 0 }
  expect((await searched(model(), [[2]], options)).map(shown)).toEqual(['2 2 0.0036 tokens'])
  expect(await searched(model(), [[2], [1]], { beams: 2, tokens: 0 })).toEqual([
    { prompt: 0, ids: [], score: 0, end: 'tokens', text: '' },
    { prompt: 1, ids: [], score: 0, end: 'tokens', text: '' },
  ])
})

test('a signal ends running texts where they are', async () => {
  const ending = new AbortController()
  const asked = model()
  const logitFunctions = [
    (): void => {
      if (asked.asked.steps === 3) ending.abort()
    },
  ]
  const { signal } = ending
  const options = { beams: 2, tokens: 100, suppressed: [3], signal, logitFunctions }
  const found = await searched(asked, [[0]], options)
  expect(found[0]!.end).toBe('aborted')
  expect(found[0]!.ids).toHaveLength(3)
  expect(asked.asked).toMatchObject({ steps: 3, open: 0 })
})

test('the context ends texts, or is an error', async () => {
  const options = { beams: 2, tokens: 9, suppressed: [3], perPrompt: 2 }
  const found = await searched(model(3), [[0, 1]], options)
  expect(found.map(({ ids, end }) => [ids.length, end])).toEqual([
    [2, 'context'],
    [2, 'context'],
  ])
  await expect(searched(model(3), [[0, 1]], { ...options, contextEnd: 'error' })).rejects.toThrow(StateError)
})
