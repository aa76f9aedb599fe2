import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSafetensors, type SafetensorsTensor } from '../../formats/index.js'
import { write, writableTarget } from '../../generation/index.js'
import { collect } from '../../observe/index.js'
import { type AnyTensor, scope, tensor, type Tensor } from '../../tensor/index.js'
import {
  encodeSource,
  type LoadedEncoderDecoder,
  ofFamily,
  readModel,
  sourceIds,
  targetLogits,
} from '../index.js'
import { largestDifference } from '../testing/reference.js'

// Translation with the weights that a browser translates with: states, filters, logits and texts are those of
// another implementation, which translates as the original engine does in floats.

const shared = process.env['HEED_SHARED']
const weights = process.env['HEED_REFERENCE_WEIGHTS']
const reference = shared && join(shared, 'reference/real/bergamot')

interface Sentence {
  readonly text: string
  readonly ids: readonly number[]
  readonly translation_ids: readonly number[]
  readonly translation: string
  readonly smallest_gap: number
}
interface Cases {
  readonly tolerance: Readonly<Record<string, number | string>>
  readonly directions: Readonly<
    Record<
      string,
      {
        readonly folder: string
        readonly sentences: readonly Sentence[]
        readonly translations_of_pairs: readonly string[]
      }
    >
  >
}

const end = 0
const unknown = 1
const directions = ['en-pt', 'pt-en'] as const

describe.each(directions)('Bergamot, %s', (pair) => {
  const folder = weights && join(weights, `bergamot-${pair}`)
  const why =
    reference === undefined || !existsSync(reference)
      ? ' (set HEED_SHARED to the folder of references)'
      : folder === undefined || !existsSync(folder)
        ? ' (set HEED_REFERENCE_WEIGHTS to the folder of weights)'
        : ''
  const cases = (): Cases => JSON.parse(readFileSync(join(reference!, 'cases.json'), 'utf8')) as Cases
  const load = (): LoadedEncoderDecoder => ofFamily(readModel(folder!), 'encoder-decoder')

  /** Greedy, without the unknown word; at most 2.5 times as long as the source. */
  const translate = async (
    { model, config }: LoadedEncoderDecoder,
    sources: readonly (readonly number[])[],
  ): Promise<number[][]> => {
    const limits = sources.map(({ length }) => Math.floor(2.5 * length))
    const written = await write(
      writableTarget(model, config, sources),
      sources.map(() => [config.start!]),
      { temperature: 0, tokens: Math.max(...limits), stop: [end], suppressed: [unknown] },
    )
    return written.map(({ ids }, row) => ids.slice(0, limits[row]!))
  }

  test.skipIf(why !== '')(`states, filters and logits${why}`, () => {
    const { directions: all, tolerance } = cases()
    const { tensors } = readSafetensors(
      new Uint8Array(readFileSync(join(reference!, 'expected.safetensors'))),
    )
    const { model, config, attentions } = load()
    const { sentences } = all[pair]!
    const told = [...tensors.keys()].filter((name) => name.startsWith(pair) && name.endsWith('alignment'))
    expect(told.length).toBeGreaterThan(0)
    for (const name of told) {
      const number = name.split('.')[1]!
      const { ids, translation_ids: translation } = sentences[Number(number)]!
      scope(() => {
        const idsOf = (list: readonly number[]): Tensor<'batch' | 'position'> =>
          tensor(list, { batch: 1, position: list.length }, { dtype: 'i32' })
        const target = [config.start!, ...translation.slice(0, -1)]
        const { result: logits, values } = collect(
          ['*.blocks.*.residualBefore', '*.blocks.*.residualAfter', '*.blocks.*.*.filter'],
          () => targetLogits(model, config, idsOf(target), encodeSource(model, config, idsOf(ids))),
        )
        const stored = (kind: string): SafetensorsTensor => tensors.get(`${pair}.${number}.${kind}`)!
        const layerOf = (kind: string, layer: number): Float32Array => {
          const { shape } = stored(kind)
          const size = shape.slice(1).reduce((product, one) => product * one, 1)
          return stored(kind)
            .toFloat32()
            .subarray(layer * size, (layer + 1) * size)
        }
        const check = (
          at: string,
          axes: readonly string[],
          kind: string,
          layer: number,
          most: unknown,
        ): void => {
          const found = (values.get(at) as AnyTensor as Tensor).values(axes)
          expect(largestDifference(found, layerOf(kind, layer)), at).toBeLessThan(most as number)
        }
        for (const stack of ['encoder', 'decoder'] as const)
          for (let layer = 0; layer <= config[stack].blocks.length; layer++) {
            const at = layer === 0 ? '0.residualBefore' : `${layer - 1}.residualAfter`
            const most = tolerance['hidden states']
            check(`${stack}.blocks.${at}`, ['batch', 'position', 'width'], `${stack}.hidden`, layer, most)
          }
        const axes = ['batch', 'head', 'query', 'key']
        for (const { name: at, kind, layer } of attentions)
          check(at, axes, kind === 'cross' ? 'cross.filters' : 'encoder.filters', layer, tolerance['filters'])
        // The first head of the last layer aligns the words.
        const last = values.get(attentions.at(-1)!.name)!.withAxes('batch', 'head', 'query', 'key')
        const alignment = last.at('head', 0).values(['batch', 'query', 'key'])
        expect(largestDifference(alignment, stored('alignment').toFloat32())).toBeLessThan(1e-4)
        const [top, expected] = [stored('top_ids').toFloat32(), stored('top_logits').toFloat32()]
        const numbers = logits.values(['batch', 'position', 'vocabulary'])
        const found = Array.from(top, (id, i) => numbers[Math.floor(i / 10) * config.vocabulary + id]!)
        expect(largestDifference(found, expected)).toBeLessThan(tolerance['logits'] as number)
      })
    }
  })

  test.skipIf(why !== '')(`sentences, all in one batch${why}`, async () => {
    const loaded = load()
    const { sentences } = cases().directions[pair]!
    const sources = sentences.map(({ text }) => sourceIds(loaded.config, loaded.tokenizer.encode(text).ids))
    sources.forEach((ids, i) => expect(ids.join(' ')).toBe(sentences[i]!.ids.join(' ')))
    const found = await translate(loaded, sources)
    found.forEach((ids, i) => {
      const { translation_ids: expected, smallest_gap: gap, translation } = sentences[i]!
      if (gap < 5e-3 && ids.join() !== expected.join()) return
      expect(ids.join(' ')).toBe(expected.join(' '))
      expect(loaded.tokenizer.decode(ids.filter((id) => id !== end))).toBe(translation)
    })
  })

  test.skipIf(why !== '')(
    `a hundred sentences, as good as the original${why}`,
    { timeout: 120_000 },
    async () => {
      const loaded = load()
      const pairs = JSON.parse(readFileSync(join(reference!, 'pairs.json'), 'utf8')) as (readonly [
        string,
        string,
      ])[]
      const texts = pairs.map(([english, other]) => (pair === 'en-pt' ? english : other))
      const found = await translate(
        loaded,
        texts.map((text) => sourceIds(loaded.config, loaded.tokenizer.encode(text).ids)),
      )
      const expected = cases().directions[pair]!.translations_of_pairs
      const other = found.filter(
        (ids, i) => loaded.tokenizer.decode(ids.filter((id) => id !== end)) !== expected[i],
      )
      // The same texts have the same BLEU; where two words are as likely, one of a hundred may part.
      expect(other.length).toBeLessThanOrEqual(1)
    },
  )
})
