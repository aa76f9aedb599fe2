import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { treeTensors } from '../../checkpoint/index.js'
import { KeyValueCache, padding } from '../../nn/index.js'
import { collect } from '../../observe/index.js'
import { type AnyTensor, scope, type Tensor, tensor, withDevice } from '../../tensor/index.js'
import { devices } from '../../tensor/testing/devices.js'
import {
  architectures,
  type DecoderDesign,
  decoderLogits,
  type DecoderOptions,
  loadDecoder,
  ofFamily,
  readModel,
  type LoadedDecoder,
} from '../index.js'
import {
  idsOf,
  integersOf,
  largestDifference,
  type ModelCase,
  type ModelReference,
  readReference,
  foldersOr,
  referenceModels,
} from '../testing/reference.js'

const tolerance = 1e-4
const types = architectures()
  .filter(({ family }) => family === 'decoder')
  .flatMap(({ modelTypes }) => modelTypes)

describe.skipIf(referenceModels === undefined).each(foldersOr(types))('%s', (name) => {
  test.each(devices)('%s: states, filters and logits', (_, device) => {
    const reference = readReference(name)
    withDevice(device, () => {
      const loaded = ofFamily(readModel(reference.folder), 'decoder')
      const wrong = reference.cases.flatMap((one) => differences(reference, loaded, one))
      expect(wrong).toEqual([])
    })
  })

  test('with a cache, token by token', async () => {
    const reference = readReference(name)
    const loaded = await loadDecoder(reference.folder)
    const one = reference.cases.find((each) => each.name === 'len17')!
    const { ids, length } = idsOf(reference, one.inputs['input_ids']!)
    const cache = new KeyValueCache()
    const expected = reference.tensors.get(one.outputs['logits'] as string)!.toFloat32()
    const found = [[0, 5], ...Array.from({ length: length - 5 }, (__, i) => [5 + i, 6 + i])].flatMap(
      ([from, to]) => [
        ...decoderLogits(loaded.model, loaded.config, ids.slice('position', from!, to!), { cache })
          .values()
          .values(),
      ],
    )
    cache.dispose()
    expect(largestDifference(found, expected)).toBeLessThan(tolerance)
  })

  test('is written as it was read', () => {
    const loaded = ofFamily(readModel(join(referenceModels!, name)), 'decoder')
    const written = treeTensors(loaded.model, loaded.architecture!.bindings(loaded.config as DecoderDesign))
    const wrong = loaded.stored.weights(({ tensors }) => {
      const unlike = [...tensors].filter(([one, stored]) => {
        const own = written.get(one)
        return own?.shape.join() !== stored.shape.join() || !equalBits(own.data, stored.toFloat32())
      })
      return [...unlike.map(([one]) => one), ...[...written.keys()].filter((one) => !tensors.has(one))]
    })
    expect(wrong).toEqual([])
  })

  test('older spellings of its files give the same', async () => {
    const reference = readReference(name)
    const folder = mkdtempSync(join(tmpdir(), 'heed-legacy-'))
    try {
      const files = readdirSync(reference.folder)
      for (const file of files)
        if (/^(config|generation_config|model).*json$|^model-.*safetensors$/.test(file))
          copyFileSync(join(reference.folder, file), join(folder, file))
      for (const file of ['config.json', 'model.safetensors']) {
        const legacy = file.replace('.', '.legacy.')
        const from = files.includes(legacy) ? legacy : file
        if (existsSync(join(reference.folder, from)))
          copyFileSync(join(reference.folder, from), join(folder, file))
      }
      const one = reference.cases.find((each) => each.name === 'len7')!
      expect(differences(reference, await loadDecoder(folder), one)).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

function equalBits(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const [first, second] = [a, b].map((one) => Buffer.from(one.buffer, one.byteOffset, one.byteLength))
  return first!.equals(second!)
}

/** What is further from the reference than it may be. */
function differences(reference: ModelReference, loaded: LoadedDecoder, one: ModelCase): string[] {
  const wrong: string[] = []
  scope(() => {
    const { ids, rows, length } = idsOf(reference, one.inputs['input_ids']!)
    const real = integersOf(reference, one.inputs['attention_mask']!).values
    const positions = one.inputs['position_ids']
    const options: DecoderOptions = {
      ...(real.includes(0) && {
        mask: padding(tensor(real, { batch: rows, key: length }, { dtype: 'i32' })),
      }),
      ...(positions !== undefined && { positions: idsOf(reference, positions).ids }),
    }
    const { result: logits, values } = collect(
      ['blocks.*.residualBefore', 'blocks.*.attention.filter', 'finalNorm.output'],
      () => decoderLogits(loaded.model, loaded.config, ids, options),
    )
    const { layers } = loaded.config
    const check = (found: AnyTensor, axes: readonly string[], expected: string): void => {
      const numbers = reference.tensors.get(expected)!.toFloat32()
      const each = numbers.length / (rows * length)
      const perHead = axes.includes('head') ? numbers.length / rows / length / length : 1
      const counts = axes.includes('head')
        ? (i: number) =>
            real[Math.floor(i / (length * length * perHead)) * length + (Math.floor(i / length) % length)] ===
            1
        : (i: number) => real[Math.floor(i / each)] === 1
      const difference = largestDifference((found as Tensor).values(axes), numbers, counts)
      if (!(difference < tolerance)) wrong.push(`${expected}: ${difference}`)
    }
    for (const [i, expected] of Object.entries(one.outputs['hidden'] as Record<string, string>))
      check(
        values.get(Number(i) === layers ? 'finalNorm.output' : `blocks.${i}.residualBefore`)!,
        ['batch', 'position', 'width'],
        expected,
      )
    for (const [i, expected] of Object.entries(one.outputs['attention'] as Record<string, string>))
      check(values.get(loaded.attentions[Number(i)]!.name)!, ['batch', 'head', 'query', 'key'], expected)
    check(logits, ['batch', 'position', 'vocabulary'], one.outputs['logits'] as string)
  })
  return wrong
}
