import { expect, test } from 'vitest'
import { asGroups, asPairs, withNegatives } from './negatives.js'

const records = [
  { text: 'When did the Normans come?', positive: 'The Normans came in 1066.', answers: ['1066'] },
  { text: 'Who led the Normans?', positive: 'William led the Normans when they came.', answers: ['William'] },
  { text: 'When was the battle?', positive: 'The battle was in 1066, too.', answers: ['1066'] },
  { text: 'What do herons eat?', positive: 'Herons eat fish.', answers: ['fish'] },
]
const how = { among: 4, skip: 0, share: undefined }
const { signal } = new AbortController()
const found = (count: number) => withNegatives(records, { count, ...how }, signal, () => {})

test('negatives share words with the text, and have none of its answers', async () => {
  const [when, who] = await found(3)
  // The battle's passage shares words, too, but has the answer.
  expect(when!.negatives).toContain('William led the Normans when they came.')
  expect(when!.negatives).not.toContain('The battle was in 1066, too.')
  expect(who!.negatives).toContain('The Normans came in 1066.')
  expect(who!.negatives).not.toContain(records[1]!.positive)
  expect((await found(1))[1]!.negatives).toHaveLength(1)
  expect(await found(2)).toEqual(await found(2))
})

test('records as labelled pairs', async () => {
  const record = { ...records[0]!, negatives: ['Herons eat fish.'] }
  expect(asPairs([record], { positive: ['relevance'], negative: [] })).toEqual([
    { text: record.text, pair: record.positive, label: ['relevance'] },
    { text: record.text, pair: 'Herons eat fish.', label: [] },
  ])
  // Without a wrong one there is nothing to rank.
  expect(asGroups([record, records[1]!])).toEqual([
    { query: record.text, documents: [record.positive, 'Herons eat fish.'], relevant: [0] },
  ])
})

test('records without a passage are refused', async () => {
  await expect(withNegatives([{ text: 'a' }], { count: 1, ...how }, signal, () => {})).rejects.toThrow(
    /a text 'positive'/,
  )
})
