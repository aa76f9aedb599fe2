import { expect, test } from 'vitest'
import { asPairs, withNegatives } from './negatives.js'

const records = [
  { text: 'When did the Normans come?', positive: 'The Normans came in 1066.', answers: ['1066'] },
  { text: 'Who led the Normans?', positive: 'William led the Normans when they came.', answers: ['William'] },
  { text: 'When was the battle?', positive: 'The battle was in 1066, too.', answers: ['1066'] },
  { text: 'What do herons eat?', positive: 'Herons eat fish.', answers: ['fish'] },
]
const found = (count: number) =>
  withNegatives(records, { count, among: 4 }, new AbortController().signal, () => {})

test('negatives share words with the text, and have none of its answers', async () => {
  const [when, who, , herons] = await found(2)
  // The battle's passage shares words, too, but has the answer.
  expect(when!.negatives).toEqual(['William led the Normans when they came.'])
  expect(who!.negatives).toEqual(['The Normans came in 1066.', 'The battle was in 1066, too.'])
  expect(herons!.negatives).toEqual([])
  expect((await found(1))[1]!.negatives).toEqual(['The Normans came in 1066.'])
})

test('records as labelled pairs', async () => {
  const pairs = asPairs((await found(1)).slice(0, 1), { positive: ['relevance'], negative: [] })
  expect(pairs).toEqual([
    { text: records[0]!.text, pair: records[0]!.positive, label: ['relevance'] },
    { text: records[0]!.text, pair: records[1]!.positive, label: [] },
  ])
})

test('records without a passage are refused, and a stop ends the search', async () => {
  const signal = AbortSignal.abort()
  await expect(withNegatives([{ text: 'a' }], { count: 1, among: 1 }, signal, () => {})).rejects.toThrow(
    /a text 'positive', or 'documents'/,
  )
})
