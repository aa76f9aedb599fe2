/**
 * Files written whole. The file system is loaded when it is first needed, so that browsers can load this
 * module.
 */
import { HeedError, nodeModule } from '../base/index.js'

const operation = 'writeFileWhole'
const files = (): typeof import('node:fs/promises') => nodeModule('node:fs/promises', operation)
const paths = (): typeof import('node:path') => nodeModule('node:path', operation)

/**
 * Writes `bytes` to `path` so that a reader, or a machine that loses power, sees the old file or the new one
 * and nothing between. They go into a temporary file in the same folder, which is flushed to the disk and
 * renamed; then the folder is flushed.
 *
 * Parts are asked for one after the other, as they are written, so that the whole is never in memory.
 *
 * The new file has the old one's mode, and its owner where that is allowed. A symbolic link is followed. What
 * is no file, such as a pipe or a device, is written to as it is.
 *
 * @throws HeedError, with the system's error as its cause, and what the parts throw; what stood at `path`
 * before then stands still
 */
export async function writeFileWhole(path: string, bytes: Uint8Array | Iterable<Uint8Array>): Promise<void> {
  try {
    const old = await unlessAbsent(files().stat(path))
    if (old === undefined || old.isFile()) await replaceFile(await targetOf(path), bytes, old)
    else await writeInto(path, bytes)
  } catch (cause) {
    if (cause instanceof HeedError) throw cause
    const size = bytes instanceof Uint8Array ? `${bytes.length} bytes to ` : ''
    throw new HeedError({
      operation,
      expected: `to write ${size}'${path}'`,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'check that the folder exists, may be written to and has room',
      cause,
    })
  }
}

async function replaceFile(
  path: string,
  bytes: Uint8Array | Iterable<Uint8Array>,
  old: import('node:fs').Stats | undefined,
): Promise<void> {
  const { access, constants, open, rename, rm } = files()
  // A file that may not be written to is not to be replaced either.
  if (old !== undefined) await access(path, constants.W_OK)
  const temporary = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`
  const file = await open(temporary, 'wx')
  try {
    try {
      if (old !== undefined) {
        const { uid, gid } = await file.stat()
        // Only some may give files away.
        if (uid !== old.uid || gid !== old.gid) await file.chown(old.uid, old.gid).catch(() => {})
        await file.chmod(old.mode & 0o7777)
      }
      await writeParts(file, bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
  // Windows can't open a folder; there the rename itself is as safe as it gets.
  if (process.platform === 'win32') return
  const folder = await open(paths().dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function writeInto(path: string, bytes: Uint8Array | Iterable<Uint8Array>): Promise<void> {
  const file = await files().open(path, 'w')
  try {
    await writeParts(file, bytes)
  } finally {
    await file.close()
  }
}

async function writeParts(
  file: import('node:fs/promises').FileHandle,
  bytes: Uint8Array | Iterable<Uint8Array>,
): Promise<void> {
  for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) await file.writeFile(part)
}

/** Where the symbolic links of a path lead, whether there is something yet or not. */
async function targetOf(path: string): Promise<string> {
  const { lstat, readlink, realpath } = files()
  let target = path
  // As many as Linux follows.
  for (let links = 0; links < 40; links++) {
    const found = await unlessAbsent(realpath(target))
    if (found !== undefined) return found
    const link = await unlessAbsent(lstat(target))
    if (link?.isSymbolicLink() !== true) return target
    target = paths().resolve(await realpath(paths().dirname(target)), await readlink(target))
  }
  return target
}

async function unlessAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  })
}
