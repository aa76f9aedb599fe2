import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UsageError } from '../../base/index.js'
import { endOf, type NormalizedText, startOf } from './normalized-text.js'
import { Rewriter, withUnitReplaced } from './rewriter.js'

/** Each code unit, and where it comes from. */
const unitsOf = (text: NormalizedText): unknown[] =>
  Array.from({ length: text.text.length }, (_, i) => [text.text[i], startOf(text, i), endOf(text, i + 1)])

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '字'), maxLength: 20 })
const inputs = fc
  .record({ text: letters, offset: fc.nat(9), isMoved: fc.boolean(), repeats: fc.constantFrom(1, 60) })
  .map(({ text: short, offset, isMoved, repeats }): NormalizedText => {
    const text = short.repeat(repeats)
    if (!isMoved) return { text, offset }
    const starts = Int32Array.from({ length: text.length }, (_, i) => offset + 3 * i)
    return { text, offset, starts, ends: starts.map((start) => start + 2) }
  })
/** Units that are kept, passed over, or put anew as a text. */
const changes = fc.array(
  fc.tuple(fc.nat(6), fc.constantFrom(undefined, '', 'x', 'yz', '😀', 'long '.repeat(9))),
  { maxLength: 20 },
)

describe('Rewriter', () => {
  it('writes what is kept and what is put, each with its place', () => {
    fc.assert(
      fc.property(inputs, changes, (input, list) => {
        const rewriter = new Rewriter(input)
        const expected: unknown[] = []
        let at = 0
        for (const [count, put] of list) {
          const end = Math.min(input.text.length, at + count)
          if (put === undefined) {
            rewriter.keep(at, end)
            for (; at < end; at++) expected.push([input.text[at], startOf(input, at), endOf(input, at + 1)])
          } else if (at < end) {
            const place = [startOf(input, at), endOf(input, end)]
            if (put === '😀') rewriter.putPoint(0x1f600, at, end)
            else rewriter.put(put, at, end)
            for (let i = 0; i < put.length; i++) expected.push([put[i], ...place])
          }
          at = end
        }
        expect(unitsOf(rewriter.finish())).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('gives a text back that stays as it is, and keeps no places where nothing moves', () => {
    const input = { text: 'abc', offset: 4 }
    const kept = new Rewriter(input)
    kept.keep(0, 2)
    kept.keep(2, 3)
    expect(kept.finish()).toBe(input)
    const changed = new Rewriter(input)
    changed.keep(0, 1)
    changed.put('x', 1, 2)
    changed.keep(2, 3)
    expect(changed.finish()).toEqual({ text: 'axc', offset: 4 })
  })

  it('refuses a text that grows without end', () => {
    const rewriter = new Rewriter({ text: 'a', offset: 0 })
    const long = 'x'.repeat(2 ** 18)
    expect(() => {
      for (let i = 0; i < 5; i++) rewriter.put(long, 0, 1)
    }).toThrow(UsageError)
  })
})

describe('withUnitReplaced', () => {
  it("gives JavaScript's text", () => {
    fc.assert(
      fc.property(letters, fc.constantFrom(1, 300), (short, repeats) => {
        const text = short.repeat(repeats)
        expect(withUnitReplaced(text, 0x61, 0x2581)).toBe(text.replaceAll('a', '▁'))
      }),
    )
  })
})
