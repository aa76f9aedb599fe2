import { openPrivate, privateFolder } from './private-files.js'

/** The environment variables that say where the key is. */
export interface KeyEnvironment {
  readonly XDG_STATE_HOME?: string | undefined
  readonly LOCALAPPDATA?: string | undefined
}

const keyBytes = 32

/**
 * The secret of this user on this machine, by which heed tells code that it wrote here from code that came
 * from elsewhere: a folder of caches that was copied, restored or shared. Made when it is first asked for.
 *
 * @throws NotPrivate where others may read or write it
 * @throws the system's error where it can't be read or made
 */
export function installationKey(environment: KeyEnvironment): Uint8Array {
  const { closeSync, constants, fsyncSync, readSync, renameSync, rmSync, writeSync } =
    globalThis.process.getBuiltinModule('node:fs')
  const { randomBytes } = globalThis.process.getBuiltinModule('node:crypto')
  const paths = globalThis.process.getBuiltinModule('node:path')
  const path = paths.join(privateFolder(stateFolder(environment)), 'key')
  const read = (): Uint8Array | undefined => {
    let file: number | undefined
    try {
      file = openPrivate(path, constants.O_RDONLY, 0o077).file
      const key = new Uint8Array(keyBytes)
      if (readSync(file, key) === keyBytes) return key
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    } finally {
      if (file !== undefined) closeSync(file)
    }
    return undefined
  }
  const known = read()
  if (known !== undefined) return known
  // Of two processes that make one at the same time the later is right, and the other's code is written anew.
  const temporary = `${path}.${globalThis.process.pid}`
  rmSync(temporary, { force: true })
  const { file } = openPrivate(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o077)
  const key = randomBytes(keyBytes)
  try {
    writeSync(file, key)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  return key
}

/** The folder that this system has for what a user's programs remember. */
function stateFolder({ XDG_STATE_HOME: state, LOCALAPPDATA: local }: KeyEnvironment): string {
  const { process } = globalThis
  const paths = process.getBuiltinModule('node:path')
  const { homedir } = process.getBuiltinModule('node:os')
  if (process.platform === 'win32') return paths.join(local ?? homedir(), 'heed')
  if (process.platform === 'darwin') return paths.join(homedir(), 'Library', 'Application Support', 'heed')
  // What isn't absolute is to be ignored (XDG Base Directory Specification).
  const states = state && paths.isAbsolute(state) ? state : paths.join(homedir(), '.local', 'state')
  return paths.join(states, 'heed')
}
