import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { KeyValueCache, padding } from '../../nn/index.js'
import { collect } from '../../observe/index.js'
import { type AnyTensor, type Mask, scope, type Tensor, withDevice } from '../../tensor/index.js'
import { devices } from '../../tensor/testing/devices.js'
import {
  architectures,
  encoderDecoderLoss,
  encodeSource,
  type LoadedEncoderDecoder,
  ofFamily,
  readModel,
  shiftedLabels,
  targetLogits,
} from '../index.js'
import {
  foldersOr,
  idsOf,
  integersOf,
  type ModelCase,
  type ModelReference,
  readReference,
  referenceModels,
} from '../testing/reference.js'

const tolerance = 1e-4
const types = architectures()
  .filter(({ family }) => family === 'encoder-decoder')
  .flatMap(({ modelTypes }) => modelTypes)
const load = (folder: string): LoadedEncoderDecoder => ofFamily(readModel(folder), 'encoder-decoder')

describe.skipIf(referenceModels === undefined).each(foldersOr(types))('%s', (name) => {
  test.each(devices)('%s: states, filters, logits, labels and loss', (_, device) => {
    const reference = readReference(name)
    withDevice(device, () => {
      const loaded = load(reference.folder)
      expect(reference.cases.flatMap((one) => differences(reference, loaded, one))).toEqual([])
    })
  })

  test('with a cache, token by token', () => {
    const reference = readReference(name)
    const loaded = load(reference.folder)
    const wrong = reference.cases.flatMap((one) => {
      const { decoder_input_ids: target, decoder_attention_mask: padded } = one.inputs
      if (target === undefined || padded !== undefined) return []
      return scope(() => {
        const { source, sourceMask } = sourceOf(reference, loaded, one)
        const { ids, rows, length } = idsOf(reference, target)
        const cache = new KeyValueCache()
        const first = Math.min(3, length)
        const parts = [first, ...Array<number>(length - first).fill(1)].map((count) => {
          const part = ids.slice('position', cache.length, cache.length + count)
          return targetLogits(loaded.model, loaded.config, part, source, { cache, sourceMask })
        })
        cache.dispose()
        const found = Array.from({ length: rows }, (_, row) =>
          parts.flatMap((part) => [...part.at('batch', row).values(['position', 'vocabulary'])]),
        ).flat()
        const expected = reference.tensors.get(one.outputs['logits'] as string)!.toFloat32()
        const difference = largestAbsolute(found, expected)
        return difference < tolerance ? [] : [`${one.name}: ${difference}`]
      })
    })
    expect(wrong).toEqual([])
  })

  test('older spellings of its files give the same', () => {
    const reference = readReference(name)
    const folder = mkdtempSync(join(tmpdir(), 'heed-legacy-'))
    try {
      for (const file of ['config.json', 'model.safetensors']) {
        const legacy = join(reference.folder, file.replace('.', '.legacy.'))
        copyFileSync(existsSync(legacy) ? legacy : join(reference.folder, file), join(folder, file))
      }
      const legacy = load(folder)
      expect(reference.cases.flatMap((one) => differences(reference, legacy, one))).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

/** Absolute, whatever the size of the numbers: `counts(i)` says whether number i is compared. */
function largestAbsolute(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  counts: (index: number) => boolean = () => true,
): number {
  if (found.length !== expected.length) return Infinity
  let largest = 0
  for (let i = 0; i < found.length; i++) {
    if (!counts(i)) continue
    const difference = Math.abs(found[i]! - expected[i]!)
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference
  }
  return largest
}

/** The encoded source of a case, and which of its positions count. */
function sourceOf(
  reference: ModelReference,
  { model, config }: LoadedEncoderDecoder,
  { inputs }: ModelCase,
): { readonly source: Tensor<'batch' | 'position' | 'width'>; readonly sourceMask: Mask | undefined } {
  const { ids } = idsOf(reference, inputs['input_ids']!)
  const mask = maskOf(reference, inputs['attention_mask'])
  return { source: encodeSource(model, config, ids, { mask }), sourceMask: mask }
}

function maskOf(reference: ModelReference, name: string | undefined): Mask | undefined {
  if (name === undefined) return undefined
  const { ids: real } = idsOf(reference, name)
  return real.values().includes(0 as never) ? (padding(real) as Mask) : undefined
}

/** What is further from the reference than it may be. */
function differences(reference: ModelReference, loaded: LoadedEncoderDecoder, one: ModelCase): string[] {
  const wrong: string[] = []
  const { model, config, attentions } = loaded
  const { inputs, outputs } = one
  const say = (name: string, difference: number): void => {
    if (!(difference < tolerance)) wrong.push(`${name}: ${difference}`)
  }
  scope(() => {
    if (inputs['labels'] !== undefined) {
      const { ids: labels } = idsOf(reference, inputs['labels'])
      const shifted = shiftedLabels(config, labels)
      const { values } = integersOf(reference, outputs['shifted_labels'] as string)
      if (shifted.values().join() !== values.join()) wrong.push('shifted labels')
      const { source, sourceMask } = sourceOf(reference, loaded, one)
      const logits = targetLogits(model, config, shifted, source, { sourceMask })
      const expected = (name: string): Float32Array =>
        reference.tensors.get(outputs[name] as string)!.toFloat32()
      say('logits', largestAbsolute(logits.values(['batch', 'position', 'vocabulary']), expected('logits')))
      const { ids } = idsOf(reference, inputs['input_ids']!)
      const loss = encoderDecoderLoss(model, config, ids, labels, { mask: sourceMask })
      say('loss', largestAbsolute([loss.item()], expected('loss')))
      return
    }
    const target = idsOf(reference, inputs['decoder_input_ids']!)
    const { result: logits, values } = collect(
      [
        '*.blocks.*.residualBefore',
        '*.blocks.*.residualAfter',
        '*.blocks.*.*.filter',
        ...(config.encoder.finalNorm === undefined ? [] : ['*.finalNorm.output']),
      ],
      () => {
        const { source, sourceMask } = sourceOf(reference, loaded, one)
        const mask = maskOf(reference, inputs['decoder_attention_mask'])
        return targetLogits(model, config, target.ids, source, { sourceMask, mask })
      },
    )
    const realOf = (name: string | undefined, length: number): ArrayLike<number> =>
      name === undefined ? new Int32Array(length).fill(1) : integersOf(reference, name).values
    const check = (found: AnyTensor, axes: readonly string[], expected: string, side: string): void => {
      const numbers = reference.tensors.get(expected)!.toFloat32()
      const positions = (found as Tensor).size(axes.includes('query') ? 'query' : 'position')
      const rows = (found as Tensor).size('batch')
      const real =
        side === 'source'
          ? realOf(inputs['attention_mask'], rows * positions)
          : realOf(inputs['decoder_attention_mask'], rows * positions)
      const each = numbers.length / (rows * positions)
      const counts = axes.includes('query')
        ? (i: number): boolean => {
            const keys = (found as Tensor).size('key')
            const heads = (found as Tensor).size('head')
            const row = Math.floor(i / (heads * positions * keys))
            return real[row * positions + (Math.floor(i / keys) % positions)] === 1
          }
        : (i: number): boolean => real[Math.floor(i / each)] === 1
      say(`${one.name} ${expected}`, largestAbsolute((found as Tensor).values(axes), numbers, counts))
    }
    const filters = {
      'encoder.attention': attentions.filter(({ keys, kind }) => kind === 'self' && keys === 'source'),
      'decoder.attention': attentions.filter(({ keys, kind }) => kind === 'self' && keys === 'target'),
      'cross.attention': attentions.filter(({ kind }) => kind === 'cross'),
    }
    for (const [output, places] of Object.entries(filters))
      for (const [i, expected] of Object.entries((outputs[output] ?? {}) as Record<string, string>)) {
        const { name, queries } = places[Number(i)]!
        check(values.get(name)!, ['batch', 'head', 'query', 'key'], expected, queries)
      }
    for (const stack of ['encoder', 'decoder'] as const) {
      const hidden = outputs[`${stack}.hidden`] ?? {}
      const layers = config[stack].blocks.length
      for (const [i, expected] of Object.entries(hidden as Record<string, string>)) {
        const at =
          Number(i) < layers
            ? `${stack}.blocks.${i}.residualBefore`
            : config[stack].finalNorm === undefined
              ? `${stack}.blocks.${layers - 1}.residualAfter`
              : `${stack}.finalNorm.output`
        check(
          values.get(at)!,
          ['batch', 'position', 'width'],
          expected,
          stack === 'encoder' ? 'source' : 'target',
        )
      }
    }
    check(logits, ['batch', 'position', 'vocabulary'], outputs['logits'] as string, 'target')
  })
  return wrong
}
