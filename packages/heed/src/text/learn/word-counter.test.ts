import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WordCounter, wordOf } from './word-counter.js'
import type { WordCounts } from './word-counter.js'

function asList(words: WordCounts): [string, number][] {
  return Array.from(words.counts, (count, word) => [wordOf(words, word), count])
}

/** The same with a Map of strings. */
function plainCounts(words: readonly string[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts]
}

describe('WordCounter', () => {
  test('counts what a map of strings counts, in the order in which words are met', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '漢', '\u{1f600}', '\0'), maxLength: 4 })
    fc.assert(
      fc.property(fc.array(word, { maxLength: 200 }), (words) => {
        const counter = new WordCounter()
        const text = words.join(' ')
        let start = 0
        for (const { length } of words) {
          counter.add(text, start, start + length)
          start += length + 1
        }
        expect(asList(counter.take())).toEqual(plainCounts(words))
      }),
    )
  })

  test('takes a lone surrogate as U+FFFD', () => {
    const counter = new WordCounter()
    for (const word of ['\ud800', '\ufffd', 'a\udc00b', 'a\ufffdb', '\u{1f600}'])
      counter.add(word, 0, word.length)
    expect(asList(counter.take())).toEqual([
      ['\ufffd', 2],
      ['a\ufffdb', 2],
      ['\u{1f600}', 1],
    ])
  })

  test('a pair of surrogates that the word ends inside of is none', () => {
    const counter = new WordCounter()
    counter.add('\u{1f600}', 0, 1)
    expect(asList(counter.take())).toEqual([['\ufffd', 1]])
  })

  test('grows with the different words, not with how often they are met', () => {
    const counter = new WordCounter()
    for (let i = 0; i < 300_000; i++) {
      const word = `word${i % 50_000}`
      counter.add(word, 0, word.length)
    }
    const { units, counts } = counter.take()
    expect(counter.size).toBe(50_000)
    expect(new Set(counts)).toEqual(new Set([6]))
    expect(units.buffer.byteLength + counts.buffer.byteLength).toBeLessThan(3_000_000)
  })
})
