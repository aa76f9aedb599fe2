/**
 * Files written whole. The file system is loaded when it is first needed, so that browsers can load this
 * module.
 */
import { HeedError, nodeModule } from '../base/index.js'

const operation = 'writeFileWhole'

/**
 * Writes `bytes` to `path` so that a reader, or a machine that loses power, sees the old file or the new
 * one and nothing between: into a temporary file in the same folder, flushed to the disk, renamed, and the
 * folder flushed, too.
 *
 * @throws HeedError, with the system's error as its cause; what stood at `path` before then stands still
 */
export async function writeFileWhole(path: string, bytes: Uint8Array): Promise<void> {
  const { open, rename, rm } = nodeModule<typeof import('node:fs/promises')>('node:fs/promises', operation)
  const paths = nodeModule<typeof import('node:path')>('node:path', operation)
  const temporary = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`
  let temporaryLeft = false
  try {
    const file = await open(temporary, 'wx')
    temporaryLeft = true
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    temporaryLeft = false
    // Windows can't open a folder; there the rename itself is as safe as it gets.
    if (process.platform !== 'win32') {
      const folder = await open(paths.dirname(path), 'r')
      try {
        await folder.sync()
      } finally {
        await folder.close()
      }
    }
  } catch (cause) {
    if (temporaryLeft) await rm(temporary, { force: true }).catch(() => {})
    throw new HeedError({
      operation,
      expected: `to write ${bytes.length} bytes to '${path}'`,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'check that the folder exists, may be written to and has room',
      cause,
    })
  }
}
