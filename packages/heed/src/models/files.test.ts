import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HeedError } from '../base/index.js'
import { writeFileWhole } from './files.js'

describe('writeFileWhole', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'heed-files-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true })
  })

  it('writes a new file, and over an old one, and leaves nothing else', async () => {
    const path = join(folder, 'model.safetensors')
    await writeFileWhole(path, Uint8Array.of(1, 2, 3))
    expect([...(await readFile(path))]).toEqual([1, 2, 3])
    await writeFileWhole(path, new Uint8Array(0))
    expect([...(await readFile(path))]).toEqual([])
    expect(await readdir(folder)).toEqual(['model.safetensors'])
  })

  it('is never seen half written', async () => {
    const path = join(folder, 'model.safetensors')
    const size = 1 << 20
    await writeFileWhole(path, new Uint8Array(size).fill(0))
    const writing = Promise.all(
      [1, 2, 3].map((value) => writeFileWhole(path, new Uint8Array(size).fill(value))),
    )
    let done = false
    const finished = writing.then(() => (done = true))
    do {
      const seen = await readFile(path)
      expect(seen.length).toBe(size)
      expect(seen.equals(Buffer.alloc(size, seen[0]))).toBe(true)
    } while (!done)
    await finished
    expect(await readdir(folder)).toEqual(['model.safetensors'])
  })

  it('says what went wrong, and leaves the old as it was', async () => {
    await expect(writeFileWhole(join(folder, 'none', 'file'), Uint8Array.of(1))).rejects.toThrow(HeedError)
    // A folder with something in it can't be renamed over: the failure comes after the temporary file.
    const path = join(folder, 'taken')
    await mkdir(path)
    await writeFile(join(path, 'inside'), 'kept')
    const refused = writeFileWhole(path, Uint8Array.of(1))
    await expect(refused).rejects.toThrow(HeedError)
    await expect(refused).rejects.toMatchObject({ operation: 'writeFileWhole', cause: expect.any(Error) })
    expect(await readFile(join(path, 'inside'), 'utf8')).toBe('kept')
    expect(await readdir(folder)).toEqual(['taken'])
  })
})
