import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readJson } from '../base/index.js'
import { architectures, type Decoder, type LoadedDecoder, ofFamily, readModel } from '../models/index.js'
import { foldersOr, referenceModels } from '../models/testing/reference.js'
import {
  parseGenerationConfig,
  type Writable,
  writable,
  write,
  type WriteOptions,
  type Written,
} from './index.js'
import { recomputing } from './testing/recomputing.js'

// What another implementation wrote with models of every architecture that heed runs: ids are equal, scores
// within 1e-4.

/** A case of `generation` in cases.json. */
interface Case {
  readonly name: string
  readonly inputs: {
    readonly input_ids: readonly (readonly number[])[]
    readonly attention_mask: readonly (readonly number[])[]
  }
  readonly parameters: Readonly<Record<string, unknown>> & { readonly pad_token_id: number }
  readonly sequences: readonly (readonly number[])[]
  readonly sequences_scores?: readonly number[]
}

/** What writes with a folder's model: of an encoder-decoder, for the sources of a case. */
type MakeWritable = (folder: string, one: Case) => { writable: Writable; prompts: number[][] }

/** Prompts without the padding at their left. */
const promptsOf = ({ inputs }: Case): number[][] =>
  inputs.input_ids.map((row, i) => row.filter((_, at) => inputs.attention_mask[i]![at] === 1))

const decoder =
  (make: (model: Decoder, config: LoadedDecoder['config']) => Writable): MakeWritable =>
  (folder, one) => {
    const { model, config } = ofFamily(readModel(folder), 'decoder')
    return { writable: make(model, config), prompts: promptsOf(one) }
  }
const families: Readonly<Record<string, Readonly<Record<string, MakeWritable>>>> = {
  decoder: { 'with a cache': decoder(writable), 'without a cache': decoder(recomputing) },
}

for (const [family, ways] of Object.entries(families)) {
  const types = architectures()
    .filter((architecture) => architecture.family === family)
    .flatMap(({ modelTypes }) => modelTypes)
  describe.skipIf(referenceModels === undefined).each(foldersOr(types))('%s', (name) => {
    describe.each(Object.entries(ways))('%s', (_, make) => {
      const folder = join(referenceModels ?? '', name)
      const generation = casesOf(folder)
      const orNone = generation.length === 0 ? [{ name: 'no case of generation' } as Case] : generation
      test.skipIf(generation.length === 0).each(orNone)('$name', async (one) => {
        const { writable: model, prompts } = make(folder, one)
        expect(difference(one, prompts, await write(model, prompts, optionsOf(one)))).toEqual([])
      })
      test.skipIf(!generation.some(isPlain))('greedy, several ids tried in a step', async () => {
        for (const one of generation.filter(isPlain)) {
          const { writable: model, prompts } = make(folder, one)
          const found = await write(model, prompts, { ...optionsOf(one), lookup: true })
          expect(difference(one, prompts, found)).toEqual([])
        }
      })
    })
  })
}

function casesOf(folder: string): readonly Case[] {
  const file = join(folder, 'cases.json')
  if (!existsSync(file)) return []
  const { generation = [] } = JSON.parse(readFileSync(file, 'utf8')) as { generation?: readonly Case[] }
  return generation
}

function isPlain({ parameters }: Case): boolean {
  return parameters['num_beams'] === 1
}

function optionsOf({ parameters }: Case): WriteOptions {
  const bytes = new TextEncoder().encode(JSON.stringify(parameters))
  return parseGenerationConfig(readJson(bytes, { operation: 'test' })).options
}

/** What is other than expected, row by row; padding on either side doesn't count. */
function difference(one: Case, prompts: readonly (readonly number[])[], found: readonly Written[]): string[] {
  const { sequences, sequences_scores: scores, parameters } = one
  if (found.length !== sequences.length) return [`${found.length} texts`]
  const per = sequences.length / prompts.length
  const padded = one.inputs.input_ids[0]!.length
  return found.flatMap(({ ids, score }, i) => {
    const prompt = prompts[Math.floor(i / per)]!
    const expected = sequences[i]!.slice(sequences[i]!.length === 0 ? 0 : Math.max(padded, prompt.length))
    const filled = [
      ...ids,
      ...Array<number>(Math.max(0, expected.length - ids.length)).fill(parameters.pad_token_id),
    ]
    const wrong: string[] = []
    if (filled.join() !== expected.join())
      wrong.push(`text ${i}: ${filled.join(' ')} for ${expected.join(' ')}`)
    if (scores !== undefined && !(Math.abs(score! - scores[i]!) < 1e-4))
      wrong.push(`score ${i}: ${score} for ${scores[i]}`)
    return wrong
  })
}
