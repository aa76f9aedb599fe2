import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readJson } from '../base/index.js'
import { Device } from '../device/index.js'
import { interpreter } from '../targets/index.js'
import { parseGenerationConfig, sample, type SamplingOptions, write } from './index.js'
import { scatteredWritable } from './testing/table-writable.js'

// What transformers 5.24 writes with the model of scatteredWritable, under options drawn at random, and which
// probabilities its filters of logits leave. HEED_OTHER_WRITING names another file of the same form.

interface Written {
  readonly vocabulary: number
  readonly prompts: readonly (readonly number[])[]
  readonly parameters: Readonly<Record<string, unknown>>
  readonly sequences: readonly (readonly number[])[]
  readonly scores?: readonly number[]
}

interface Filtered {
  readonly logits: readonly number[]
  readonly options: SamplingOptions
  readonly probabilities: readonly number[]
}

const device = new Device(interpreter)
const file = process.env['HEED_OTHER_WRITING'] ?? new URL('fixtures/other-writing.json', import.meta.url)
const { cases, warp } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly cases: readonly Written[]
  readonly warp: readonly Filtered[]
}

describe('texts and scores', () => {
  test.each(cases.map((one, i) => [i, one] as const))('%i', async (_, one) => {
    const { vocabulary, prompts, parameters, sequences, scores } = one
    const json = new TextEncoder().encode(JSON.stringify(parameters))
    const { options } = parseGenerationConfig(readJson(json, { operation: 'test' }))
    const found = await write(scatteredWritable(vocabulary), prompts, { ...options, device })
    const padded = found.map(({ prompt, ids }, i) => {
      const text = [...prompts[prompt]!, ...ids]
      // Where the padding is 0, beam search fills with the first end id.
      const fill = scores === undefined ? 0 : (options.stop?.[0] ?? 0)
      return [...text, ...Array<number>(Math.max(0, sequences[i]!.length - text.length)).fill(fill)]
    })
    expect(padded.map((row) => row.join(' '))).toEqual(sequences.map((row) => row.join(' ')))
    const differences = (scores ?? []).map((score, i) => Math.abs(found[i]!.score! - score))
    expect(Math.max(0, ...differences)).toBeLessThan(1e-4)
  })
})

test('what stays of logits, and how likely it is', () => {
  // Below 1e-9 the place of a token is a matter of rounding.
  for (const { logits, options, probabilities } of warp) {
    const order = probabilities
      .map((probability, id) => ({ probability, id }))
      .filter(({ probability }) => probability > 1e-9)
      .sort((a, b) => b.probability - a.probability || a.id - b.id)
    let before = 0
    for (const { probability, id } of order) {
      // In the middle of each, and near both of its ends.
      for (const part of [0.001, 0.5, 0.999])
        expect(sample(logits, Math.min(before + part * probability, 1 - 2 ** -53), options)).toBe(id)
      before += probability
    }
  }
})
