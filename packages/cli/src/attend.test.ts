import fc from 'fast-check'
import { trainByteLevel } from 'heed'
import { expect, test } from 'vitest'
import { firstTokens, lastTokens, readText, textOfIds } from './attend.js'

const tokenizer = trainByteLevel(['The cat sat on the mat. Über die Brücke. '.repeat(4)], {
  vocabularySize: 290,
  special: ['<|endoftext|>'],
})

test('ids give the text and the spans that the text was encoded with', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), (text) => {
      const read = readText(tokenizer, text)
      const again = textOfIds(tokenizer, read.ids)
      expect(again.text).toBe(text)
      expect([...again.ids]).toEqual([...read.ids])
      expect([...again.spans]).toEqual([...read.spans])
    }),
  )
})

test('any ids have spans in order within their text', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: tokenizer.size + 5 })), (ids) => {
      const { text, spans } = textOfIds(tokenizer, ids)
      for (let i = 0; i < ids.length; i++) {
        expect(spans[2 * i]).toBeLessThanOrEqual(spans[2 * i + 1]!)
        expect(spans[2 * i + 1]).toBeLessThanOrEqual(text.length)
      }
    }),
  )
})

test('the first and the last tokens of a text, with the text that they stand for', () => {
  const whole = readText(tokenizer, 'The cat 🐈 sat')
  expect(firstTokens(whole, 99)).toBe(whole)
  expect(lastTokens(whole, 99)).toBe(whole)
  for (let most = 1; most < whole.ids.length; most++) {
    const [first, last] = [firstTokens(whole, most), lastTokens(whole, most)]
    expect([...first.ids, ...last.ids]).toHaveLength(2 * most)
    expect(whole.text.startsWith(first.text)).toBe(true)
    expect(whole.text.endsWith(last.text)).toBe(true)
    expect(Math.max(...first.spans)).toBe(first.text.length)
    expect(last.spans[0]).toBe(0)
    expect(Math.max(...last.spans)).toBe(last.text.length)
  }
})
