import { makeFolder, nodeModule } from '../base/index.js'
import { type FolderLock, lockFolder } from './folder-lock.js'

/**
 * What checkpoints need of a file system. The one of Node is `nodeFiles`; tests wrap it to die at any of its
 * operations.
 */
export interface FileLayer {
  /** The bytes of a file; undefined where there is none. */
  read(path: string): Promise<Uint8Array | undefined>
  /** Names in a folder; none where there is no folder. */
  list(folder: string): Promise<readonly string[]>
  /** Makes a folder, with those around it. */
  makeFolder(path: string): Promise<void>
  /** Writes a new file and flushes it to the disk. */
  write(path: string, bytes: Uint8Array): Promise<void>
  /** Flushes a folder's list of names to the disk. */
  flushFolder(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Removes a file or a folder with what is in it, if it is there. */
  remove(path: string): Promise<void>
  /** Takes a folder for one training; a layer without it has no other trainings to fear. */
  readonly lock?: (folder: string) => Promise<FolderLock>
}

const files = (): typeof import('node:fs/promises') => nodeModule('node:fs/promises', 'checkpoints')

/** The file system of Node, which is asked for when it is first used: browsers can load this module. */
export const nodeFiles: FileLayer = {
  async read(path) {
    const { readFile } = files()
    return absent(readFile(path))
  },
  async list(folder) {
    const { readdir } = files()
    return (await absent(readdir(folder))) ?? []
  },
  async makeFolder(path) {
    makeFolder(path)
  },
  async write(path, bytes) {
    const { open } = files()
    const file = await open(path, 'wx')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
  },
  async flushFolder(path) {
    // Windows can't open a folder; there the rename itself is as safe as it gets.
    if (process.platform === 'win32') return
    const { open } = files()
    const folder = await open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  },
  async rename(from, to) {
    const { rename } = files()
    await rename(from, to)
  },
  async remove(path) {
    const { rm } = files()
    await rm(path, { recursive: true, force: true })
  },
  lock: lockFolder,
}

async function absent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}
