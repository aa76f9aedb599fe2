import { describe, expect, test } from 'vitest'
import { hasReal, readReal, realNote, weightsFolder } from '../models/testing/real.js'
import { pipeline } from './index.js'

interface Masked {
  readonly masked: readonly { readonly text: string; readonly best: readonly string[] }[]
}

describe.skipIf(!hasReal('splade-tiny', 'splade-tiny'))(`splade-tiny (${realNote})`, () => {
  test('the five likeliest tokens for each mask', async () => {
    const { json } = readReal<Masked>('splade-tiny')
    const fill = await pipeline('fill-mask', weightsFolder('splade-tiny'))
    const found = await fill(json.masked.map(({ text }) => text))
    for (const [i, { text, best }] of json.masked.entries())
      expect(found[i]!.map(({ token_str }) => token_str).join(' '), text).toBe(best.join(' '))
    // transformers 5.24: what its pipeline gives.
    const [city] = await fill('Paris is the [MASK] of France.')
    expect(city!.score).toBeCloseTo(0.1136804, 5)
    fill.dispose()
  })
})

describe.skipIf(!hasReal('rxnmapper', 'rxnmapper-albert'))(`rxnmapper (${realNote})`, () => {
  test('transformers’ pipeline', async () => {
    const fill = await pipeline('fill-mask', weightsFolder('rxnmapper-albert'))
    const found = await fill(['CC(=O)O.OCC>>[MASK]', 'CC[MASK]OCC.[Na]>>CCO'], { top_k: 1 })
    expect(found.map(([best]) => best!.token_str).join(' ')).toBe('[SeH] [IH]')
    expect(found[0]![0]!.score).toBeCloseTo(0.3788516, 5)
    expect(found[1]![0]!.score).toBeCloseTo(0.1815318, 5)
    fill.dispose()
  })
})
