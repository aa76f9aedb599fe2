import { execFileSync } from 'node:child_process'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FormatError, HeedError, MemoryError, ShapeError, StateError } from '../base/index.js'
import { scope, tensor, zeros } from '../tensor/index.js'
import { readSmallFile } from './file-bytes.js'
import {
  readSafetensors,
  type Safetensors,
  type StoredTensor,
  withSafetensors,
  writeSafetensors,
} from './index.js'
import { loadWeights, saveWeights } from '../checkpoint/index.js'

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

  test('stays open for a promise, and is closed then, and after an error', async () => {
    await writeFile(path, writeSafetensors(stored))
    let kept: Safetensors | undefined
    const numbers = await withSafetensors(path, async (file) => {
      await Promise.resolve()
      return [...((kept = file).tensors.get('ids')!.data as Int32Array)]
    })
    expect(numbers).toEqual([1, -2, 3])
    expect(() => kept!.tensors.get('ids')!.data).toThrow(StateError)
    const failing = withSafetensors(path, async (file) => {
      kept = file
      await Promise.reject(new Error('lost'))
    })
    await expect(failing).rejects.toThrow('lost')
    expect(() => kept!.tensors.get('ids')!.data).toThrow(/closed; read within the function/)
    const thrown = (file: Safetensors): never => {
      kept = file
      throw new Error('lost')
    }
    expect(() => withSafetensors(path, thrown)).toThrow('lost')
    expect(() => kept!.tensors.get('ids')!.data).toThrow(StateError)
  })

  test('is refused where it is a folder, a pipe or a device, at once', () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    for (const other of [folder, pipe, '/dev/zero']) {
      expect(() => withSafetensors(other, () => 0)).toThrow(FormatError)
      expect(() => withSafetensors(other, () => 0)).toThrow(
        /expected a file, found a (folder|pipe or device)/,
      )
      expect(() => readSmallFile(other, 100)).toThrow(FormatError)
    }
  })

  test('may be longer than any memory', async () => {
    // 2^53 bytes of zeros would do; file systems have less.
    const file = await open(path, 'w')
    const length = 2 ** 42
    const begin = 2 ** 41
    const header = `{"a":{"dtype":"U8","shape":[${begin}],"data_offsets":[0,${begin}]},"b":{"dtype":"U8","shape":[3],"data_offsets":[${begin},${begin + 3}]}}`
    await file.truncate(length)
    expect(() => withSafetensors(path, () => 0)).toThrow(/an object, found the end/)
    expect(() => readSmallFile(path, 2 ** 20)).toThrow(/at most 1048576 bytes, found 4398046511104/)
    await file.truncate(8 + header.length + begin + 3)
    const start = new Uint8Array(8)
    new DataView(start.buffer).setBigUint64(0, BigInt(header.length), true)
    await file.write(start, 0, 8, 0)
    await file.write(header, 8)
    await file.write(Uint8Array.of(1, 2, 3), 0, 3, 8 + header.length + begin)
    await file.close()
    withSafetensors(path, ({ tensors }) => {
      expect([...(tensors.get('b')!.data as Uint8Array)]).toEqual([1, 2, 3])
      expect(() => tensors.get('a')!.data).toThrow(MemoryError)
      expect(() => scope(() => tensors.get('a')!.toTensor({ row: begin }, 'u8'))).toThrow(HeedError)
    })
  })
})
