/**
 * Machine code from one process to the next: what a kernel's name gave once, for one build of heed and one kind of machine, it gives again.
 * One file in the user's own folder for caches, records end to end, each with a sum over its bytes; whatever is wrong with it, code is emitted anew.
 */

/** A build of the library, where it was bundled; sources as they stand have none, and keep nothing. */
declare const HEED_BUILD: string | undefined
const build = typeof HEED_BUILD === 'undefined' ? undefined : HEED_BUILD

export interface CodeCache {
  /** The file. */
  readonly path: string
  get(name: string): Uint8Array | undefined
  add(name: string, code: Uint8Array): void
}

/** The environment variables that say where the file is; HEED_CACHE names the folder, and empty keeps nothing. */
export interface CacheEnvironment {
  readonly HEED_CACHE?: string | undefined
  readonly XDG_CACHE_HOME?: string | undefined
  readonly LOCALAPPDATA?: string | undefined
}

/** A file takes no more than this; a new one is begun where it would. */
const maximumBytes = 32 * 1024 * 1024
/** Builds and kinds of machines whose code is kept. */
const filesKept = 8
const suffix = '.code'
/** Of a record: the bytes of its name, those of its code, and the sum over both. */
const headWords = 3

/** The folder that this system has for caches of this user; undefined where code isn't kept. */
export function cacheFolder(environment: CacheEnvironment): string | undefined {
  const wanted = environment.HEED_CACHE
  if (wanted !== undefined) return wanted === '' ? undefined : wanted
  const { process } = globalThis
  const paths = process.getBuiltinModule('node:path')
  const { homedir } = process.getBuiltinModule('node:os')
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = environment
  if (process.platform === 'win32') return local ? paths.join(local, 'heed', 'cache') : undefined
  try {
    if (process.platform === 'darwin') return paths.join(homedir(), 'Library', 'Caches', 'heed')
    // What isn't absolute is to be ignored (XDG Base Directory Specification): it could lie in anybody's folder.
    const caches = xdg && paths.isAbsolute(xdg) ? xdg : paths.join(homedir(), '.cache')
    return paths.join(caches, 'heed')
  } catch {
    return undefined // nobody's home
  }
}

/**
 * The code that is kept for this build and `machine`, in `folder`; undefined where this library is no build.
 *
 * @param machine all that code depends on beside the kernel's name, as part of a file's name
 */
export function openCodeCache(
  folder: string,
  machine: string,
  version: string | undefined = build,
): CodeCache | undefined {
  return version === undefined ? undefined : new CodeFile(folder, `${machine}-${version}${suffix}`)
}

class CodeFile implements CodeCache {
  readonly #folder: string
  readonly path: string
  #known: Map<string, Uint8Array> | undefined
  /** Bytes of the file as far as its records are whole; undefined: nothing is written any more. */
  #bytes: number | undefined = 0
  /** True where the file holds anything that is no record. */
  #damaged = false

  constructor(folder: string, name: string) {
    const paths = globalThis.process.getBuiltinModule('node:path')
    this.#folder = folder
    this.path = paths.join(folder, name)
  }

  get(name: string): Uint8Array | undefined {
    return (this.#known ??= this.#read()).get(name)
  }

  add(name: string, code: Uint8Array): void {
    const known = (this.#known ??= this.#read())
    if (this.#bytes === undefined || known.has(name)) return
    known.set(name, code)
    const record = recordOf(name, code)
    try {
      const { appendFileSync } = globalThis.process.getBuiltinModule('node:fs')
      if (this.#bytes === 0 || this.#damaged || this.#bytes + record.length > maximumBytes) this.#begin()
      // One call, at the end of the file: processes that add at the same time don't mix.
      appendFileSync(this.path, record, { mode: 0o600 })
      this.#bytes += record.length
    } catch {
      this.#bytes = undefined
    }
  }

  /** Leaves no file of this name, and of others those that were written last. */
  #begin(): void {
    const { mkdirSync, readdirSync, rmSync, statSync } = globalThis.process.getBuiltinModule('node:fs')
    const paths = globalThis.process.getBuiltinModule('node:path')
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    if (this.#damaged || this.#bytes! > 0) rmSync(this.path, { force: true })
    this.#damaged = false
    this.#bytes = 0
    const others = readdirSync(this.#folder)
      .filter((each) => each.endsWith(suffix))
      .map((each) => paths.join(this.#folder, each))
      .map((path) => ({ path, written: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
      .sort((a, b) => b.written - a.written)
    for (const { path } of others.slice(filesKept - 1)) if (path !== this.path) rmSync(path, { force: true })
  }

  #read(): Map<string, Uint8Array> {
    const known = new Map<string, Uint8Array>()
    const { closeSync, fstatSync, openSync, readFileSync } = globalThis.process.getBuiltinModule('node:fs')
    let file: number | undefined
    try {
      file = openSync(this.path, 'r')
      const { uid, mode, size } = fstatSync(file)
      // Only what this user alone could have written is run.
      const own = globalThis.process.getuid?.() ?? uid
      if (uid !== own || (globalThis.process.platform !== 'win32' && (mode & 0o022) !== 0)) {
        this.#bytes = undefined
        return known
      }
      const bytes = size <= maximumBytes ? new Uint8Array(readFileSync(file)) : new Uint8Array()
      this.#bytes = readRecords(bytes, known)
      this.#damaged = this.#bytes < size
    } catch {
      // No file yet, or none that can be read: writing will say.
    } finally {
      if (file !== undefined) closeSync(file)
    }
    return known
  }
}

/** A record: its head in words of 32 bits, and name and code, each padded to words. */
function recordOf(name: string, code: Uint8Array): Uint8Array {
  const named = new TextEncoder().encode(name)
  const codeAt = headWords + wordsOf(named.length)
  const words = new Int32Array(codeAt + wordsOf(code.length))
  const bytes = new Uint8Array(words.buffer)
  bytes.set(named, 4 * headWords)
  bytes.set(code, 4 * codeAt)
  words[0] = named.length
  words[1] = code.length
  words[2] = sumOf(words, 0, words.length)
  return bytes
}

/** Puts the records into `known`, and says how many bytes those take that are whole. */
function readRecords(bytes: Uint8Array, known: Map<string, Uint8Array>): number {
  const words = new Int32Array(bytes.buffer, 0, bytes.length >> 2)
  const decoder = new TextDecoder()
  let at = 0
  while (at + headWords <= words.length) {
    const [nameBytes, codeBytes, sum] = words.subarray(at, at + headWords) as unknown as [
      number,
      number,
      number,
    ]
    const codeAt = at + headWords + wordsOf(nameBytes)
    const end = codeAt + wordsOf(codeBytes)
    if (nameBytes < 0 || codeBytes < 0 || end > words.length || sum !== sumOf(words, at, end)) break
    const nameAt = 4 * (at + headWords)
    const name = decoder.decode(bytes.subarray(nameAt, nameAt + nameBytes))
    known.set(name, bytes.subarray(4 * codeAt, 4 * codeAt + codeBytes))
    at = end
  }
  return 4 * at
}

const wordsOf = (bytes: number): number => Math.ceil(bytes / 4)

/** Over the words of a record, but for the one that holds it. FNV-1a by words, with what falls out at the top brought back. */
function sumOf(words: Int32Array, begin: number, end: number): number {
  let sum = 0x811c9dc5 | 0
  for (let i = begin; i < end; i++) {
    if (i === begin + 2) continue
    sum = Math.imul(sum ^ words[i]!, 0x01000193)
    sum ^= sum >>> 15
  }
  return sum
}
