import { deflateSync, inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { filterSize, isCausal, ONE, packFilters, unpackFilters } from './payload.js'
import type { LayerView } from './types.js'

function layersOf(filters: readonly (readonly (readonly number[])[])[]): LayerView[] {
  return [{ heads: filters.map((filter) => ({ filter, entropy: 0, previous: 0, first: 0, induction: 0 })) }]
}

/** One to three heads over one to six tokens. */
const heads = fc
  .record({
    tokens: fc.integer({ min: 1, max: 6 }),
    heads: fc.integer({ min: 1, max: 3 }),
    causal: fc.boolean(),
  })
  .chain(({ tokens, heads: count, causal }) => {
    const weight = fc.double({ min: 0, max: 1, noNaN: true })
    const square = fc.array(fc.array(weight, { minLength: tokens, maxLength: tokens }), {
      minLength: tokens,
      maxLength: tokens,
    })
    return fc.record({
      tokens: fc.constant(tokens),
      causal: fc.constant(causal),
      filters: fc
        .array(square, { minLength: count, maxLength: count })
        .map((all) =>
          causal ? all.map((rows) => rows.map((row, q) => row.map((w, k) => (k > q ? 0 : w)))) : all,
        ),
    })
  })

describe('packed filters', () => {
  it('come back to 16 bits, in order', () => {
    fc.assert(
      fc.property(heads, ({ tokens, causal, filters }) => {
        const bytes = packFilters(layersOf(filters), tokens, causal)
        const codes = unpackFilters(new Uint8Array(inflateSync(deflateSync(bytes))))
        expect(codes.length).toBe(filters.length * filterSize(tokens, causal))
        let at = 0
        for (const filter of filters) {
          filter.forEach((row, query) =>
            row.slice(0, causal ? query + 1 : tokens).forEach((weight) => {
              expect(Math.abs(codes[at++]! / ONE - weight)).toBeLessThanOrEqual(0.5 / ONE + 1e-12)
            }),
          )
        }
      }),
    )
  })

  it('say whether any query attends to a later key', () => {
    expect(
      isCausal(
        layersOf([
          [
            [1, 0],
            [0.5, 0.5],
          ],
        ]),
      ),
    ).toBe(true)
    expect(
      isCausal(
        layersOf([
          [
            [0.9, 0.1],
            [0.5, 0.5],
          ],
        ]),
      ),
    ).toBe(false)
  })
})
