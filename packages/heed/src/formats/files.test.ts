import { execFileSync } from 'node:child_process'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
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

  it('keeps the mode of the file that it replaces, and gives new ones the usual', async () => {
    const [old, fresh, usual] = ['old', 'fresh', 'usual'].map((name) => join(folder, name))
    await writeFile(old!, 'old')
    for (const mode of [0o600, 0o664, 0o755]) {
      await chmod(old!, mode)
      await writeFileWhole(old!, Uint8Array.of(1))
      expect((await stat(old!)).mode & 0o7777).toBe(mode)
    }
    await writeFileWhole(fresh!, Uint8Array.of(1))
    await writeFile(usual!, '')
    expect((await stat(fresh!)).mode).toBe((await stat(usual!)).mode)
  })

  it.skipIf(process.getuid?.() === 0)('leaves a file alone that may not be written to', async () => {
    const path = join(folder, 'file')
    await writeFile(path, 'old', { mode: 0o444 })
    await expect(writeFileWhole(path, Uint8Array.of(1))).rejects.toThrow(/EACCES/)
    expect(await readFile(path, 'utf8')).toBe('old')
  })

  it('follows symbolic links, those that lead to nothing yet included', async () => {
    await mkdir(join(folder, 'inner'))
    await writeFile(join(folder, 'inner', 'there'), 'old')
    await symlink('inner/there', join(folder, 'one'))
    await symlink('one', join(folder, 'two'))
    await symlink('inner/new', join(folder, 'dangling'))
    for (const [name, target] of [
      ['two', 'there'],
      ['dangling', 'new'],
    ] as const) {
      await writeFileWhole(join(folder, name), Uint8Array.of(1, 2))
      expect([...(await readFile(join(folder, 'inner', target)))]).toEqual([1, 2])
      expect((await lstat(join(folder, name))).isSymbolicLink()).toBe(true)
    }
    expect((await readdir(folder)).sort()).toEqual(['dangling', 'inner', 'one', 'two'])
    expect((await readdir(join(folder, 'inner'))).sort()).toEqual(['new', 'there'])
    await symlink('circle', join(folder, 'circle'))
    await expect(writeFileWhole(join(folder, 'circle'), Uint8Array.of(1))).rejects.toThrow(/ELOOP/)
  })

  it.skipIf(process.platform === 'win32')('writes into pipes and devices', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const bytes = new Uint8Array(300_000).fill(7)
    const [read] = await Promise.all([readFile(pipe), writeFileWhole(pipe, bytes)])
    expect(read.equals(bytes)).toBe(true)
    expect((await stat(pipe)).isFIFO()).toBe(true)
    await writeFileWhole('/dev/null', bytes)
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true)
    expect(await readdir(folder)).toEqual(['pipe'])
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
