import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** The files of a model's folder, and of the folders in it. */
export async function modelFilesOf(folder: string): Promise<string[]> {
  const found = await readdir(folder, { withFileTypes: true })
  const files = await Promise.all(
    found.map(async (entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? (await readdir(path)).map((name) => join(path, name)) : [path]
    }),
  )
  return files.flat().sort()
}

/** What tells that files are the same ones as before. */
export async function stampsOf(files: readonly string[]): Promise<readonly unknown[]> {
  return Promise.all(
    files.map(async (path) => {
      const found = path === '-' ? undefined : await stat(path).catch(() => undefined)
      return [path, found?.size, found?.mtimeMs]
    }),
  )
}
