import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readJson } from '../base/index.js'
import { readSafetensors } from '../formats/index.js'
import { architectures, type Decoder, type LoadedDecoder, ofFamily, readModel } from '../models/index.js'
import { foldersOr, referenceModels } from '../models/testing/reference.js'
import { tensor } from '../tensor/index.js'
import {
  parseGenerationConfig,
  type Writable,
  writable,
  writableTarget,
  writableCaption,
  write,
  type WriteOptions,
  type Written,
} from './index.js'
import { recomputing, recomputingSources } from './testing/recomputing.js'

// What another implementation wrote with models of every architecture that heed runs: ids are equal, scores
// within 1e-4.

/** A case of `generation` in cases.json. */
interface Case {
  readonly name: string
  readonly inputs: {
    readonly input_ids: readonly (readonly number[])[]
    readonly attention_mask: readonly (readonly number[])[]
    readonly pixel_values?: string
  }
  readonly parameters: Readonly<Record<string, unknown>> & { readonly pad_token_id: number }
  readonly sequences: readonly (readonly number[])[]
  readonly sequences_scores?: readonly number[]
}

/** What writes with a folder's model: of an encoder-decoder, for the sources of a case. */
type MakeWritable = (folder: string, one: Case) => Made

interface Made {
  readonly writable: Writable
  readonly prompts: readonly (readonly number[])[]
  /** How many ids of the case's sequences stand before what is written. */
  readonly before: number
}

/** Prompts without the padding at their left. */
const promptsOf = ({ inputs }: Case): number[][] =>
  inputs.input_ids.map((row, i) => row.filter((_, at) => inputs.attention_mask[i]![at] === 1))

const decoders =
  (make: (model: Decoder, config: LoadedDecoder['config']) => Writable): MakeWritable =>
  (folder, one) => {
    const { model, config } = ofFamily(readModel(folder), 'decoder')
    return { writable: make(model, config), prompts: promptsOf(one), before: one.inputs.input_ids[0]!.length }
  }

/** A target for each source, from the start token on. */
const encoderDecoders =
  (make: typeof recomputingSources): MakeWritable =>
  (folder, one) => {
    const { model, config } = ofFamily(readModel(folder), 'encoder-decoder')
    const start = one.parameters['decoder_start_token_id'] as number
    const prompts = one.inputs.input_ids.map(() => [start])
    return { writable: make(model, config, promptsOf(one)), prompts, before: 1 }
  }

/** A caption for each picture, from the start token or a prompt on. */
const captioners: MakeWritable = (folder, one) => {
  const { model, config } = ofFamily(readModel(folder), 'captioner')
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(join(folder, 'expected.safetensors'))))
  const stored = tensors.get(one.inputs.pixel_values!)!
  const [batch, channel, height, width] = stored.shape as [number, number, number, number]
  const pixels = tensor(stored.toFloat32(), { batch, channel, height, width })
  const start = config.start!
  const { input_ids: given } = one.inputs as Partial<Case['inputs']>
  // BLIP puts the start token in the place of a prompt's first, and drops its last.
  const prompts = Array.from({ length: batch }, (_, row) => [start, ...(given?.[row]?.slice(1, -1) ?? [])])
  return { writable: writableCaption(model, config, pixels), prompts, before: prompts[0]!.length }
}

const families: Readonly<Record<string, Readonly<Record<string, MakeWritable>>>> = {
  decoder: { 'with a cache': decoders(writable), 'without a cache': decoders(recomputing) },
  'encoder-decoder': {
    'with a cache': encoderDecoders(writableTarget),
    'without a cache': encoderDecoders(recomputingSources),
  },
  captioner: { 'with a cache': captioners },
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
        const made = make(folder, one)
        expect(difference(one, made, await write(made.writable, made.prompts, optionsOf(one)))).toEqual([])
      })
      const defaults = generation.find((one) => one.name === 'defaults')
      // BLIP's says nothing: not even where a caption ends.
      test.skipIf(defaults === undefined || name === 'blip')('as generation_config.json says', async () => {
        const made = make(folder, defaults!)
        const file = join(folder, 'generation_config.json')
        const { options, decoderStart } = parseGenerationConfig(
          readJson(readFileSync(file), { operation: 'test' }),
        )
        if (family === 'encoder-decoder') expect([[decoderStart]]).toEqual(made.prompts)
        expect(difference(defaults!, made, await write(made.writable, made.prompts, options))).toEqual([])
      })
      test.skipIf(!generation.some(isPlain))('greedy, several ids tried in a step', async () => {
        for (const one of generation.filter(isPlain)) {
          const made = make(folder, one)
          const found = await write(made.writable, made.prompts, { ...optionsOf(one), lookup: true })
          expect(difference(one, made, found)).toEqual([])
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

/** What finished rows are filled with: in beam search with the end id where padding is 0. */
function paddingOf({ parameters }: Case): number {
  const { pad_token_id: padding, num_beams: beams, eos_token_id: end } = parameters
  return padding === 0 && beams !== 1 ? (end as number) : padding
}

/** What is other than expected, row by row; padding on either side doesn't count. */
function difference(one: Case, { before }: Made, found: readonly Written[]): string[] {
  const { sequences, sequences_scores: scores } = one
  if (found.length !== sequences.length) return [`${found.length} texts`]
  return found.flatMap(({ ids, score }, i) => {
    const expected = sequences[i]!.slice(before)
    const filled = [...ids, ...Array<number>(Math.max(0, expected.length - ids.length)).fill(paddingOf(one))]
    const wrong: string[] = []
    if (filled.join() !== expected.join())
      wrong.push(`text ${i}: ${filled.join(' ')} for ${expected.join(' ')}`)
    if (scores !== undefined && !(Math.abs(score! - scores[i]!) < 1e-4))
      wrong.push(`score ${i}: ${score} for ${scores[i]}`)
    return wrong
  })
}
