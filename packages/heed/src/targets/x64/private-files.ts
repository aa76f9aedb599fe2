/**
 * Files that are run, or that vouch for what is run: they must be this user's, and nobody else may write them
 * or the folder that they lie in. Where the system has no owners (Windows), the folder's own rights decide.
 */
import type { Stats } from 'node:fs'
import { makeFolder } from '../../base/index.js'

/** A file or folder that somebody else could have written. */
export class NotPrivate extends Error {}

/**
 * The real path of a folder of this user's own, which is made where it isn't there.
 *
 * @throws NotPrivate where somebody else could write in it or put another in its place
 * @throws the system's error where it can't be made
 */
export function privateFolder(folder: string): string {
  const { realpathSync, statSync } = globalThis.process.getBuiltinModule('node:fs')
  const paths = globalThis.process.getBuiltinModule('node:path')
  makeFolder(folder, 0o700)
  const real = realpathSync(folder)
  for (let each = real; ; each = paths.dirname(each)) {
    const refusal = each === real ? refusalOf(statSync(each), 0o022) : refusalAbove(statSync(each))
    if (refusal !== undefined) throw new NotPrivate(`${each} ${refusal}`)
    if (each === paths.dirname(each)) return real
  }
}

/**
 * Opens a file of this user's own: never through a link, never waiting for a pipe. The file must have one
 * name only.
 *
 * @param others the rights of group and others that are too many, as in a mode
 * @throws NotPrivate where it is not a file, or not this user's alone
 * @throws the system's error where it can't be opened
 */
export function openPrivate(path: string, flags: number, others: number): { file: number; bytes: number } {
  const { closeSync, constants, fstatSync, openSync } = globalThis.process.getBuiltinModule('node:fs')
  // Windows has neither flag.
  const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants>
  const file = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o600)
  const stats = fstatSync(file)
  const refusal = !stats.isFile()
    ? 'is not a file'
    : stats.nlink > 1
      ? 'has another name'
      : refusalOf(stats, others)
  if (refusal === undefined) return { file, bytes: stats.size }
  closeSync(file)
  throw new NotPrivate(`${path} ${refusal}`)
}

/** Why what has these rights is not this user's alone. */
function refusalOf({ uid, mode }: Stats, others: number): string | undefined {
  const own = globalThis.process.getuid?.()
  if (own === undefined) return undefined
  if (uid !== own) return `belongs to user ${uid}, not to user ${own}`
  return (mode & others) === 0 ? undefined : `may be written or read by others: its mode is ${octal(mode)}`
}

/** Why a folder further up is not safe: whoever may rename what lies in it could put another in its place. */
function refusalAbove({ uid, mode }: Stats): string | undefined {
  const own = globalThis.process.getuid?.()
  if (own === undefined) return undefined
  if (uid !== own && uid !== 0) return `belongs to user ${uid}, not to user ${own}`
  const sticky = (mode & 0o1000) !== 0
  return (mode & 0o002) === 0 || sticky ? undefined : `may be written by anybody: its mode is ${octal(mode)}`
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
