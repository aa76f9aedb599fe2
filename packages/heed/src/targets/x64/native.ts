import type { Convention } from './compile.js'

/** What heed needs of the system to run machine code. */
export interface Native {
  readonly convention: Convention
  /** The file that koffi was loaded from, for other threads. */
  readonly koffi: string
  /** Copies code into memory of its own, which then is executable and no longer writable; gives its address. */
  map(code: Uint8Array): number
  /** The function at an address, bound to a heap. */
  bind(address: number, memory: WebAssembly.Memory): NativeRun
}

export type NativeRun = (parameters: number, begin: number, end: number, scratch: number) => void

/** The part of koffi that is used. */
interface Koffi {
  load(library: string): { func(declaration: string): (...values: unknown[]) => unknown }
  address(value: unknown): bigint
  view(pointer: unknown, bytes: number): ArrayBuffer
  decode(pointer: unknown, type: unknown): (...values: number[]) => void
  proto(declaration: string): unknown
}

const [readWrite, readExecute] = [3, 5]
const pageBytes = 4096

let known: Native | string | undefined

/** Machine code on this system, or why there is none. */
export function nativeCode(): Native | string {
  return (known ??= open())
}

function open(): Native | string {
  const { process } = globalThis
  if (process?.getBuiltinModule === undefined) return 'machine code needs Node'
  if (process.arch !== 'x64') return `the processor is ${process.arch}, not x64`
  const found = findKoffi()
  if (typeof found === 'string') return found
  const { koffi, path } = found
  try {
    const memory = process.platform === 'win32' ? windowsMemory(koffi) : unixMemory(koffi)
    const convention: Convention = process.platform === 'win32' ? 'windows' : 'systemv'
    let names = 0
    return {
      convention,
      koffi: path,
      map(code) {
        const bytes = Math.ceil(code.length / pageBytes) * pageBytes
        const place = memory.reserve(bytes)
        new Uint8Array(koffi.view(place, bytes)).set(code)
        memory.seal(place, bytes)
        return Number(koffi.address(place))
      },
      bind(address, { buffer }) {
        const heap = Number(koffi.address(new Uint8Array(buffer)))
        const type = koffi.proto(
          `void heed_kernel_${names++}(int64_t heap, uint32_t parameters, int32_t begin, int32_t end, uint32_t scratch)`,
        )
        const call = koffi.decode(BigInt(address), type)
        return (parameters, begin, end, scratch) => call(heap, parameters, begin, end, scratch)
      },
    }
  } catch (error) {
    return `memory for machine code is refused: ${error instanceof Error ? error.message : String(error)}`
  }
}

function findKoffi(): { readonly koffi: Koffi; readonly path: string } | string {
  const { createRequire } = globalThis.process.getBuiltinModule('node:module')
  const places = [import.meta.url, `${globalThis.process.cwd()}/package.json`]
  for (const place of places) {
    try {
      const require = createRequire(place)
      return { koffi: require('koffi') as Koffi, path: require.resolve('koffi') }
    } catch {
      // The next place.
    }
  }
  return 'the package koffi is not installed'
}

interface CodeMemory {
  reserve(bytes: number): unknown
  seal(place: unknown, bytes: number): void
}

function unixMemory(koffi: Koffi): CodeMemory {
  const mac = globalThis.process.platform === 'darwin'
  const library = koffi.load(mac ? 'libSystem.B.dylib' : 'libc.so.6')
  const mmap = library.func('void *mmap(void *addr, size_t len, int prot, int flags, int fd, long off)')
  const mprotect = library.func('int mprotect(void *addr, size_t len, int prot)')
  const anonymousPrivate = mac ? 0x1002 : 0x22
  return {
    reserve(bytes) {
      const place = mmap(null, bytes, readWrite, anonymousPrivate, -1, 0)
      if (koffi.address(place) === 0xffff_ffff_ffff_ffffn) throw new Error('mmap failed')
      return place
    },
    seal(place, bytes) {
      if (mprotect(place, bytes, readExecute) !== 0) throw new Error('mprotect failed')
    },
  }
}

function windowsMemory(koffi: Koffi): CodeMemory {
  const library = koffi.load('kernel32.dll')
  const allocate = library.func('void *VirtualAlloc(void *addr, size_t len, uint32_t type, uint32_t protect)')
  const protect = library.func(
    'int VirtualProtect(void *addr, size_t len, uint32_t protect, _Out_ uint32_t *old)',
  )
  const [commitReserve, pageReadWrite, pageExecuteRead] = [0x3000, 0x04, 0x20]
  return {
    reserve(bytes) {
      const place = allocate(null, bytes, commitReserve, pageReadWrite)
      if (place === null) throw new Error('VirtualAlloc failed')
      return place
    },
    seal(place, bytes) {
      if (protect(place, bytes, pageExecuteRead, [0]) === 0) throw new Error('VirtualProtect failed')
    },
  }
}
