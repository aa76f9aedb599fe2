import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FormatError } from '../base/index.js'
import { saveSafetensors, type StoredTensor, withSafetensorsIndex, writeSafetensors } from './index.js'

let outer: string
let folder: string
let index: string
beforeEach(async () => {
  outer = await mkdtemp(join(tmpdir(), 'heed-index-'))
  folder = join(outer, 'model')
  index = join(folder, 'model.safetensors.index.json')
  await mkdir(folder)
})
afterEach(() => rm(outer, { recursive: true }))

const tensor = (value: number): StoredTensor => ({ dtype: 'f32', shape: [1], data: Float32Array.of(value) })
const fileOf = (...names: string[]): Uint8Array =>
  writeSafetensors(new Map(names.map((name, i) => [name, tensor(i)])))
/** Writes shards, and a list of which tensor is where. */
async function write(
  shards: Readonly<Record<string, readonly string[]>>,
  map?: Readonly<Record<string, unknown>>,
): Promise<void> {
  for (const [file, names] of Object.entries(shards)) await writeFile(join(folder, file), fileOf(...names))
  const own = Object.entries(shards).flatMap(([file, names]) => names.map((name) => [name, file]))
  await writeFile(index, JSON.stringify({ metadata: {}, weight_map: map ?? Object.fromEntries(own) }))
}
const open = (): string => withSafetensorsIndex(index, ({ tensors }) => [...tensors.keys()].join())
const expectRefused = (message: RegExp): void => {
  expect(open).toThrow(FormatError)
  expect(open).toThrow(message)
}

describe('a checkpoint in several files', () => {
  test('reads as one, in the order of the list', async () => {
    const tensors = new Map(['d', 'a', 'c', 'b'].map((name, i) => [name, tensor(i)]))
    await saveSafetensors(join(folder, 'model.safetensors'), tensors, { shardBytes: 8 })
    const found = withSafetensorsIndex(index, (read) => {
      expect(read.format).toBe('safetensors')
      expect(read.metadata).toEqual(new Map([['format', 'pt']]))
      const name = (part: number): string => join(folder, `model-0000${part}-of-00002.safetensors`)
      expect(read.files).toEqual([name(1), name(2)])
      return [...read.tensors].map(([key, { data }]) => [key, ...(data as Float32Array)])
    })
    expect(found).toEqual([
      ['a', 1],
      ['b', 3],
      ['c', 2],
      ['d', 0],
    ])
  })

  test('may have its files in a folder inside, and names of any kind', async () => {
    await mkdir(join(folder, 'parts'))
    await write({ 'parts/é 1.safetensors': ['__proto__', 'a'], 'b.safetensors': ['constructor'] })
    const text = `{"weight_map":{"__proto__":"parts/é 1.safetensors","a":"parts/é 1.safetensors","constructor":"b.safetensors"}}`
    await writeFile(index, text)
    expect(open()).toBe('__proto__,a,constructor')
  })

  test("may be links, within the folder, and from the hub's cache to its blobs", async () => {
    await write({ 'real.safetensors': ['a'] }, { a: 'link.safetensors' })
    await symlink('real.safetensors', join(folder, 'link.safetensors'))
    expect(open()).toBe('a')
    const snapshot = join(outer, 'cache', 'snapshots', 'abc')
    await mkdir(snapshot, { recursive: true })
    await mkdir(join(outer, 'cache', 'blobs'))
    await writeFile(join(outer, 'cache', 'blobs', '1'), fileOf('x'))
    await writeFile(join(outer, 'cache', 'blobs', '2'), '{"weight_map":{"x":"m.safetensors"}}')
    await symlink('../../blobs/1', join(snapshot, 'm.safetensors'))
    await symlink('../../blobs/2', join(snapshot, 'model.safetensors.index.json'))
    index = join(snapshot, 'model.safetensors.index.json')
    expect(open()).toBe('x')
    await rm(join(snapshot, 'm.safetensors'))
    await writeFile(join(outer, 'cache', 'other'), fileOf('x'))
    await symlink('../../other', join(snapshot, 'm.safetensors'))
    expectRefused(/a link from .* to .*other/)
  })
})

describe('a list of files is refused', () => {
  test.each([
    ['../secret.safetensors'],
    ['../../x'],
    ['/etc/passwd'],
    ['/etc/x.safetensors'],
    ['a/../../secret.safetensors'],
    ['./a.safetensors'],
    ['a//b.safetensors'],
    ['..\\secret.safetensors'],
    ['C:\\x.safetensors'],
    ['C:x.safetensors'],
    ['\\\\server\\x.safetensors'],
    ['a\0.safetensors'],
    ['a\n.safetensors'],
    [''],
    ['.safetensors/'],
    [`${'a'.repeat(2000)}.safetensors`],
    ['model.gguf'],
  ])('where it names %j', async (file) => {
    await writeFile(join(outer, 'secret.safetensors'), fileOf('a'))
    await write({}, { a: file })
    expectRefused(/weight_map\['a'\] to be the name of a safetensors file in the same folder, found/)
  })

  test('where it names pickles, with how to convert them', async () => {
    await write({}, { a: 'pytorch_model-00001-of-00002.bin' })
    expectRefused(/pickle.*weights_only=True.*glob\.glob\('pytorch_model-\*\.bin'\)/)
  })

  test('where a link leads out of the folder, or nowhere', async () => {
    await writeFile(join(outer, 'secret.safetensors'), fileOf('a'))
    await write({}, { a: 'a.safetensors' })
    expectRefused(/the file '.*a\.safetensors', which the list names, found ENOENT/)
    await symlink('../secret.safetensors', join(folder, 'a.safetensors'))
    expectRefused(/a file in the folder of the list, found a link/)
    await rm(join(folder, 'a.safetensors'))
    await mkdir(join(outer, 'elsewhere'))
    await writeFile(join(outer, 'elsewhere', 'b.safetensors'), fileOf('a'))
    await symlink('../elsewhere', join(folder, 'inner'))
    await write({}, { a: 'inner/b.safetensors' })
    expectRefused(/a link from/)
    // A folder whose name begins alike is another one.
    await mkdir(join(outer, 'model2'))
    await writeFile(join(outer, 'model2', 'b.safetensors'), fileOf('a'))
    await symlink('../model2/b.safetensors', join(folder, 'a.safetensors'))
    await write({}, { a: 'a.safetensors' })
    expectRefused(/a link from/)
    await rm(join(folder, 'a.safetensors'))
    await symlink('a.safetensors', join(folder, 'a.safetensors'))
    expectRefused(/ELOOP/)
    await rm(join(folder, 'a.safetensors'))
    await mkdir(join(folder, 'a.safetensors'))
    expectRefused(/a folder/)
  })

  test('where it does not agree with the files', async () => {
    const [one, two] = ['1.safetensors', '2.safetensors']
    await write({ [one]: ['a'] }, { a: one, b: one })
    expectRefused(/the tensor "b", as the list says, found a file without it/)
    await write({ [one]: ['a', 'b'] }, { a: one })
    expectRefused(/only the tensors that the list places there, found also "b", which the list lacks/)
    await write({ [one]: ['a'], [two]: ['b', 'a'] }, { a: one, b: two })
    expectRefused(/found also "a", which the list places in ".*1\.safetensors"/)
    await write({ [one]: ['a'] })
    await writeFile(join(folder, one), fileOf('a').subarray(0, 20))
    expectRefused(/header of/)
  })

  test.each([
    ['nothing', '', /an object, found the end/],
    ['no map', '{"metadata":{}}', /a list with a 'weight_map'/],
    ['a map twice', '{"weight_map":{},"weight_map":{}}', /there once/],
    ['a name twice', '{"weight_map":{"a":"1.safetensors","\\u0061":"2.safetensors"}}', /there once/],
    ['a map of numbers', '{"weight_map":{"a":1}}', /a string, found 1/],
    ['a list of names', '{"weight_map":["a"]}', /an object, found a list/],
    ['brackets five million deep', `{"metadata":${'['.repeat(5e6)}`, /64 levels/],
    ['objects five million deep', `{"metadata":${'{"a":'.repeat(5e6)}`, /64 levels/],
    ['no UTF-8', Uint8Array.of(0x7b, 0x22, 0xff), /UTF-8/],
    ['more behind it', '{"weight_map":{}}x', /nothing more/],
    [
      'too many tensors',
      `{"weight_map":{${Array.from({ length: 2 ** 17 + 1 }, (_, i) => `"${i}":"1.safetensors"`).join()}}}`,
      /at most 131072 tensors/,
    ],
    [
      'too many files',
      `{"weight_map":{${Array.from({ length: 1025 }, (_, i) => `"${i}":"${i}.safetensors"`).join()}}}`,
      /at most 1024 files/,
    ],
    ['too many bytes', new Uint8Array(2 ** 25 + 1), /at most 33554432 bytes/],
  ])('where it has %s', async (_, content, message) => {
    await writeFile(index, content)
    expectRefused(message)
  })

  test('where it is not there', () => expectRefused(/ENOENT/))
})
