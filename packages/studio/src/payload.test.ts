import { deflateSync, inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCausal } from './layers.js'
import { filterSize, ONE, packFilters, unpackFilters } from './payload.js'
import type { LayerView } from './types.js'

function layersOf(filters: readonly (readonly (readonly number[])[])[]): LayerView[] {
  return [{ heads: filters.map((filter) => ({ filter, entropy: 0, previous: 0, first: 0, induction: 0 })) }]
}

/** One to three heads over one to six queries, and as many keys where causal. */
const heads = fc
  .record({
    queries: fc.integer({ min: 1, max: 6 }),
    keys: fc.integer({ min: 1, max: 6 }),
    heads: fc.integer({ min: 1, max: 3 }),
    causal: fc.boolean(),
  })
  .chain(({ queries, keys: any, heads: count, causal }) => {
    const weight = fc.double({ min: 0, max: 1, noNaN: true })
    const keys = causal ? queries : any
    const square = fc.array(fc.array(weight, { minLength: keys, maxLength: keys }), {
      minLength: queries,
      maxLength: queries,
    })
    return fc.record({
      queries: fc.constant(queries),
      keys: fc.constant(keys),
      causal: fc.constant(causal),
      filters: fc
        .array(square, { minLength: count, maxLength: count })
        .map((all) =>
          causal ? all.map((rows) => rows.map((row, q) => row.map((w, k) => (k > q ? 0 : w)))) : all,
        ),
    })
  })

describe('packed filters', () => {
  it.each([16, 8] as const)('come back to %i bits, in order', (bits) => {
    fc.assert(
      fc.property(heads, ({ queries, keys, causal, filters }) => {
        const bytes = packFilters(layersOf(filters), [causal], bits)
        const codes = unpackFilters(new Uint8Array(inflateSync(deflateSync(bytes))), bits)
        const one = 2 ** bits - 1
        expect(codes.length).toBe(filters.length * filterSize(queries, keys, causal))
        let at = 0
        for (const filter of filters) {
          filter.forEach((row, query) =>
            row.slice(0, causal ? query + 1 : keys).forEach((weight) => {
              expect(Math.abs(codes[at++]! / ONE - weight)).toBeLessThanOrEqual(0.5 / one + 1e-12)
            }),
          )
        }
      }),
    )
  })

  it('say whether any query attends to a later key of the same text', () => {
    const tokens = ['a', 'b'].map((text, id) => ({ id, text, start: id, end: id + 1 }))
    const layer = (first: readonly number[]) => ({
      view: layersOf([[first, [0.5, 0.5]]])[0]!,
      queries: tokens,
      keys: tokens,
      name: 'layer 0',
      short: 'L0',
    })
    expect(isCausal(layer([1, 0]))).toBe(true)
    expect(isCausal(layer([0.9, 0.1]))).toBe(false)
    expect(isCausal({ ...layer([1, 0]), keys: [...tokens] })).toBe(false)
  })
})
