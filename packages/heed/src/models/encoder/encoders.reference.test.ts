import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ggufMetadata, treeTensors } from '../../checkpoint/index.js'
import { ggufBytes, ggufNumbers } from '../../formats/index.js'
import { collect } from '../../observe/index.js'
import { type AnyTensor, concat, scope, type Tensor, tensor, withDevice } from '../../tensor/index.js'
import { devices } from '../../tensor/testing/devices.js'
import {
  architectures,
  encoderOutput,
  type EncoderOptions,
  encoderStates,
  loadEncoder,
  type LoadedEncoder,
  ofFamily,
  outputOf,
  pooledOf,
  readModel,
} from '../index.js'
import { CaseCheck, tolerance, withLegacy, writtenUnlike } from '../testing/difference.js'
import {
  foldersOr,
  idsOf,
  integersOf,
  largestDifference,
  type ModelCase,
  type ModelReference,
  readReference,
  referenceModels,
} from '../testing/reference.js'

const types = architectures()
  .filter(({ family }) => family === 'encoder')
  .flatMap(({ modelTypes }) => modelTypes)

describe.skipIf(referenceModels === undefined).each(foldersOr(types))('%s', (name) => {
  test.each(devices)('%s: states, filters and what the head gives', (_, device) => {
    const reference = readReference(name)
    withDevice(device, () => {
      const loaded = ofFamily(readModel(reference.folder), 'encoder')
      const wrong = reference.cases.flatMap((one) => differences(reference, loaded, one))
      expect(wrong).toEqual([])
    })
  })

  test('texts one after the other, without filling, are what each is alone', async () => {
    const reference = readReference(name)
    const { model, config } = await loadEncoder(reference.folder)
    const texts = reference.cases.flatMap((one) => textsOf(reference, one)).slice(0, 6)
    scope(() => {
      const rows = texts.map(({ ids }) => ids.size('position'))
      const joined = (parts: readonly (Tensor<'batch' | 'position'> | undefined)[]) =>
        parts.some((part) => part === undefined)
          ? undefined
          : concat(parts as Tensor<'batch' | 'position'>[], 'position')
      const together = {
        rows,
        ...(texts[0]!.tokenTypes && { tokenTypes: joined(texts.map(({ tokenTypes }) => tokenTypes)) }),
      }
      const states = encoderStates(model, config, joined(texts.map(({ ids }) => ids))!, together)
      const alone = texts.map(({ ids, ...options }) => encoderStates(model, config, ids, options))
      const difference = (a: AnyTensor, b: AnyTensor): number => {
        const [one, other] = [a, b] as readonly AnyTensor[] as [Tensor, Tensor]
        return largestDifference(one.values(), other.values(one.axes))
      }
      expect(difference(states, concat(alone, 'position'))).toBeLessThan(1e-5)
      if (config.pooler !== undefined)
        expect(
          difference(
            pooledOf(model, config, states, together),
            concat(
              alone.map((one) => pooledOf(model, config, one)),
              'batch',
            ),
          ),
        ).toBeLessThan(1e-5)
      if (config.head === undefined) return
      const made = outputOf(model, config, states, together)
      const each = alone.map((one) => outputOf(model, config, one))
      if (made.kind === 'answer') return
      const parts = each.map((one) => (one as typeof made).logits as Tensor<'batch' | 'position'>)
      const axis = made.kind === 'classification' ? 'batch' : 'position'
      expect(difference(made.logits, concat(parts, axis))).toBeLessThan(tolerance)
    })
  })

  test('is written as it was read', () => {
    expect(writtenUnlike(readModel(readReference(name).folder))).toEqual([])
  })

  test.skipIf(!/^(bert(-seq.*)?|cross-encoder|sentence-.*)$/.test(name))('as GGUF it gives the same', () => {
    const reference = readReference(name)
    const { model, config, architecture, stored } = ofFamily(readModel(reference.folder), 'encoder')
    const written = treeTensors(model, architecture!.bindings(config), { format: 'gguf' })
    const { metadata } = ggufMetadata(stored.config.plain() as Record<string, unknown>)
    const tensors = new Map(
      [...written].map(([one, made]) => [one, ggufNumbers(made.shape, made.toFloat32())] as const),
    )
    const folder = mkdtempSync(join(tmpdir(), 'heed-gguf-'))
    try {
      const file = join(folder, 'model.gguf')
      writeFileSync(file, ggufBytes({ metadata, tensors }))
      const again = ofFamily(readModel(file), 'encoder')
      expect(reference.cases.flatMap((one) => differences(reference, again, one))).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('older spellings of its files give the same', async () => {
    const reference = readReference(name)
    const one = reference.cases[Math.min(2, reference.cases.length - 1)]!
    const wrong = await withLegacy(reference.folder, async (folder) =>
      differences(reference, await loadEncoder(folder), one),
    )
    expect(wrong).toEqual([])
  })
})

function optionsOf(reference: ModelReference, one: ModelCase): EncoderOptions {
  const types = one.inputs['token_type_ids']
  const { values, shape } = integersOf(reference, one.inputs['attention_mask']!)
  const [batch, position] = shape as [number, number]
  return {
    ...(values.includes(0) && { real: tensor(values, { batch, position }, { dtype: 'i32' }) }),
    ...(types !== undefined && { tokenTypes: idsOf(reference, types).ids }),
  }
}

/** Each row of a case, without what it is filled up with. */
function textsOf(
  reference: ModelReference,
  one: ModelCase,
): (EncoderOptions & { readonly ids: Tensor<'batch' | 'position'> })[] {
  const real = integersOf(reference, one.inputs['attention_mask']!)
  const [rows, length] = real.shape as [number, number]
  const types = one.inputs['token_type_ids']
  const cut = (name: string, row: number): Tensor<'batch' | 'position'> => {
    const { values } = integersOf(reference, name)
    const own = values
      .slice(row * length, (row + 1) * length)
      .filter((_, i) => real.values[row * length + i] === 1)
    return tensor(own, { batch: 1, position: own.length }, { dtype: 'i32' })
  }
  return Array.from({ length: rows }, (_, row) => ({
    ids: cut(one.inputs['input_ids']!, row),
    ...(types !== undefined && { tokenTypes: cut(types, row) }),
  }))
}

/** What is further from the reference than it may be. */
function differences(reference: ModelReference, loaded: LoadedEncoder, one: ModelCase): string[] {
  const check = new CaseCheck(reference, one)
  scope(() => {
    const { model, config, attentions } = loaded
    const { ids } = idsOf(reference, one.inputs['input_ids']!)
    const options = optionsOf(reference, one)
    const { result: states, values } = collect(['blocks.*.residualBefore', 'blocks.*.attention.filter'], () =>
      encoderStates(model, config, ids, options),
    )
    for (const [i, expected] of Object.entries((one.outputs['hidden'] ?? {}) as Record<string, string>)) {
      const found = Number(i) === config.layers ? states : values.get(`blocks.${i}.residualBefore`)!
      check.states(found, ['batch', 'position', 'width'], expected)
    }
    for (const [i, expected] of Object.entries((one.outputs['attention'] ?? {}) as Record<string, string>))
      check.filter(values.get(attentions[Number(i)]!.name)!, expected)
    const pooled = one.outputs['pooled']
    if (pooled !== undefined)
      check.states(pooledOf(model, config, states, options), ['batch', 'width'], pooled as string)
    if (config.head === undefined) return
    const made = encoderOutput(model, config, ids, options)
    if (made.kind === 'answer') {
      check.states(made.start, ['batch', 'position'], one.outputs['start_logits'] as string)
      check.states(made.end, ['batch', 'position'], one.outputs['end_logits'] as string)
      return
    }
    const logits = one.outputs['logits'] as string
    // Some cases have the logits of their first texts alone.
    const { shape } = reference.tensors.get(logits)!
    const own = (made.logits as Tensor<'batch'>).slice('batch', 0, shape[0]!)
    const axes = {
      'masked-language': ['batch', 'position', 'vocabulary'],
      classification: ['batch', 'label'],
      token: ['batch', 'position', 'label'],
    }[made.kind]
    check.states(own, axes, logits)
  })
  return check.wrong
}
