import { expect, test } from 'vitest'
import { ShapeError, UsageError } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import { streamPieces, type Writable, write, type WriteOptions, type Written } from './index.js'
import { counting } from './testing/table-writable.js'

// Options and prompts that make no sense.

const device = new Device(interpreter)
const written = (
  model: Writable,
  prompts: readonly number[][],
  options: WriteOptions = {},
): Promise<Written[]> => write(model, prompts, { device, ...options })

const refused: readonly (readonly [string, unknown])[] = [
  ['topK', { topk: 3 }],
  ['temperature', { temperature: -1 }],
  ['minP', { minP: 2 }],
  ['typicalP', { typicalP: 0 }],
  ['tokens', { tokens: -1 }],
  ['maxLength', { maxLength: 1.5 }],
  ['maxLength that the prompt fits in', { maxLength: 1 }],
  ['seed', { seed: -1 }],
  ['stop', { stop: 3 }],
  ['stop', { stop: [0.5] }],
  ['tokenizer', { stopStrings: ['a'] }],
  ['stopStrings', { stopStrings: [''] }],
  ['stopStrings', { stopStrings: ['\ud83c'] }],
  ['contextEnd', { contextEnd: 'wrap' }],
  ['logprobs', { logprobs: true }],
  ['perPrompt', { perPrompt: 0 }],
  ['beams', { beams: 0 }],
  ['beams of at most 1024', { beams: 1e9 }],
  ['perPrompt of at most 1024', { perPrompt: 1e9 }],
  ['lookup.tokens', { lookup: { tokens: 1e9 } }],
  ['perPrompt of at most beams', { beams: 2, perPrompt: 3, temperature: 0 }],
  ['temperature beside beams', { beams: 2, temperature: 0.5 }],
  ['lookup beside beams', { beams: 2, lookup: true }],
  ['lengthPenalty', { beams: 2, lengthPenalty: NaN }],
  ['earlyStopping', { beams: 2, earlyStopping: 'always' }],
  ['logitBias', { logitBias: [1] }],
  ['bias of logitBias', { logitBias: { 1: NaN } }],
  ['sequenceBias', { sequenceBias: [[[], 1]] }],
  ['sequenceBias', { sequenceBias: [[1]] }],
  ['forbidden', { forbidden: [[]] }],
  ['forbidden', { forbidden: [3] }],
  ['repetitionPenalty', { repetitionPenalty: 0 }],
  ['frequencyPenalty', { frequencyPenalty: Infinity }],
  ['noRepeatNgram', { noRepeatNgram: -1 }],
  ['minTokens', { minTokens: 0.5 }],
  ['forcedEnd', { forcedEnd: [] }],
  ['forcedBegin', { forcedBegin: -1 }],
  ['suppressed', { suppressed: 1 }],
  ['logitFunctions', { logitFunctions: [1] }],
  ['lookup.ngram', { lookup: { ngram: 0 } }],
  ['ngrams', { lookup: { ngrams: 1 } }],
  ['draft model', { draft: { model: counting(9) } }],
  ['lookup or draft', { lookup: true, draft: { model: counting() } }],
]
test.each(refused)('%s: %o', async (named, options) => {
  const model = counting()
  const error: unknown = await written(model, [[1, 2]], options as WriteOptions).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(UsageError)
  expect((error as UsageError).message).toContain(named)
  expect(model.asked.open).toBe(0)
})

test('ids outside the vocabulary, and prompts that are none', async () => {
  for (const options of [{ logitBias: { 10: 1 } }, { suppressed: [11] }, { forbidden: [[1, 12]] }])
    await expect(written(counting(), [[1]], options)).rejects.toThrow(ShapeError)
  await expect(written(counting(), [[10]], {})).rejects.toThrow(ShapeError)
  for (const prompts of [[[]], [1, 2], 'text', [['a']], undefined, [[-0.5]]])
    await expect(written(counting(), prompts as never)).rejects.toThrow(UsageError)
  expect(() => streamPieces(counting(), [[1]], { beams: 2 })).toThrow(/use write/)
  expect(() => streamPieces(counting(), [[1]], { token: 2 } as never)).toThrow(/'token'/)
})
