/**
 * Files written whole. The file system is loaded when it is first needed, so that browsers can load this
 * module.
 */
import { HeedError, nodeModule } from '../base/index.js'

const operation = 'writeFileWhole'
const files = (): typeof import('node:fs/promises') => nodeModule('node:fs/promises', operation)
const paths = (): typeof import('node:path') => nodeModule('node:path', operation)

/** What a file is to hold. Parts are asked for one after the other, as they are written. */
export type FileContent = Uint8Array | Iterable<Uint8Array>

/** A file that is written and flushed to the disk under another name. */
export interface StagedFile {
  /** Gives it its name, in place of what stood there; the folder is flushed. */
  commit(): Promise<void>
  /** Removes it, if it has no name yet. */
  discard(): Promise<void>
}

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
export async function writeFileWhole(path: string, content: FileContent): Promise<void> {
  const staged = await stageFile(path, content)
  await staged.commit()
}

/**
 * Writes a file as `writeFileWhole` does, but for its name, which it gets when all that belongs together is
 * on the disk. What stands at `path` stands there until then.
 *
 * @throws HeedError, with the system's error as its cause, and what the parts throw
 */
export async function stageFile(path: string, content: FileContent): Promise<StagedFile> {
  const size = content instanceof Uint8Array ? `${content.length} bytes to ` : ''
  const task = `to write ${size}'${path}'`
  const old = await orRefuse(task, unlessAbsent(files().stat(path)))
  if (old !== undefined && !old.isFile()) {
    const file = await orRefuse(task, files().open(path, 'w'))
    await fill(file, task, content)
    return { commit: async () => {}, discard: async () => {} }
  }
  const target = await orRefuse(task, targetOf(path))
  const temporary = `${target}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`
  const discard = (): Promise<void> =>
    files()
      .rm(temporary, { force: true })
      .catch(() => {})
  const file = await orRefuse(task, openBeside(target, temporary, old))
  try {
    await fill(file, task, content, true)
  } catch (error) {
    await discard()
    throw error
  }
  const commit = async (): Promise<void> => {
    await files().rename(temporary, target)
    await flushFolder(paths().dirname(target))
  }
  return {
    discard,
    async commit() {
      try {
        await orRefuse(task, commit())
      } catch (error) {
        await discard()
        throw error
      }
    },
  }
}

type FileHandle = import('node:fs/promises').FileHandle

/** A new file with the mode of the one that it is to replace, and its owner where that is allowed. */
async function openBeside(
  target: string,
  temporary: string,
  old: import('node:fs').Stats | undefined,
): Promise<FileHandle> {
  const { access, constants, open, rm } = files()
  // A file that may not be written to is not to be replaced either.
  if (old !== undefined) await access(target, constants.W_OK)
  const file = await open(temporary, 'wx')
  if (old === undefined) return file
  try {
    const { uid, gid } = await file.stat()
    // Only some may give files away.
    if (uid !== old.uid || gid !== old.gid) await file.chown(old.uid, old.gid).catch(() => {})
    await file.chmod(old.mode & 0o7777)
    return file
  } catch (error) {
    await file.close()
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}

/** Writes all of the content, and closes the file. */
async function fill(file: FileHandle, task: string, content: FileContent, flushes = false): Promise<void> {
  try {
    for (const part of content instanceof Uint8Array ? [content] : content)
      await orRefuse(task, file.writeFile(part))
    if (flushes) await orRefuse(task, file.sync())
  } finally {
    await file.close()
  }
}

async function flushFolder(path: string): Promise<void> {
  // Windows can't open a folder; there the rename itself is as safe as it gets.
  if (process.platform === 'win32') return
  const folder = await files().open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function orRefuse<T>(expected: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    throw new HeedError({
      operation,
      expected,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'check that the folder exists, may be written to and has room',
      cause,
    })
  }
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

/**
 * Removes a file where there is one.
 *
 * @throws HeedError, with the system's error as its cause
 */
export async function removeFile(path: string): Promise<void> {
  await orRefuse(`to remove '${path}'`, files().rm(path, { force: true }))
}
