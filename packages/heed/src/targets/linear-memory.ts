import { addressesLeft, type LinearMemory, MemoryError } from '../base/index.js'

const pageBytes = 65536
/** A heap of less is not worth starting. */
const leastBytes = 16 * 2 ** 20

/** What a memory is to have, in pages of 64 KiB. */
export interface MemorySize {
  readonly initial: number
  readonly maximum?: number
  readonly shared?: boolean
}

/**
 * A WebAssembly memory. Where the system limits a process's addresses, engines reserve less than `maximum`,
 * and a shared memory may be one that can't grow at all: then smaller ones are tried.
 *
 * @throws MemoryError where there is none of any size
 */
export function openWasmMemory({ initial, maximum, shared = false }: MemorySize): LinearMemory {
  for (let most = maximum; ; most = Math.max(initial, Math.floor(most! / 2))) {
    try {
      const memory = new WebAssembly.Memory({
        initial,
        ...(most !== undefined && { maximum: most }),
        ...(shared && { shared }),
      })
      if (shared && most !== undefined && most > initial) memory.grow(1)
      return memory
    } catch (cause) {
      if (most === undefined || most <= initial) throw refused(cause)
    }
  }
}

/**
 * Memory of up to `pages` for machine code and the interpreter, which need no WebAssembly: half of the
 * addresses that are left, so that as much stays for everything else. It can't grow.
 *
 * @throws MemoryError where that is less than 16 MiB
 */
export function openPlainMemory(pages: number): LinearMemory {
  const left = Math.min(addressesLeft(), 2 ** 32)
  const bytes = Math.min(pages, Math.floor(left / 2 / pageBytes)) * pageBytes
  if (bytes < Math.min(leastBytes, pages * pageBytes)) throw refused(undefined)
  try {
    return {
      buffer: new SharedArrayBuffer(bytes),
      grow() {
        throw new RangeError(`the system gave ${bytes} bytes`)
      },
    }
  } catch (cause) {
    throw refused(cause)
  }
}

function refused(cause: unknown): MemoryError {
  return new MemoryError({
    operation: 'heap',
    expected:
      'memory with the addresses that WebAssembly reserves (some 10 GiB, of which little is ever used)',
    found: 'none: this process may not have as many addresses (ulimit -v, or a limit of its container)',
    hint: 'lift that limit (ulimit -v unlimited), run node --disable-wasm-trap-handler (Node 20.15 and newer), which reserves less, or npm install koffi for machine code, which needs no such memory',
    ...(cause === undefined ? {} : { cause }),
  })
}
