import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FormatError, ShapeError } from '../base/index.js'
import { scope, tensor, zeros } from '../tensor/index.js'
import { readSafetensors, type StoredTensor, withSafetensors, writeSafetensors } from './safetensors.js'
import { loadWeights, saveWeights } from './weights.js'

const stored = new Map<string, StoredTensor>([
  ['half', { dtype: 'f16', shape: [2, 2], data: Uint16Array.of(0x3c00, 0x4000, 0xc000, 0) }],
  ['ids', { dtype: 'i32', shape: [3], data: Int32Array.of(1, -2, 3) }],
  ['weight', { dtype: 'f32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6.5) }],
])

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heed-bytes-'))
  path = join(folder, 'model.safetensors')
})
afterEach(() => rm(folder, { recursive: true }))

describe('a file on the disk', () => {
  test('reads as the same bytes in memory do', async () => {
    const bytes = writeSafetensors(stored, new Map([['made', 'here']]))
    await writeFile(path, bytes)
    const whole = readSafetensors(bytes)
    withSafetensors(path, ({ tensors, metadata }) => {
      expect(metadata).toEqual(whole.metadata)
      expect([...tensors.keys()]).toEqual([...whole.tensors.keys()])
      for (const [name, { data }] of tensors) expect(data).toEqual(whole.tensors.get(name)!.data)
    })
  })

  test('gives tensors of any axes that have as many numbers', async () => {
    await writeFile(path, writeSafetensors(stored))
    scope(() =>
      withSafetensors(path, ({ tensors }) => {
        const weight = tensors.get('weight')!
        const split = weight.toTensor({ row: 2, head: 3, width: 1 })
        expect(split.shape).toEqual({ row: 2, head: 3, width: 1 })
        expect([...split.values()]).toEqual([1, 2, 3, 4, 5, 6.5])
        expect([...weight.toTensor({ row: 6 }, 'f16').values()]).toEqual([1, 2, 3, 4, 5, 6.5])
        expect([...tensors.get('half')!.toTensor({ row: 4 }).values()]).toEqual([1, 2, -2, 0])
        expect([...tensors.get('half')!.toTensor({ row: 4 }, 'f16').values()]).toEqual([1, 2, -2, 0])
        expect([...tensors.get('ids')!.toTensor({ token: 3 }, 'i32').values()]).toEqual([1, -2, 3])
        expect(() => weight.toTensor({ row: 7 })).toThrow(ShapeError)
        expect(() => weight.toTensor({ row: 6 }, 'i32')).toThrow(FormatError)
      }),
    )
  })

  test('fills a model by its path', async () => {
    const model = {
      weight: tensor([1, 2, 3, 4], { row: 2, column: 2 }),
      ids: tensor([7], { token: 1 }, { dtype: 'i32' }),
    }
    await writeFile(path, saveWeights(model))
    const like = { weight: zeros({ row: 2, column: 2 }), ids: zeros({ token: 1 }, { dtype: 'i32' }) }
    const loaded = loadWeights(path, like)
    expect([...loaded.weight.values()]).toEqual([1, 2, 3, 4])
    expect([...loaded.ids.values()]).toEqual([7])
  })

  test('is refused where it is not there, is cut short, or loses bytes meanwhile', async () => {
    expect(() => withSafetensors(path, () => 0)).toThrow(FormatError)
    const bytes = writeSafetensors(stored)
    for (const length of [0, 7, 8, 50, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, length))
      expect(() => withSafetensors(path, () => 0)).toThrow(FormatError)
    }
    await writeFile(path, bytes)
    const { truncateSync } = process.getBuiltinModule('node:fs')
    withSafetensors(path, ({ tensors }) => {
      truncateSync(path, bytes.length - 4)
      expect(() => tensors.get('half')!.data).toThrow(/an end at/)
    })
  })
})
