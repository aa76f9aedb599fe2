import fc from 'fast-check'
import { UsageError } from 'heed'
import { describe, expect, it } from 'vitest'
import {
  advance,
  distribution,
  endOfDocument,
  estimateDiscounts,
  ngramBits,
  packDocuments,
  probabilities,
  startContext,
  trainNgrams,
} from './kneser-ney.js'
import { sortPrefixes } from './sort-prefixes.js'

/** Documents over few symbols, so that n-grams repeat. */
const documents = fc.array(
  fc
    .array(fc.constantFrom(97, 98, 99, 32, 254), { minLength: 1, maxLength: 40 })
    .map((bytes) => Uint8Array.from(bytes)),
  { minLength: 1, maxLength: 6 },
)
const query = fc.array(fc.constantFrom(97, 98, 99, 32, 254, 0, 200), { maxLength: 12 })

/** The same model straight from the equations, on strings and maps. */
function naive(
  training: readonly Uint8Array[],
  order: number,
  history: readonly number[],
  symbol: number,
): number {
  const end = String.fromCharCode(endOfDocument)
  const grams = (length: number): string[] =>
    training.flatMap((document) => {
      const text = end + String.fromCharCode(...document) + end
      const all = Array.from({ length: Math.max(0, text.length - length + 1) }, (_, at) =>
        text.slice(at, at + length),
      )
      // The 0xff at a document's start is never predicted.
      return length === 1 ? all.slice(1) : all
    })
  const tally = (length: number): Map<string, number> => {
    const counts = new Map<string, number>()
    for (const gram of grams(length)) counts.set(gram, (counts.get(gram) ?? 0) + 1)
    return counts
  }
  const continuations = (length: number): Map<string, number> => {
    const counts = new Map<string, number>()
    for (const longer of new Set(grams(length + 1))) {
      counts.set(longer.slice(1), (counts.get(longer.slice(1)) ?? 0) + 1)
    }
    if (length > 1)
      for (const [gram, count] of tally(length)) if (gram.startsWith(end)) counts.set(gram, count)
    return counts
  }
  const probability = (length: number): number => {
    if (length === 0) return 1 / 256
    const counts = length === order ? tally(length) : continuations(length)
    const discounts = estimateDiscounts(Uint32Array.from(counts.values()))
    const before = (end + String.fromCharCode(...history)).slice(-(length - 1) || Infinity)
    if (before.length < length - 1) return probability(length - 1)
    const followers = [...counts].filter(([gram]) => gram.slice(0, -1) === before)
    const total = followers.reduce((sum, [, count]) => sum + count, 0)
    if (total === 0) return probability(length - 1)
    const discount = (count: number): number => discounts[Math.min(count, 3)] ?? 0
    const free = followers.reduce((sum, [, count]) => sum + discount(count), 0)
    const own = counts.get(before + String.fromCharCode(symbol)) ?? 0
    return (own - (own > 0 ? discount(own) : 0) + free * probability(length - 1)) / total
  }
  return probability(order)
}

describe('sortPrefixes', () => {
  it('orders positions by the symbols that follow, and counts what neighbours share', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ max: 3, minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 6 }),
        (text, length) => {
          const key = (at: number): string =>
            String.fromCharCode(...Array.from({ length }, (_, offset) => text[at + offset] ?? 0))
          const { positions, shared } = sortPrefixes(text, length)
          const expected = Array.from(text.keys()).sort((a, b) =>
            key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a - b,
          )
          expect([...positions]).toEqual(expected)
          positions.forEach((position, i) => {
            if (i === 0) return
            const [a, b] = [key(positions[i - 1] ?? 0), key(position)]
            let same = 0
            while (same < length && a[same] === b[same]) same++
            expect(shared[i]).toBe(same)
          })
        },
      ),
    )
  })
})

describe('trainNgrams', () => {
  it('gives a distribution: 256 probabilities above 0 that sum to 1, in any context, for every order', () => {
    fc.assert(
      fc.property(documents, query, fc.integer({ min: 1, max: 6 }), (training, history, order) => {
        const model = trainNgrams(training, order)
        const context = startContext(model)
        for (const symbol of history) advance(model, context, symbol)
        for (let n = 0; n <= order; n++) {
          const all = distribution(model, context, n)
          expect(all.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 10)
          expect(Math.min(...all)).toBeGreaterThan(0)
        }
      }),
    )
  })

  it('equals the equations of Chen and Goodman on strings and maps', () => {
    fc.assert(
      fc.property(documents, query, fc.constantFrom(97, 98, 32, 255, 7), (training, history, symbol) => {
        const model = trainNgrams(training, 5)
        const context = startContext(model)
        for (const one of history) advance(model, context, one)
        const found = probabilities(model, context, symbol)
        for (let order = 1; order <= 5; order++) {
          expect(found[order]).toBeCloseTo(naive(training, order, history, symbol), 12)
        }
      }),
    )
  })

  it('starts afresh after the end of a document', () => {
    const model = trainNgrams([Buffer.from('abcabc'), Buffer.from('abd')], 4)
    const context = startContext(model)
    for (const symbol of Buffer.from('abc')) advance(model, context, symbol)
    advance(model, context, endOfDocument)
    expect([...context]).toEqual([...startContext(model)])
  })

  it('needs few bits for text that is made as its training text was, and fewer where it sees whole words', () => {
    const text = (seed: number): Uint8Array => {
      let state = seed
      const word = (): string => {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0
        return ['the ', 'cat ', 'sat ', 'on ', 'a ', 'mat. ', 'It ', 'ran '][state >>> 29] ?? ''
      }
      return Buffer.from(Array.from({ length: 400 }, word).join(''))
    }
    const model = trainNgrams([text(1), text(2)], 6)
    const heldOut = text(3)
    const bits = ngramBits(model, [heldOut])
    expect(bits[0]).toBeCloseTo(8 * (heldOut.length + 1), 6)
    expect(bits[2] ?? 0).toBeLessThan(bits[1] ?? 0)
    expect(bits[4] ?? 0).toBeLessThan(bits[2] ?? 0)
    // Eight words of 3.75 bytes on average, equally likely: no model can do better than 3 / 3.75 = 0.8.
    expect((bits[4] ?? 0) / heldOut.length).toBeLessThan(1)
  })

  it('refuses orders out of range, no text, and text that is not UTF-8', () => {
    expect(() => trainNgrams([Buffer.from('a')], 0)).toThrow(/an order from 1 to 32, found 0/)
    expect(() => trainNgrams([], 3)).toThrow(UsageError)
    expect(() => packDocuments([Uint8Array.of(97, 255)])).toThrow(UsageError)
  })
})
