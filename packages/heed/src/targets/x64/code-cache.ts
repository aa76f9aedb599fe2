/**
 * Machine code from one process to the next: what a kernel's name gave once, for one build of heed and one
 * kind of machine, it gives again. One file in the user's own folder for caches, records end to end. What is
 * read is run, so each record is signed with the user's key (HMAC-SHA-256), and neither file nor folder may
 * be anybody else's. Whatever is wrong with it, code is emitted anew.
 */
import { installationKey, type KeyEnvironment } from './installation-key.js'
import { NotPrivate, openPrivate, privateFolder } from './private-files.js'

/** A build of the library, where it was bundled; sources as they stand have none, and keep nothing. */
declare const HEED_BUILD: string | undefined
const build = typeof HEED_BUILD === 'undefined' ? undefined : HEED_BUILD

export interface CodeCache {
  /** The file. */
  readonly path: string
  /** Why nothing is kept; undefined as long as something may be. */
  readonly refusal: string | undefined
  get(name: string): Uint8Array | undefined
  add(name: string, code: Uint8Array): void
}

/**
 * The environment variables that say where the file is; HEED_CACHE names the folder, and empty keeps nothing.
 */
export interface CacheEnvironment extends KeyEnvironment {
  readonly HEED_CACHE?: string | undefined
  readonly XDG_CACHE_HOME?: string | undefined
}

const signatureBytes = 16
/** A file takes no more than this; a new one is begun where it would. */
const maximumBytes = 16 * 2 ** 20
/** Builds and kinds of machines whose code is kept. */
const filesKept = 8
/** Names of heed's own files: of others in the same folder none is touched. */
const fileName = /^heed-[\w-]+\.code$/
/** Of a record: the bytes of its name, those of its code, and the signature of both. */
const headWords = 2 + signatureBytes / 4

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
    // What isn't absolute is to be ignored (XDG Base Directory Specification): it could lie in anybody's
    // folder.
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
  environment: KeyEnvironment = globalThis.process.env,
): CodeCache | undefined {
  return version === undefined
    ? undefined
    : new CodeFile(folder, `heed-${machine}-${version}.code`, environment)
}

/** Code in the file, at words of its own. */
interface Kept {
  readonly code: Uint8Array
  /** What its signature is over, and the signature; undefined where it was added by this process. */
  readonly record: Uint8Array | undefined
}

class CodeFile implements CodeCache {
  readonly #folder: string
  readonly #name: string
  readonly #environment: KeyEnvironment
  #real: string | undefined
  #key: Uint8Array | undefined
  #known: Map<string, Kept> | undefined
  /** Bytes of the file as far as its records are whole. */
  #bytes = 0
  /** True where the file holds anything that is no record of this user's. */
  #damaged = false
  #refusal: string | undefined

  constructor(folder: string, name: string, environment: KeyEnvironment) {
    this.#folder = folder
    this.#name = name
    this.#environment = environment
  }

  get path(): string {
    return globalThis.process.getBuiltinModule('node:path').join(this.#real ?? this.#folder, this.#name)
  }

  get refusal(): string | undefined {
    this.#known ??= this.#read()
    return this.#refusal
  }

  get(name: string): Uint8Array | undefined {
    const known = (this.#known ??= this.#read())
    const kept = known.get(name)
    if (kept?.record === undefined) return kept?.code
    if (this.#signed(kept.record)) {
      known.set(name, { code: kept.code, record: undefined })
      return kept.code
    }
    known.delete(name)
    this.#damaged = true
    return undefined
  }

  add(name: string, code: Uint8Array): void {
    const known = (this.#known ??= this.#read())
    if (this.#refusal !== undefined || known.has(name)) return
    this.#trying(() => {
      const record = this.#recordOf(name, code)
      if (this.#bytes === 0 || this.#damaged || this.#bytes + record.length > maximumBytes) this.#begin()
      const { closeSync, constants, writeSync } = globalThis.process.getBuiltinModule('node:fs')
      const { O_WRONLY, O_APPEND, O_CREAT } = constants
      const { file } = openPrivate(this.path, O_WRONLY | O_APPEND | O_CREAT, 0o022)
      try {
        // One call, at the end of the file: processes that add at the same time don't mix.
        writeSync(file, record)
      } finally {
        closeSync(file)
      }
      this.#bytes += record.length
      known.set(name, { code, record: undefined })
    })
  }

  /** Leaves no file of this name, and of heed's others those that were written last. */
  #begin(): void {
    const { lstatSync, readdirSync, rmSync } = globalThis.process.getBuiltinModule('node:fs')
    const paths = globalThis.process.getBuiltinModule('node:path')
    if (this.#damaged || this.#bytes > 0) rmSync(this.path, { force: true })
    this.#known!.clear()
    this.#damaged = false
    this.#bytes = 0
    const others = readdirSync(this.#real!)
      .filter((each) => fileName.test(each) && each !== this.#name)
      .map((each) => paths.join(this.#real!, each))
      .map((path) => ({ path, written: lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
      .sort((a, b) => b.written - a.written)
    for (const { path } of others.slice(filesKept - 1)) rmSync(path, { force: true })
  }

  #read(): Map<string, Kept> {
    const known = new Map<string, Kept>()
    this.#trying(() => {
      this.#real = privateFolder(this.#folder)
      this.#key = installationKey(this.#environment)
      const { closeSync, constants, readFileSync } = globalThis.process.getBuiltinModule('node:fs')
      let opened: { file: number; bytes: number }
      try {
        opened = openPrivate(this.path, constants.O_RDONLY, 0o022)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
        throw error
      }
      try {
        const small = opened.bytes <= maximumBytes
        this.#bytes = small ? readRecords(new Uint8Array(readFileSync(opened.file)), known) : 0
        this.#damaged = this.#bytes < opened.bytes
      } finally {
        closeSync(opened.file)
      }
    })
    return known
  }

  /** Does without a file where the system, or somebody else's rights, don't allow one. */
  #trying(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#refusal =
        error instanceof NotPrivate ? error.message : `${this.#folder}: ${(error as Error).message}`
    }
  }

  /** A record: its head in words of 32 bits, and name and code, each padded to words. */
  #recordOf(name: string, code: Uint8Array): Uint8Array {
    const named = new TextEncoder().encode(name)
    const codeAt = headWords + wordsOf(named.length)
    const words = new Int32Array(codeAt + wordsOf(code.length))
    const bytes = new Uint8Array(words.buffer)
    bytes.set(named, 4 * headWords)
    bytes.set(code, 4 * codeAt)
    words[0] = named.length
    words[1] = code.length
    bytes.set(this.#signature(bytes), 8)
    return bytes
  }

  #signed(record: Uint8Array): boolean {
    const { timingSafeEqual } = globalThis.process.getBuiltinModule('node:crypto')
    return timingSafeEqual(record.subarray(8, 4 * headWords), this.#signature(record))
  }

  /** Over the file's name, which says build and machine, and the record but for the signature itself. */
  #signature(record: Uint8Array): Uint8Array {
    const { createHmac } = globalThis.process.getBuiltinModule('node:crypto')
    return createHmac('sha256', this.#key!)
      .update(`${this.#name}\n`)
      .update(record.subarray(0, 8))
      .update(record.subarray(4 * headWords))
      .digest()
      .subarray(0, signatureBytes)
  }
}

/** Puts the records into `known`, and says how many bytes those take that are whole. */
function readRecords(bytes: Uint8Array, known: Map<string, Kept>): number {
  const words = new Int32Array(bytes.buffer, 0, bytes.length >> 2)
  const decoder = new TextDecoder()
  let at = 0
  while (at + headWords <= words.length) {
    const [nameBytes, codeBytes] = [words[at]!, words[at + 1]!]
    const codeAt = at + headWords + wordsOf(nameBytes)
    const end = codeAt + wordsOf(codeBytes)
    if (nameBytes < 0 || codeBytes < 0 || end > words.length) break
    const nameAt = 4 * (at + headWords)
    const name = decoder.decode(bytes.subarray(nameAt, nameAt + nameBytes))
    const code = bytes.subarray(4 * codeAt, 4 * codeAt + codeBytes)
    known.set(name, { code, record: bytes.subarray(4 * at, 4 * end) })
    at = end
  }
  return 4 * at
}

const wordsOf = (bytes: number): number => Math.ceil(bytes / 4)
