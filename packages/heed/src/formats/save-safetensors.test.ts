import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HeedError, ShapeError, UsageError } from '../base/index.js'
import {
  readSafetensors,
  saveSafetensors,
  type StoredTensor,
  withSafetensors,
  writeSafetensors,
} from './index.js'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heed-save-'))
  path = join(folder, 'model.safetensors')
})
afterEach(() => rm(folder, { recursive: true }))

const floats = (length: number, first: number): StoredTensor => ({
  dtype: 'f32',
  shape: [length],
  data: Float32Array.from({ length }, (_, i) => first + i),
})
/** 40, 8, 80, 4 and 8 bytes. */
const tensors = new Map<string, StoredTensor>([
  ['z.weight', floats(10, 0)],
  ['y.bias', floats(2, 10)],
  ['b.weight', floats(20, 20)],
  ['a.bias', { dtype: 'bf16', shape: [2, 1], data: Uint16Array.of(0x3f80, 0xc000) }],
  ['c.count', { dtype: 'i64', shape: [], data: BigInt64Array.of(-5n) }],
])
const format = new Map([['format', 'pt']])

describe('saveSafetensors', () => {
  test('writes one file, as writeSafetensors does, and says what library reads it', async () => {
    expect(await saveSafetensors(path, tensors)).toEqual([path])
    expect(await readdir(folder)).toEqual(['model.safetensors'])
    expect(Buffer.compare(await readFile(path), writeSafetensors(tensors, format))).toBe(0)
    await saveSafetensors(path, tensors, { metadata: new Map([['made', 'here']]) })
    withSafetensors(path, ({ metadata }) => expect([...metadata]).toEqual([['made', 'here']]))
    await saveSafetensors(path, new Map())
    withSafetensors(path, (read) => expect(read.tensors.size).toBe(0))
  })

  test('splits what is more, in the order of the tensors, with a list written last', async () => {
    const name = (part: number): string => `model-0000${part}-of-00003.safetensors`
    const files = await saveSafetensors(path, tensors, { shardBytes: 60 })
    const index = 'model.safetensors.index.json'
    expect(files).toEqual([name(1), name(2), name(3), index].map((file) => join(folder, file)))
    expect((await readdir(folder)).sort()).toEqual([name(1), name(2), name(3), index])
    expect(await readFile(join(folder, index), 'utf8')).toBe(`{
  "metadata": {
    "total_size": 140
  },
  "weight_map": {
    "a.bias": "${name(3)}",
    "b.weight": "${name(2)}",
    "c.count": "${name(3)}",
    "y.bias": "${name(1)}",
    "z.weight": "${name(1)}"
  }
}
`)
    const parts = [['z.weight', 'y.bias'], ['b.weight'], ['a.bias', 'c.count']]
    for (const [i, names] of parts.entries()) {
      const part = new Map(names.map((tensor) => [tensor, tensors.get(tensor)!]))
      expect(Buffer.compare(await readFile(files[i]!), writeSafetensors(part, format))).toBe(0)
    }
  })

  test('asks for the numbers of one tensor at a time, once', async () => {
    const asked: string[] = []
    const lazy = new Map(
      [...tensors].map(([name, { dtype, shape, data }]) => [
        name,
        {
          dtype,
          shape,
          get data() {
            asked.push(name)
            return data
          },
        },
      ]),
    )
    await saveSafetensors(path, lazy, { shardBytes: 60 })
    expect(asked).toEqual(['y.bias', 'z.weight', 'b.weight', 'c.count', 'a.bias'])
  })

  test('copies a file as it is read', async () => {
    await saveSafetensors(path, tensors)
    const other = join(folder, 'copy.safetensors')
    await withSafetensors(path, (read) => saveSafetensors(other, read.tensors, { metadata: read.metadata }))
    expect(Buffer.compare(await readFile(other), await readFile(path))).toBe(0)
    // Also over itself.
    await withSafetensors(path, (read) => saveSafetensors(path, read.tensors, { shardBytes: 60 }))
    expect((await readdir(folder)).filter((name) => name.startsWith('model')).length).toBe(4)
  })

  test('leaves no files of another number of shards, nor the single one, and nothing else of the folder', async () => {
    const others = ['config.json', 'model2.safetensors', 'model-00001-of-00002.gguf', 'other.safetensors']
    for (const other of others) await writeFile(join(folder, other), '')
    const saved = async (shardBytes: number): Promise<string[]> => {
      await saveSafetensors(path, tensors, { shardBytes })
      return (await readdir(folder)).filter((name) => !others.includes(name)).sort()
    }
    const split = (parts: number): string[] => [
      ...Array.from({ length: parts }, (_, i) => `model-0000${i + 1}-of-0000${parts}.safetensors`),
      'model.safetensors.index.json',
    ]
    expect(await saved(1000)).toEqual(['model.safetensors'])
    expect(await saved(60)).toEqual(split(3))
    expect(await saved(1)).toEqual(split(5))
    expect(await saved(60)).toEqual(split(3))
    expect(await saved(1000)).toEqual(['model.safetensors'])
    expect((await readdir(folder)).length).toBe(1 + others.length)
  })

  test('refuses what the format has no place for before it writes', async () => {
    const refused = async (wrong: Map<string, StoredTensor>, type: new (...detail: never[]) => Error) => {
      await expect(saveSafetensors(path, wrong, { shardBytes: 8 })).rejects.toThrow(type)
      expect(await readdir(folder)).toEqual([])
    }
    await refused(new Map([...tensors, ['__metadata__', floats(1, 0)]]), UsageError)
    await refused(new Map([...tensors, ['n', { ...floats(1, 0), dtype: 'C64' }]]), UsageError)
    await refused(new Map([...tensors, ['n', { ...floats(1, 0), shape: [-1] }]]), ShapeError)
    await refused(new Map([...tensors, ['n', { ...floats(2, 0), shape: [2 ** 30, 2 ** 30] }]]), ShapeError)
    await expect(saveSafetensors(join(folder, 'model.bin'), tensors)).rejects.toThrow(/ends in \.safetensors/)
    await expect(saveSafetensors(path, tensors, { shardBytes: 0 })).rejects.toThrow(UsageError)
    await expect(saveSafetensors(path, tensors, { shardBytes: NaN })).rejects.toThrow(UsageError)
  })

  test('leaves what was there where numbers are not what was said, can not be had, or the disk refuses', async () => {
    await saveSafetensors(path, tensors)
    const before = await readFile(path)
    const broken: [StoredTensor, RegExp][] = [
      [{ ...floats(3, 0), shape: [4] }, /3 elements for "n"/],
      [{ ...floats(3, 0), dtype: 'i32' }, /array of a dtype for "n"/],
      [
        {
          dtype: 'f32',
          shape: [1],
          get data(): never {
            throw new Error('lost')
          },
        },
        /lost/,
      ],
    ]
    for (const [tensor, message] of broken)
      for (const shardBytes of [60, 1000]) {
        const all = new Map([...tensors, ['n', tensor]])
        await expect(saveSafetensors(path, all, { shardBytes })).rejects.toThrow(message)
        expect(await readdir(folder)).toEqual(['model.safetensors'])
      }
    // The second of three can't be renamed over a folder.
    const taken = join(folder, 'model-00002-of-00003.safetensors')
    await mkdir(taken)
    await writeFile(join(taken, 'inside'), '')
    await expect(saveSafetensors(path, tensors, { shardBytes: 60 })).rejects.toThrow(HeedError)
    expect((await readdir(folder)).sort()).toEqual(['model-00002-of-00003.safetensors', 'model.safetensors'])
    expect(Buffer.compare(await readFile(path), before)).toBe(0)
    await expect(saveSafetensors(join(folder, 'none', 'm.safetensors'), tensors)).rejects.toThrow(HeedError)
  })

  test('writes numbers of shared memory, and of a part of a buffer', async () => {
    const shared = new Float32Array(new SharedArrayBuffer(32), 8, 4)
    shared.set([1, 2, 3, 4])
    await saveSafetensors(path, new Map([['shared', { dtype: 'f32', shape: [2, 2], data: shared }]]))
    const { data } = readSafetensors(await readFile(path)).tensors.get('shared')!
    expect([...(data as Float32Array)]).toEqual([1, 2, 3, 4])
  })

  test('follows a link of the single file', async () => {
    await mkdir(join(folder, 'inner'))
    await symlink('inner/model.safetensors', path)
    await saveSafetensors(path, tensors)
    expect(await readdir(join(folder, 'inner'))).toEqual(['model.safetensors'])
  })
})
