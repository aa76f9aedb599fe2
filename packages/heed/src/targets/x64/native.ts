import { type LinearMemory, TargetError } from '../../base/index.js'
import type { Run } from '../target.js'
import type { Convention } from './compile.js'
import { findKoffi, firstLine, type Koffi, type Pointer } from './koffi.js'

/** What heed needs of the system to run machine code. */
export interface Native {
  readonly convention: Convention
  /** The file that koffi was loaded from, for other threads. */
  readonly koffi: string
  /**
   * Copies code into memory of its own, which then is executable and no longer writable; gives its address.
   * It stays there until `unmap`, or the process's end.
   *
   * @throws {TargetError} where the system has no more such memory
   */
  map(code: Uint8Array): number
  /** Gives back what `map` took. The code there must not run any more. */
  unmap(address: number): void
  /**
   * The function at an address, bound to a heap. A memory that grows stays where it is only if it is shared.
   */
  bind(address: number, memory: Pick<LinearMemory, 'buffer'>): Run
  /**
   * Asks for large pages for what a memory has and will grow to, up to `bytes`, where the system gives them
   * on demand.
   */
  enlargePages(memory: LinearMemory, bytes: number): void
  /**
   * Lets whole pages of a memory be touched, or ends the process when they are. For tests that look for stray
   * accesses.
   */
  permit(memory: LinearMemory, begin: number, bytes: number, permitted: boolean): void
}

/** Where machine code is to run. */
export interface System {
  readonly platform: string
  readonly architecture: string
  find(): ReturnType<typeof findKoffi>
}

const pageBytes = 4096

let known: Native | string | undefined

/** Machine code on this system, or why there is none. Asked once. */
export function nativeCode(): Native | string {
  return (known ??=
    globalThis.process?.getBuiltinModule === undefined
      ? 'machine code needs Node'
      : openNative({
          platform: globalThis.process.platform,
          architecture: globalThis.process.arch,
          find: findKoffi,
        }))
}

/** Machine code on a system: tried with the smallest function there is. */
export function openNative(system: System): Native | string {
  const { platform, architecture } = system
  if (architecture !== 'x64') return `the processor is ${architecture}, machine code is for x64`
  const openMemory = memories[platform]
  if (openMemory === undefined)
    return `the system is ${platform}, machine code is for ${Object.keys(memories).join(', ')}`
  const found = system.find()
  if (typeof found === 'string') return found
  try {
    const native = make(found.koffi, found.path, platform === 'win32', openMemory(found.koffi))
    const memory = { buffer: new ArrayBuffer(64) }
    native.bind(native.map(Uint8Array.of(returnByte)), memory)(0, 0, 0, 0)
    return native
  } catch (error) {
    return `machine code is refused here: ${firstLine(error instanceof TargetError ? error.found : error)}`
  }
}

const returnByte = 0xc3

function make(koffi: Koffi, path: string, windows: boolean, memory: CodeMemory): Native {
  // One type for all: koffi keeps each type that it is told of.
  const type = koffi.proto('void', ['int64_t', 'uint32_t', 'int32_t', 'int32_t', 'uint32_t'])
  const heapOf = ({ buffer }: Pick<LinearMemory, 'buffer'>): bigint => koffi.address(new Uint8Array(buffer))
  const mapped = new Map<number, number>()
  return {
    convention: windows ? 'windows' : 'systemv',
    koffi: path,
    map(code) {
      const bytes = Math.ceil(code.length / pageBytes) * pageBytes
      const place = memory.reserve(bytes)
      new Uint8Array(koffi.view(place, bytes)).set(code)
      memory.protect(place, bytes, 'execute')
      mapped.set(Number(place), bytes)
      return Number(place)
    },
    unmap(address) {
      const bytes = mapped.get(address)
      if (bytes === undefined || !mapped.delete(address)) return
      memory.release(BigInt(address), bytes)
    },
    bind(address, memory) {
      // A number, which costs less to pass than a bigint: addresses have 47 bits.
      const heap = Number(heapOf(memory))
      const call = koffi.decode(BigInt(address), type)
      return (parameters, begin, end, scratch) => call(heap, parameters, begin, end, scratch)
    },
    enlargePages(wanted, bytes) {
      memory.enlargePages?.(heapOf(wanted), bytes)
    },
    permit(touched, begin, bytes, permitted) {
      memory.protect(heapOf(touched) + BigInt(begin), bytes, permitted ? 'write' : 'nothing')
    },
  }
}

/** What may be done with memory; to write is to read as well, and so is to execute. */
type Access = 'nothing' | 'write' | 'execute'

interface CodeMemory {
  /** Fresh memory that can be written. */
  reserve(bytes: number): Pointer
  protect(place: Pointer, bytes: number, access: Access): void
  release(place: Pointer, bytes: number): void
  enlargePages?(place: Pointer, bytes: number): void
}

const memories: Readonly<Record<string, (koffi: Koffi) => CodeMemory>> = {
  linux: (koffi) => ({ ...unixMemory(koffi, 0x22), ...linuxPages(koffi) }),
  darwin: (koffi) => unixMemory(koffi, 0x1002),
  win32: windowsMemory,
}

/** `flags`: private and anonymous, in the system's numbers. */
function unixMemory(koffi: Koffi, flags: number): CodeMemory {
  const library = koffi.load(null)
  const mmap = library.func('void *mmap(void *addr, size_t len, int prot, int flags, int fd, long off)')
  const mprotect = library.func('int mprotect(void *addr, size_t len, int prot)')
  const munmap = library.func('int munmap(void *addr, size_t len)')
  const numbers = { nothing: 0, write: 3, execute: 5 }
  return {
    reserve(bytes) {
      const place = mmap(null, bytes, numbers.write, flags, -1, 0) as Pointer
      if (BigInt.asIntN(64, place) === -1n) throw refused('mmap', errorName(koffi))
      return place
    },
    protect(place, bytes, access) {
      if (mprotect(place, bytes, numbers[access]) !== 0) throw refused('mprotect', errorName(koffi))
    },
    release: (place, bytes) => void munmap(place, bytes),
  }
}

/**
 * Pages of 2 MB: 512 times fewer to be filled with zeros one by one when they are first touched, and to be
 * looked up later.
 */
function linuxPages(koffi: Koffi): Required<Pick<CodeMemory, 'enlargePages'>> {
  const madvise = koffi.load(null).func('int madvise(void *addr, size_t len, int advice)')
  const hugePage = 14
  return { enlargePages: (place, bytes) => void madvise(place, bytes, hugePage) }
}

function windowsMemory(koffi: Koffi): CodeMemory {
  const library = koffi.load('kernel32.dll')
  const allocate = library.func('void *VirtualAlloc(void *addr, size_t len, uint32_t type, uint32_t protect)')
  const change = library.func(
    'int VirtualProtect(void *addr, size_t len, uint32_t protect, _Out_ uint32_t *old)',
  )
  const free = library.func('int VirtualFree(void *addr, size_t len, uint32_t type)')
  const releaseAll = 0x8000
  const lastError = library.func('uint32_t GetLastError()')
  const reserveAndCommit = 0x3000
  const numbers = { nothing: 0x01, write: 0x04, execute: 0x20 }
  return {
    reserve(bytes) {
      const place = allocate(null, bytes, reserveAndCommit, numbers.write) as Pointer | null
      if (place === null) throw refused('VirtualAlloc', `error ${String(lastError())}`)
      return place
    },
    protect(place, bytes, access) {
      if (change(place, bytes, numbers[access], [0]) === 0)
        throw refused('VirtualProtect', `error ${String(lastError())}`)
    },
    release: (place) => void free(place, 0, releaseAll),
  }
}

function refused(call: string, why: string): TargetError {
  return new TargetError({
    operation: 'x64',
    expected: 'memory for machine code',
    found: `${call} failed with ${why}`,
    hint: 'let this process execute memory that it wrote, or use HEED_TARGET=wasm',
  })
}

/** `EACCES` */
function errorName(koffi: Koffi): string {
  const number = koffi.errno()
  const name = Object.entries(koffi.os.errno).find(([, each]) => each === number)?.[0]
  return name ?? `error ${number}`
}
