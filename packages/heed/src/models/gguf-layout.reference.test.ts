import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { leavesOf } from '../base/index.js'
import { ggufArchitectures } from '../checkpoint/index.js'
import { ggufFromHub, hubNames } from '../checkpoint/testing/gguf-from-hub.js'
import { ggufLayouts } from '../checkpoint/testing/gguf-layouts.js'
import { type FileTensor, ggufBytes, openWeights, readGguf, withGguf, writeGguf } from '../formats/index.js'
import { isTensor, type Tensor } from '../tensor/index.js'
import { architectures, convertCheckpoint, readModel } from './index.js'
import { foldersOr, referenceModels } from './testing/reference.js'

// GGUF files that were written another way than by bindings, as llama.cpp converts: heed reads the same
// weights.

const types = [...ggufArchitectures.values()].flatMap(({ modelTypes }) => modelTypes)

test('bindings have the names that GGUF has', () => {
  const wrong: string[] = []
  for (const { name, gguf } of architectures()) {
    const known = (gguf ?? []).flatMap((one) => (ggufLayouts[one] === undefined ? [] : [ggufLayouts[one]]))
    if (gguf !== undefined && known.length !== gguf.length) wrong.push(`${name}: ${gguf.join()}`)
  }
  expect(wrong).toEqual([])
})

describe.skipIf(referenceModels === undefined).each(foldersOr(types))('%s', (name) => {
  // llama.cpp has no form for the heads of these.
  test.skipIf(/token-classification|answering/.test(name))(
    'has the same weights as a GGUF file',
    async () => {
      const temporary = mkdtempSync(join(tmpdir(), 'heed-gguf-'))
      try {
        const folder = join(referenceModels!, name)
        const path = join(temporary, 'model.gguf')
        const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<
          string,
          unknown
        >
        await openWeights(folder, ({ tensors }) => writeGguf(path, ggufFromHub(config, tensors)))
        const [one, other] = [folder, path].map((from) => leavesOf<Tensor>(readModel(from).model, isTensor))
        expect(other!.size).toBeGreaterThan(10)
        expect([...other!].filter(([at, leaf]) => differs(one!.get(at), leaf)).map(([at]) => at)).toEqual([])
        // GGUF has no head that guesses masked words.
        expect([...one!.keys()].filter((at) => !other!.has(at) && !/^(head|pooler)\b/.test(at))).toEqual([])
      } finally {
        rmSync(temporary, { recursive: true })
      }
    },
  )

  test('is written with the tensors that llama.cpp has', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'heed-gguf-'))
    try {
      const folder = join(referenceModels!, name)
      const path = join(temporary, 'model.gguf')
      const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>
      const written = convertCheckpoint(folder, path, { type: 'f32' })
      if (/token-classification|answering/.test(name)) {
        await expect(written).rejects.toThrow('those of a head that classifies')
        return
      }
      await written
      openWeights(folder, ({ tensors }) => {
        const wanted = readGguf(ggufBytes(ggufFromHub(config, tensors))).tensors
        withGguf(path, ({ tensors: own }) => {
          expect([...own.keys()].sort()).toEqual([...wanted.keys()].sort())
          const other = [...own].filter(([at, tensor]) => !sameNumbers(tensor, wanted.get(at)!))
          expect(other.map(([at]) => at)).toEqual([])
        })
      })
    } finally {
      rmSync(temporary, { recursive: true })
    }
  })
})

function sameNumbers(one: FileTensor, other: FileTensor): boolean {
  const numbers = other.toFloat32()
  return (
    one.shape.join() === other.shape.join() && one.toFloat32().every((number, i) => number === numbers[i])
  )
}

/** Whether numbers differ by more than a rounding: Gemma's norms are kept as 1 + weight. */
function differs(one: Tensor | undefined, other: Tensor): boolean {
  if (one === undefined) return true
  const others = other.values()
  return one
    .values(other.axes)
    .some((value, i) => Math.abs(value - others[i]!) > 2e-7 * Math.max(1, Math.abs(value)))
}

test('a name of the hub has one in GGUF, with prefix or without', () => {
  const llama = hubNames(ggufLayouts['llama']!)
  expect(llama('model.layers.12.self_attn.q_proj.weight')).toBe('blk.12.attn_q.weight')
  expect(llama('layers.0.post_attention_layernorm.weight')).toBe('blk.0.ffn_norm.weight')
  const bert = hubNames(ggufLayouts['bert']!)
  expect(bert('bert.embeddings.LayerNorm.gamma')).toBe('token_embd_norm.weight')
  expect([bert('encoder.layer.3.output.dense.bias'), bert('other.weight')]).toEqual([
    'blk.3.ffn_down.bias',
    undefined,
  ])
})
