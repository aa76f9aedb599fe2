import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tokenLabels } from './token-labels.js'
import { trainByteLevel } from './train-byte-level.js'

const tokenizer = trainByteLevel(['naïve 日本 '.repeat(20)], {
  vocabularySize: 262,
  special: ['<|endoftext|>', '<\ufffd>'],
})

/** What a label stands for. */
function bytesOf(label: string): number[] {
  return [...label].flatMap((character) => {
    const code = character.codePointAt(0)!
    return code >= 0xdc80 && code <= 0xdcff ? [code - 0xdc00] : [...new TextEncoder().encode(character)]
  })
}

test('whole characters are themselves, bytes of none lone surrogates', () => {
  const labels = tokenLabels(tokenizer, tokenizer.encode('日 é', { addSpecial: false }).ids)
  expect(labels.join('')).not.toContain('\ufffd')
  expect(labels.flatMap(bytesOf)).toEqual([...new TextEncoder().encode('日 é')])
  expect(tokenLabels(tokenizer, [tokenizer.id('æ')!])).toEqual(['\udce6'])
  expect(tokenLabels(tokenizer, [tokenizer.id('a')!, tokenizer.id('Ġ')!])).toEqual(['a', ' '])
})

test('an added token is what it is, U+FFFD in it too', () => {
  const ids = ['<|endoftext|>', '<\ufffd>'].map((token) => tokenizer.id(token)!)
  expect(tokenLabels(tokenizer, ids)).toEqual(['<|endoftext|>', '<\ufffd>'])
})

test('the labels of any text are its bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const { ids } = tokenizer.encode(text, { addSpecial: false })
      expect(tokenLabels(tokenizer, ids).flatMap(bytesOf)).toEqual([...new TextEncoder().encode(text)])
    }),
  )
})
