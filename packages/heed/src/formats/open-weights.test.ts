import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FormatError } from '../base/index.js'
import {
  ggufBytes,
  ggufNumbers,
  openWeights,
  readSafetensors,
  saveSafetensors,
  type StoredTensor,
  writeSafetensors,
} from './index.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'heed-weights-'))
})
afterEach(() => rm(folder, { recursive: true }))

const tensors = new Map<string, StoredTensor>(
  ['a', 'b'].map((name) => [name, { dtype: 'f32', shape: [1], data: Float32Array.of(1) }]),
)
const opened = (path: string): string =>
  openWeights(path, (weights) => `${weights.format}: ${[...weights.tensors.keys()].join()}`)
const put = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(folder, name)
  await writeFile(path, typeof content === 'string' ? Buffer.from(content, 'latin1') : content)
  return path
}
const expectRefused = (path: string, message: RegExp): void => {
  expect(() => opened(path)).toThrow(FormatError)
  expect(() => opened(path)).toThrow(message)
}

describe('openWeights', () => {
  test('takes a file, a list of files, and a folder', async () => {
    const path = join(folder, 'model.safetensors')
    await saveSafetensors(path, tensors)
    expect(opened(path)).toBe('safetensors: a,b')
    expect(opened(folder)).toBe('safetensors: a,b')
    expect(opened(`${folder}/`)).toBe('safetensors: a,b')
    await saveSafetensors(path, tensors, { shardBytes: 4 })
    expect(opened(folder)).toBe('safetensors: a,b')
    expect(opened(join(folder, 'model.safetensors.index.json'))).toBe('safetensors: a,b')
    expect(opened(join(folder, 'model-00002-of-00002.safetensors'))).toBe('safetensors: b')
    // One file wins over several, as in the libraries of the hub.
    await writeFile(path, writeSafetensors(new Map([['c', tensors.get('a')!]])))
    expect(opened(folder)).toBe('safetensors: c')
  })

  test('knows a file by what is in it, whatever its name is', async () => {
    expect(opened(await put('model.bin', writeSafetensors(tensors)))).toMatch('safetensors: a,b')
  })

  test('takes a GGUF file, the only one of a folder, or of any name', async () => {
    const tensor = ggufNumbers([2], Float32Array.of(1, 2))
    const bytes = ggufBytes({ metadata: new Map(), tensors: new Map([['x.weight', tensor]]) })
    expect(opened(await put('any.gguf', bytes))).toBe('gguf: x.weight')
    expect(opened(folder)).toBe('gguf: x.weight')
    expect(opened(await put('other', bytes))).toBe('gguf: x.weight')
    expectRefused(await put('none.gguf', 'GGUX'), /readGguf/)
  })

  test('says what a folder has instead', async () => {
    expectRefused(
      folder,
      /a folder with model\.safetensors, .* found an empty folder; name the folder of a model/,
    )
    await put('config.json', '{}')
    expectRefused(folder, /found 'config\.json'; name the folder of a model/)
    await put('adapter.safetensors', '')
    await put('tokens.bin', '')
    expectRefused(folder, /found 'adapter\.safetensors', 'tokens\.bin'; name one of these files/)
    await put('one.gguf', 'GGUF')
    await put('two.gguf', 'GGUF')
    expectRefused(
      folder,
      /one GGUF file, found 'adapter\.safetensors', 'one\.gguf', 'tokens\.bin', 'two\.gguf'/,
    )
    expectRefused(join(folder, 'none'), /ENOENT/)
    expectRefused(join(folder, 'one.gguf', 'none'), /ENOTDIR/)
    expectRefused('\0', /null bytes/)
  })

  test('names the pickle of a folder that has no other weights', async () => {
    await put('pytorch_model.bin', 'PK\x03\x04')
    expectRefused(folder, /pytorch_model\.bin", named as PyTorch's pickles are, which runs its author's code/)
    await put('pytorch_model-00001-of-00002.bin', 'PK\x03\x04')
    expectRefused(folder, /glob\.glob\('.*pytorch_model-\*\.bin'\)/)
    await mkdir(join(folder, 'empty'))
    expectRefused(join(folder, 'empty'), /an empty folder/)
  })
})

describe('what is no file of weights is refused with what it is', () => {
  const archive = `PK\x03\x04${'\0'.repeat(26)}archive/data.pkl`
  const tar = `archive${'\0'.repeat(250)}ustar`
  const convert = /which runs its author's code where it is read; .*python -c "import glob, torch, /
  test.each([
    ['a zip of PyTorch', 'x.safetensors', archive, convert],
    ['a zip named as PyTorch does', 'x.pt', 'PK\x03\x04', convert],
    ['another zip', 'x.zip', 'PK\x03\x04and more', /found a zip archive; unpack it/],
    ['a pickle before zips', 'x.bin', '\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.', convert],
    ['a pickle of protocol 5', 'model.safetensors', '\x80\x05\x95\x10\0\0\0\0\0\0\0}\x94.', convert],
    ['a short pickle', 'x.ckpt', '\x80\x04}.', convert],
    ['a tar of PyTorch', 'x.pth', tar, convert],
    ['another tar', 'x.tar', tar, /found a tar archive/],
    [
      'a pointer of Git LFS',
      'model.safetensors',
      'version https://git-lfs.github.com/spec/v1\noid',
      /git lfs pull/,
    ],
    ['a web page', 'model.safetensors', '\n<!DOCTYPE html><html>', /a page of the web; the download failed/],
    ['llama2.c, version 1', 'x.bin', '24ka\x01\0\0\0', /later versions; export it .*--version 0/],
    ['ggml', 'x.bin', 'tjgg\x03\0\0\0', /before GGUF/],
    ['HDF5', 'x.h5', '\x89HDF\r\n', /HDF5/],
  ])('%s', async (_, name, content, message) => {
    const path = await put(name, content)
    expectRefused(path, message)
    expect(() => opened(path)).toThrow(expect.objectContaining({ file: path }))
    // Read as safetensors it is refused alike.
    expect(() => readSafetensors(Buffer.from(content, 'latin1'), path)).toThrow(message)
  })

  test('but not a file that only begins so', async () => {
    // Headers of 640 bytes begin as pickles do, others as archives.
    for (const length of [0x280, 0x380]) {
      const header = `{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`.padEnd(length)
      const bytes = Buffer.concat([Buffer.alloc(8), Buffer.from(header)])
      bytes.writeUInt32LE(length)
      expect(opened(await put('model.safetensors', bytes))).toBe('safetensors: a')
      // A width of 640 as well.
      const other = Buffer.alloc(100)
      other.writeInt32LE(length)
      expectRefused(await put('model.bin', other), /legacy layout of llama2\.c/)
    }
  })

  test.each([
    ['nothing', '', /at least 8 bytes/],
    ['noise', '\x01\x02\x03\x04\x05\x06\x07\x08\x09', /a header of at most/],
  ])('%s', async (_, content, message) => expectRefused(await put('x', content), message))
})
