import { expect, test } from 'vitest'
import { trainByteLevel } from './train-byte-level.js'

test('one string is no list of texts: it would be taken for its characters', () => {
  expect(() => trainByteLevel('to be or not to be', { vocabularySize: 300 })).toThrow(
    'trainByteLevel: expected a list of texts, found one string; write [text] for a single text',
  )
  expect(trainByteLevel(['to be or not to be'], { vocabularySize: 300 }).size).toBeGreaterThan(256)
})
