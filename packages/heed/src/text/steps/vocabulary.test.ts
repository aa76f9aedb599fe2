import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Vocabulary } from './vocabulary.js'

const tokens = fc.uniqueArray(fc.string({ unit: 'grapheme', maxLength: 5 }), { maxLength: 400 })

describe('Vocabulary', () => {
  it('says what a Map says', () => {
    fc.assert(
      fc.property(tokens, fc.string(), (list, other) => {
        const map = new Map(list.map((token, i) => [token, 3 * i]))
        const vocabulary = Vocabulary.of(map)
        expect([...vocabulary]).toEqual([...map])
        expect([vocabulary.size, vocabulary.highestId]).toEqual([map.size, Math.max(-1, 3 * (map.size - 1))])
        for (const [token, id] of map) {
          expect(vocabulary.id(token)).toBe(id)
          expect(vocabulary.token(id)).toBe(token)
          expect(vocabulary.token(id + 1)).toBeUndefined()
        }
        expect(vocabulary.id(other)).toBe(map.get(other))
      }),
    )
  })

  it('takes each token once, and names the first of an id', () => {
    const vocabulary = Vocabulary.of([
      ['a', 5],
      ['b', 5],
      ['a', 6],
    ])
    expect([...vocabulary]).toEqual([
      ['a', 5],
      ['b', 5],
    ])
    expect(vocabulary.token(5)).toBe('a')
    expect(vocabulary.add('c', 7)).toBe(true)
    expect(vocabulary.add('c', 8)).toBe(false)
    expect([vocabulary.token(7), vocabulary.token(-1), vocabulary.token(0.5), vocabulary.token(1e9)]).toEqual(
      ['c', undefined, undefined, undefined],
    )
  })

  it('holds what objects have, long tokens, and the empty one', () => {
    const long = 'é'.repeat(5000)
    const vocabulary = Vocabulary.of([
      ['__proto__', 0],
      ['constructor', 1],
      [long, 2],
      ['', 3],
    ])
    expect(
      ['__proto__', 'toString', 'constructor', long, `${long}x`, ''].map((token) => vocabulary.id(token)),
    ).toEqual([0, undefined, 1, 2, undefined, 3])
  })
})
