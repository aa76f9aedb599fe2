import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bordersOf, cellsOf, charactersOf } from './cells.js'
import { tokenPicture } from './picture.js'

const shown = (text: string, tokens: readonly string[], spans: readonly number[]): string =>
  cellsOf(text, { tokens, spans })
    .map(({ kind, text: part, count }) => `${kind[0]}:${part}${count > 1 ? `*${count}` : ''}`)
    .join(' ')

test('cells: gaps, shared characters, tokens that are in no text', () => {
  expect(shown('the  cat', ['the', 'cat'], [0, 3, 5, 8])).toBe('t:the g:   t:cat')
  expect(shown('aé', ['a', 'Ã', '©'], [0, 1, 1, 2, 1, 2])).toBe('t:a t:é*2')
  expect(shown('cat', ['[CLS]', 'cat', '[SEP]'], [0, 0, 0, 3, 0, 0])).toBe('a:[CLS] t:cat a:[SEP]')
  // ▁ shares the place of what follows it.
  expect(shown('xy', ['▁', 'xy'], [0, 1, 0, 2])).toBe('t:x t:y')
  expect(shown('', [], [])).toBe('')
  expect(shown('!', [], [])).toBe('g:!')
})

test('cells together are the text, whatever the spans', () => {
  const spans = fc.array(fc.tuple(fc.nat(12), fc.nat(12)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]))
  fc.assert(
    fc.property(fc.string({ minLength: 12, maxLength: 12 }), spans, (text, places) => {
      const cells = cellsOf(text, { tokens: places.map(() => 'added'), spans: places.flat() })
      const parts = cells.filter(({ kind }) => kind !== 'added').map((cell) => cell.text)
      expect(parts.join('')).toBe(text)
    }),
  )
})

test('borders: each place once, in order', () => {
  const spans = [0, 0, 1, 3, 0, 1, 0, 1]
  expect(bordersOf('abc', { tokens: ['', 'a', 'b', 'b'], spans })).toEqual([0, 1, 3])
  // White space within a token, before it, or between two.
  expect(bordersOf('a bc', { tokens: ['a', ' bc'], spans: [0, 1, 1, 4] })).toEqual([0, 1, 4])
  expect(bordersOf('a bc', { tokens: ['a', 'bc'], spans: [0, 1, 2, 4] })).toEqual([0, 1, 4])
})

test('characters are code points; a lone surrogate is one', () => {
  expect(['', 'naïve', '👍🏽', '\ud83d', '\udc4da', 'a\ud83d'].map(charactersOf)).toEqual([0, 5, 2, 1, 2, 2])
})

const picture = (
  text: string,
  spans: readonly number[],
  environment: Readonly<Record<string, string>> = {},
  columns = 80,
): string => {
  const tokens = spans.filter((_, i) => i % 2 === 0).map(() => '<s>')
  return tokenPicture(cellsOf(text, { tokens, spans }), { write: () => true, columns }, environment)
}

test('a picture without colour has borders', () => {
  expect(picture('The cat', [0, 3, 3, 7])).toBe('The|␣cat\n')
  expect(picture('the cat', [0, 0, 0, 3, 4, 7])).toBe('<s>|the cat\n')
  expect(picture('a\u0301b', [0, 1, 2, 3])).toBe('a‹◌\u0301›b\n')
  expect(picture('a\n\nb', [0, 2, 2, 3, 3, 4])).toBe('a↵\n↵\nb\n')
  expect(picture('', [])).toBe('\n')
})

test('a picture with colour has other backgrounds for neighbours', () => {
  const coloured = picture('abc', [0, 1, 1, 2, 2, 3], { FORCE_COLOR: '1' })
  const inks = [...coloured.matchAll(/48;5;(\d+)/g)].map(([, ink]) => ink)
  expect(inks).toHaveLength(3)
  expect(new Set(inks).size).toBe(3)
  expect(coloured).not.toContain('|')
})

test('a picture keeps to the width, between tokens, or within a long one', () => {
  const words = Array.from({ length: 40 }, (_, i) => [5 * i, 5 * i + 5]).flat()
  const lines = picture('abcd '.repeat(40), words, {}, 32).trimEnd().split('\n')
  expect(lines.every((line) => line.length <= 32)).toBe(true)
  expect(lines.join('|').replaceAll('|', '')).toBe('abcd␣'.repeat(40))
  const long = picture('x'.repeat(1000), [0, 1000], {}, 80)
  expect(long.replaceAll('\n', '')).toBe('x'.repeat(1000))
})
