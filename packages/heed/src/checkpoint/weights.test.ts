import { describe, expect, test } from 'vitest'
import { f16ToF32, f32ToF16, FormatError, randomKey } from '../base/index.js'
import { normal, scope, tensor, zeros, type Tensor } from '../tensor/index.js'
import { readSafetensors, writeSafetensors } from '../formats/index.js'
import { loadWeights, saveWeights } from './weights.js'

interface Model {
  readonly embedding: Tensor<'vocabulary' | 'width'>
  readonly blocks: readonly { readonly weight: Tensor<'width' | 'hidden'>; readonly ids: Tensor<'width'> }[]
  readonly scale: Tensor<never>
}
const make = (seed: number): Model => ({
  embedding: normal(randomKey(seed), { vocabulary: 7, width: 4 }),
  blocks: [0, 1].map((i) => ({
    weight: normal(randomKey(seed, i), { width: 4, hidden: 3 }),
    ids: tensor([1, 2, 3, i], { width: 4 }, { dtype: 'i32' }),
  })),
  scale: tensor([0.1 * seed], {}) as Tensor<never>,
})

describe('weights', () => {
  test('come back bit for bit, in a tree of the same form', () =>
    scope(() => {
      const model = make(1)
      const loaded = loadWeights(saveWeights(model), make(2))
      expect(loaded.embedding.values()).toEqual(model.embedding.values())
      expect(loaded.embedding.shape).toEqual(model.embedding.shape)
      expect(loaded.blocks[1]!.weight.values()).toEqual(model.blocks[1]!.weight.values())
      expect(loaded.blocks[1]!.ids.values()).toEqual(Int32Array.of(1, 2, 3, 1))
      expect(loaded.scale.item()).toBe(Math.fround(0.1))
    }))

  test('that are tied are stored once and stay tied', () =>
    scope(() => {
      const tied = (seed: number): { first: Tensor<'a'>; other: Tensor<'a'>; again: Tensor<'a'> } => {
        const first = normal(randomKey(seed), { a: 3 })
        return { first, other: normal(randomKey(seed, 1), { a: 3 }), again: first }
      }
      const model = tied(1)
      const bytes = saveWeights(model)
      expect([...readSafetensors(bytes).tensors.keys()].sort()).toEqual(['first', 'other'])
      const loaded = loadWeights(bytes, tied(2))
      expect(loaded.again).toBe(loaded.first)
      expect(loaded.first.values()).toEqual(model.first.values())
      // A file that has both is taken, too; a tree that is not tied needs both.
      const both = saveWeights({ ...model, again: normal(randomKey(3), { a: 3 }) })
      expect(loadWeights(both, tied(2)).again.values()).toEqual(model.first.values())
      expect(() => loadWeights(bytes, { ...tied(2), again: zeros({ a: 3 }) })).toThrow(/'again'/)
    }))

  test('are halved on request, and read as f32', () =>
    scope(() => {
      const model = make(1)
      const bytes = saveWeights(model, { dtype: 'f16', metadata: { note: 'halved' } })
      const { tensors, metadata } = readSafetensors(bytes)
      expect(tensors.get('embedding')!.dtype).toBe('f16')
      expect(tensors.get('blocks.0.ids')!.dtype).toBe('i32')
      expect(metadata.get('note')).toBe('halved')
      const loaded = loadWeights(bytes, make(2))
      expect(loaded.embedding.dtype).toBe('f32')
      expect([...loaded.embedding.values()]).toEqual(
        [...model.embedding.values()].map((value) => f16ToF32(f32ToF16(value))),
      )
    }))

  test('are told apart by the names of their axes, not by their order', () =>
    scope(() => {
      const model = { weight: normal(randomKey(1), { width: 4, hidden: 3 }) }
      const turned = loadWeights(saveWeights(model), { weight: zeros({ hidden: 3, width: 4 }) })
      expect(turned.weight.values(['width', 'hidden'])).toEqual(model.weight.values())
    }))

  test('another model is refused, by name', () =>
    scope(() => {
      const bytes = saveWeights(make(1))
      const other = { ...make(2), extra: zeros({ width: 4 }) }
      expect(() => loadWeights(bytes, other, { file: 'm.safetensors' })).toThrow(FormatError)
      expect(() => loadWeights(bytes, other)).toThrow(
        /expected tensors 'extra', found a file of 'blocks.0.ids'/,
      )
      expect(() => loadWeights(bytes, { scale: make(2).scale })).toThrow(/also 'blocks.0.ids'/)
      const wider = { ...make(2), embedding: zeros({ vocabulary: 8, width: 4 }) }
      expect(() => loadWeights(bytes, wider)).toThrow(
        /expected 'embedding' with vocabulary 8, width 4, found vocabulary 7, width 4/,
      )
      const renamed = { ...make(2), embedding: zeros({ token: 7, width: 4 }) }
      expect(() => loadWeights(bytes, renamed as never)).toThrow(/with token 7, width 4/)
    }))

  test.each(['{', '7', '{"x": [1]}', 'null'])('metadata that are not what they should be: %s', (text) => {
    const bytes = writeSafetensors(
      new Map([['x', { dtype: 'f32', shape: [1], data: new Float32Array(1) }]]),
      new Map([['heed.axes', text]]),
    )
    expect(() => loadWeights(bytes, { x: zeros({ a: 1 }) })).toThrow(FormatError)
  })
})
