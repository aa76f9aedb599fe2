import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digamma, learnPieces, type PieceOptions } from './piece-learner.js'
import { flatten, seedPieces, spellPiece } from './piece-tree.js'
import { suffixOrder } from './suffix-order.js'
import { cutsOf, expectedPieces, meanLoss, seedStrings } from './testing/plain-pieces.js'
import { countsOf } from './testing/words.js'
import { runSteps } from './training-steps.js'
import { UnigramLattice } from './unigram-lattice.js'

const letters = fc.constantFrom('a', 'b', 'c', '\u{1f600}')
const words = fc
  .uniqueArray(
    fc.tuple(fc.string({ unit: letters, minLength: 1, maxLength: 7 }), fc.integer({ min: 1, max: 9 })),
    { selector: ([word]) => word, minLength: 1, maxLength: 15 },
  )
  .map((list) => new Map(list))

const options: PieceOptions = {
  size: 99,
  vocabularySize: 100,
  shrinkingFactor: 0.75,
  subIterations: 2,
  maxPieceLength: 16,
  initial: [],
  taken: new Set(),
}

test('places of a text are in the order of what begins there', () => {
  const symbols = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(symbols, fc.integer({ min: 1, max: 9 }), (text, depth) => {
      const prefix = (at: number): string => text.slice(at, at + depth).join('')
      const order = [...runSteps(suffixOrder(Int32Array.from(text), 3, depth))]
      expect([...order].sort((a, b) => a - b)).toEqual(text.map((_, at) => at))
      for (let i = 1; i < order.length; i++) {
        expect(prefix(order[i - 1]!) <= prefix(order[i]!), `${text.join('')} ${order.join()}`).toBe(true)
      }
    }),
  )
})

describe('seedPieces', () => {
  test('finds the strings that occur twice and go on in two ways, each where it stands', () => {
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 8 }), (counts, longest) => {
        const flat = flatten(countsOf(counts))
        const tree = runSteps(seedPieces(flat, longest, 1000))
        const seeds = [...tree.order].map((piece) => spellPiece(flat, tree, piece))
        const strings = seedStrings(counts.keys(), longest)
        const alone = new Set([...counts.keys()].flatMap((word) => [...word]))
        expect(new Set(seeds)).toEqual(new Set([...alone, ...strings.keys()]))
        expect(seeds.length).toBe(alone.size + strings.size)
        // The pieces at each place are those that the text goes on with.
        const spelled = Array.from({ length: tree.lengths.length }, (_, piece) =>
          spellPiece(flat, tree, piece),
        )
        const text = [...counts.keys()].map((word) => `${word}\0`).join('')
        ;[...text].forEach((letter, place) => {
          const found: string[] = []
          for (let piece = tree.longest[place]!; piece >= 0; piece = tree.parents[piece]!)
            found.push(spelled[piece]!)
          const rest = [...text].slice(place).join('')
          const expected = letter === '\0' ? ['\0'] : seeds.filter((seed) => rest.startsWith(seed))
          expect(found.toSorted()).toEqual(expected.toSorted())
        })
      }),
    )
  })

  test('takes those of the highest score where there are too many: letters, then count × length', () => {
    const flat = flatten(
      countsOf([
        ['abcab', 3],
        ['abd', 1],
        ['abcad', 1],
      ]),
    )
    const all = runSteps(seedPieces(flat, 5, 100))
    const some = runSteps(seedPieces(flat, 5, 6))
    const spell = (tree: typeof all): string[] =>
      [...tree.order].map((piece) => spellPiece(flat, tree, piece))
    expect(spell(all)).toEqual(['a', 'b', 'c', 'd', 'abca', 'ab', 'bca', 'ca'])
    expect(spell(some)).toEqual(spell(all).slice(0, 6))
    expect(spell(runSteps(seedPieces(flat, 5, 5)))).toEqual(['a', 'b', 'c', 'd', 'abca'])
    // Of equal strings, the one that is later in the order of strings: abca stands 2 times, ab 4 times.
    const weights = [9, 8, 4, 2, 8, 8, 6, 4]
    const sum = weights.reduce((a, b) => a + b)
    expect([...all.order].map((piece) => Math.exp(all.scores[piece]!) * sum)).toEqual(
      weights.map((weight) => expect.closeTo(weight, 9)),
    )
  })
})

describe('UnigramLattice', () => {
  test('expects what the list of all cuts says, by plain numbers and by logarithms', () => {
    fc.assert(
      fc.property(words, fc.infiniteStream(fc.double({ min: -8, max: 0, noNaN: true })), (counts, scores) => {
        const flat = flatten(countsOf(counts))
        const tree = runSteps(seedPieces(flat, 5, 1000))
        const pieces = new Map<string, number>()
        for (const piece of tree.order) {
          tree.scores[piece] = scores.next().value
          pieces.set(spellPiece(flat, tree, piece), tree.scores[piece]!)
        }
        const expected = expectedPieces(counts, pieces)
        const lattice = new UnigramLattice(flat, tree)
        lattice.letterScore = -2
        lattice.update(-20)
        for (const way of ['expect', 'expectExactly'] as const) {
          const found = new Float64Array(tree.lengths.length)
          for (let word = 0; word < counts.size; word++) lattice[way](word, found)
          for (const piece of tree.order) {
            const text = spellPiece(flat, tree, piece)
            expect(found[piece]).toBeCloseTo(expected.get(text) ?? 0, 8)
          }
        }
      }),
      { numRuns: 40 },
    )
  })

  test('cuts words in the best way', () => {
    fc.assert(
      fc.property(words, fc.infiniteStream(fc.double({ min: -8, max: 0, noNaN: true })), (counts, scores) => {
        const flat = flatten(countsOf(counts))
        const tree = runSteps(seedPieces(flat, 5, 1000))
        const pieces = new Map<string, number>()
        for (const piece of tree.order) {
          tree.scores[piece] = scores.next().value
          pieces.set(spellPiece(flat, tree, piece), tree.scores[piece]!)
        }
        const lattice = new UnigramLattice(flat, tree)
        lattice.update(-20)
        const scoreOf = (cut: readonly string[]): number =>
          cut.reduce((sum, piece) => sum + pieces.get(piece)!, 0)
        ;[...counts].forEach(([text, count], word) => {
          const found = new Float64Array(tree.lengths.length)
          lattice.countBest(word, found)
          const score = found.reduce(
            (sum, times, piece) => sum + (times === 0 ? 0 : times * tree.scores[piece]!),
            0,
          )
          const best = Math.max(...[...cutsOf(text, pieces)].map(scoreOf))
          expect(score / count).toBeCloseTo(best, 9)
        })
        for (const piece of tree.order) {
          const text = spellPiece(flat, tree, piece)
          const others = [...cutsOf(text, pieces)].filter((cut) => cut.length > 1)
          const best = Math.max(...others.map(scoreOf))
          const found = lattice.withoutIt(piece)
          if (best >= pieces.get(text)!) expect(found).toBeUndefined()
          else if (others.length > 0) {
            const cut = found!.map((other) => spellPiece(flat, tree, other)).reverse()
            expect(cut.join('')).toBe(text)
            expect(scoreOf(cut)).toBeCloseTo(best, 9)
          }
        }
      }),
      { numRuns: 40 },
    )
  })

  test('a word so long that its probability is no number is still expected exactly', () => {
    const text = 'abac'.repeat(5000)
    const flat = flatten(
      countsOf([
        [text, 2],
        ['aba', 1],
        ['bac', 1],
      ]),
    )
    const tree = runSteps(seedPieces(flat, 1, 100))
    for (const piece of tree.order) tree.scores[piece] = -5
    const lattice = new UnigramLattice(flat, tree)
    lattice.update(-20)
    const expected = new Float64Array(tree.lengths.length)
    expect(lattice.expect(0, expected)).toBeCloseTo(-5 * text.length, 6)
    expect(
      [...expected]
        .filter((count) => count > 0)
        .map(Math.round)
        .toSorted((a, b) => a - b),
    ).toEqual([10_000, 10_000, 20_000])
  })
})

describe('learnPieces', () => {
  const corpus = new Map(
    ['low', 'lower', 'lowest', 'slow', 'slower', 'new', 'newer', 'newest', 'wider', 'widest'].map(
      (word, i) => [word, 30 - 2 * i],
    ),
  )

  test('has all letters, the size that was asked for, and probabilities of about 1 in all', () => {
    const pieces = runSteps(learnPieces(countsOf(corpus), { ...options, size: 14, vocabularySize: 15 }))
    expect(pieces.length).toBe(14)
    const scores = new Map(pieces)
    for (const letter of new Set([...corpus.keys()].join(''))) expect(scores.has(letter), letter).toBe(true)
    expect(pieces.map(([, score]) => score)).toEqual(
      pieces.map(([, score]) => score).toSorted((a, b) => b - a),
    )
    let sum = 0
    for (const score of scores.values()) sum += Math.exp(score)
    expect(sum).toBeGreaterThan(0.8)
    expect(sum).toBeLessThan(1.1)
  })

  test('more pieces cost fewer bits', () => {
    const lossOf = (size: number): number =>
      meanLoss(
        corpus,
        new Map(runSteps(learnPieces(countsOf(corpus), { ...options, size, vocabularySize: size + 1 }))),
      )
    expect(lossOf(16)).toBeLessThan(lossOf(12))
    expect(lossOf(12)).toBeLessThan(lossOf(10))
  })

  test('letters to have in any case are there, and none that are taken', () => {
    const pieces = new Map(
      runSteps(learnPieces(countsOf(corpus), { ...options, initial: ['ß', 'low'], taken: new Set(['low']) })),
    )
    expect(pieces.has('ß')).toBe(true)
    expect(pieces.has('l')).toBe(true)
    expect(pieces.has('low')).toBe(false)
  })

  test('nothing gives nothing, and U+0000 is only a letter', () => {
    expect(runSteps(learnPieces(countsOf([]), options))).toEqual([])
    const pieces = runSteps(
      learnPieces(
        countsOf([
          ['a\0b', 2],
          ['a\0c', 2],
        ]),
        options,
      ),
    )
    expect(pieces.map(([piece]) => piece).toSorted()).toEqual(['\0', 'a', 'b', 'c'])
  })
})

test('digamma', () => {
  // Abramowitz and Stegun 1964, table 6.1 and 6.2.
  expect(digamma(1)).toBeCloseTo(-0.5772156649, 9)
  expect(digamma(1.5)).toBeCloseTo(0.036489974, 9)
  expect(digamma(2)).toBeCloseTo(0.4227843351, 9)
  expect(digamma(50)).toBeCloseTo(3.9019896734, 9)
})
