import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadEncoder } from 'heed'
import { describe, expect, test } from 'vitest'
import {
  bestRow,
  headTable,
  type KnownReaction,
  likeliestHead,
  rightMaps,
  rightWithoutOwn,
  tokensOf,
} from './heads.js'
import { readReaction, type Side } from './smiles.js'

const cases = join(process.env['HEED_SHARED'] ?? '', 'reference/real/rxnmapper/cases.json')
const weights = join(process.env['HEED_REFERENCE_WEIGHTS'] ?? '', 'rxnmapper-albert')
const there = existsSync(cases) && existsSync(weights)
interface Case extends KnownReaction {
  readonly ids: readonly number[]
  readonly reactant: Side
  readonly product: Side
  readonly confidences: readonly number[]
}

interface Cases {
  readonly reactions: readonly Case[]
  readonly tolerance: { readonly confidence: number }
  readonly atom_mapping: {
    readonly product_atoms: number
    readonly heads_with_neighbours: { readonly share: readonly (readonly number[])[] }
  }
}

test('atoms and bonds of a reaction', () => {
  const { reactant, product } = readReaction(
    [
      '',
      'C',
      '1',
      '=',
      'C',
      '(',
      '[13CH2-]',
      ')',
      'O',
      '1',
      '.',
      '[Na+]',
      '>>',
      'c',
      '%10',
      'Br',
      '*',
      '',
    ].map(String),
  )
  expect(reactant).toEqual({
    tokens: [1, 4, 6, 8, 11],
    elements: [6, 6, 6, 8, 11],
    bonds: [
      [0, 1],
      [1, 2],
      [1, 3],
      [0, 3],
    ],
  })
  expect(product.elements).toEqual([6, 35, 0])
  expect(() => readReaction(['C'])).toThrow("'>>'")
})

describe.skipIf(!there)(
  'rxnmapper (set HEED_SHARED and HEED_REFERENCE_WEIGHTS, with these weights fetched, to run)',
  () => {
    const read = (): Cases => JSON.parse(readFileSync(cases, 'utf8')) as Cases
    const sorted = ({ tokens, elements, bonds }: Side): string =>
      JSON.stringify([
        tokens,
        elements,
        bonds.map(([a, b]) => [Math.min(a, b), Math.max(a, b)].join('-')).sort(),
      ])

    test('atoms and bonds are those that RDKit finds', async () => {
      const loaded = await loadEncoder(weights)
      for (const { text, ids, reactant, product } of read().reactions) {
        const found = tokensOf(loaded, text)
        expect([...found.ids].join()).toBe(ids.join())
        expect(sorted(found.reaction.reactant)).toBe(sorted(reactant))
        expect(sorted(found.reaction.product)).toBe(sorted(product))
      }
    })

    test('the table of heads finds the one that maps atoms: 13 of 13', async () => {
      const { reactions, atom_mapping: expected, tolerance } = read()
      const texts = reactions.map(({ text }) => text)
      const rows = headTable(await loadEncoder(weights), texts)
      expect(rows.length).toBe(12 * 8)
      // Bonds alone say which head it is.
      expect(likeliestHead(rows)).toBe(5)
      const total = expected.product_atoms
      const shares = rows.map((row) => rightMaps(row, reactions).atoms / total)
      const wanted = expected.heads_with_neighbours.share.flat()
      // An atom apart where two pairs are nearly as sure.
      expect(Math.max(...shares.map((share, i) => Math.abs(share - wanted[i]!)))).toBeLessThan(1.5 / total)
      const best = bestRow(rows, reactions)
      expect([best.layer, best.head]).toEqual([10, 5])
      reactions.forEach(({ mapping, confidences }, i) => {
        const found = best.maps[i]!
        expect(found.mapping.join()).toBe(mapping.join())
        // The case has six digits.
        const off = found.confidences.map((value, at) => Math.abs(value - confidences[at]!))
        expect(Math.max(...off)).toBeLessThan(tolerance.confidence)
      })
      expect(rightMaps(best, reactions)).toEqual({ atoms: total, reactions: 13 })
      expect(rightWithoutOwn(rows, reactions)).toBe(12)
    })

    test('the recipe has the reactions of the package', () => {
      const own = readFileSync(new URL('reactions.jsonl', import.meta.url), 'utf8')
        .trim()
        .split('\n')
      expect(own.map((line) => JSON.parse(line) as unknown)).toEqual(
        read().reactions.map(({ text, mapping }) => ({ text, mapping })),
      )
    })
  },
)
