import { describe, expect, test } from 'vitest'
import { KeyValueCache, padding } from '../../nn/index.js'
import { collect } from '../../observe/index.js'
import { scope, tensor, withDevice } from '../../tensor/index.js'
import { devices } from '../../tensor/testing/devices.js'
import {
  architectures,
  decoderLogits,
  type DecoderOptions,
  loadDecoder,
  ofFamily,
  readModel,
  type LoadedDecoder,
} from '../index.js'
import { CaseCheck, tolerance, withLegacy, writtenUnlike } from '../testing/difference.js'
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
    const one = wholeCase(reference)
    const { ids, length } = idsOf(reference, one.inputs['input_ids']!)
    const cache = new KeyValueCache()
    const expected = reference.tensors.get(one.outputs['logits'] as string)!.toFloat32()
    const first = Math.min(5, length - 1)
    const rest = Array.from({ length: length - first }, (__, i) => [first + i, first + i + 1])
    const found = [[0, first], ...rest].flatMap(([from, to]) => [
      ...decoderLogits(loaded.model, loaded.config, ids.slice('position', from!, to!), { cache })
        .values()
        .values(),
    ])
    cache.dispose()
    expect(largestDifference(found, expected)).toBeLessThan(tolerance)
  })

  test('is written as it was read', () => {
    expect(writtenUnlike(readModel(readReference(name).folder))).toEqual([])
  })

  test('older spellings of its files give the same', async () => {
    const reference = readReference(name)
    const one = wholeCase(reference)
    const wrong = await withLegacy(reference.folder, async (folder) =>
      differences(reference, await loadDecoder(folder), one),
    )
    expect(wrong).toEqual([])
  })
})

/** The longest case of one row whose logits are there for every position, and no row is filled up. */
function wholeCase(reference: ModelReference): ModelCase {
  const whole = reference.cases.filter((one) => {
    const { values, shape } = integersOf(reference, one.inputs['attention_mask']!)
    return shape[0] === 1 && shape[1]! > 2 && !values.includes(0)
  })
  const lengthOf = (one: ModelCase): number => integersOf(reference, one.inputs['input_ids']!).shape[1]!
  return whole.sort((a, b) => lengthOf(b) - lengthOf(a))[0]!
}

/** What is further from the reference than it may be. */
function differences(reference: ModelReference, loaded: LoadedDecoder, one: ModelCase): string[] {
  const check = new CaseCheck(reference, one)
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
    for (const [i, expected] of Object.entries(one.outputs['hidden'] as Record<string, string>))
      check.states(
        values.get(Number(i) === layers ? 'finalNorm.output' : `blocks.${i}.residualBefore`)!,
        ['batch', 'position', 'width'],
        expected,
      )
    for (const [i, expected] of Object.entries(one.outputs['attention'] as Record<string, string>))
      check.filter(values.get(loaded.attentions[Number(i)]!.name)!, expected)
    check.states(logits, ['batch', 'position', 'vocabulary'], one.outputs['logits'] as string)
  })
  return check.wrong
}
