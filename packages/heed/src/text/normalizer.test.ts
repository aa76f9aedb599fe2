import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalizeNfc } from './normalizer.js'

describe('normalizeNfc', () => {
  const unit = fc.oneof(
    fc.constantFrom(
      'a',
      'e',
      'q',
      'é',
      '\u0301',
      '\u0323',
      '\u0307',
      '\u0334',
      '\u0345',
      '\u0344',
      '\u1100',
      '\u1161',
      '\u11a8',
      '가',
      '\u0958',
      '\u212b',
      '\u{1d15e}',
      '\ud800',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  )

  it("gives JavaScript's text", () => {
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 30 }), (text) => {
        expect(normalizeNfc(text).text).toBe(text.normalize('NFC'))
      }),
      { numRuns: 1000 },
    )
  })

  it('puts a long run of marks in order', () => {
    const text = `q${'\u0301\u0323\u0334'.repeat(50)}`
    expect(normalizeNfc(text).text).toBe(text.normalize('NFC'))
  })

  it('gives a composed character the place of its base, and leaves the others where they are', () => {
    const { text, starts, ends } = normalizeNfc('ae\u0301b')
    expect(text).toBe('aéb')
    expect([...starts!]).toEqual([0, 1, 3])
    expect([...ends!]).toEqual([1, 2, 4])
    expect(normalizeNfc('aéb')).toEqual({ text: 'aéb' })
  })
})
