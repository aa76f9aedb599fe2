/** A pointer, as koffi gives it. */
export type Pointer = bigint

/** A function of a library that koffi has loaded. */
export type Foreign = (...values: readonly unknown[]) => unknown

/** The part of koffi that is used. */
export interface Koffi {
  readonly version: string
  /** The library of a name; null: the process itself, with the system's C library. */
  load(library: string | null): { func(declaration: string): Foreign }
  /** Where a view's bytes lie. */
  address(view: Uint8Array): bigint
  /** The bytes at an address, as they are. */
  view(pointer: Pointer, bytes: number): ArrayBuffer
  proto(result: string, parameters: readonly string[]): unknown
  /** The function at an address. */
  decode(pointer: Pointer, type: unknown): (...values: readonly number[]) => void
  /** The system's number of the last error. */
  errno(): number
  readonly os: { readonly errno: Readonly<Record<string, number>> }
}

/** The first version whose pointers are numbers. */
const leastVersion = 3

/** Koffi, and the file that it was loaded from; or why it isn't there. */
export function findKoffi(): { readonly koffi: Koffi; readonly path: string } | string {
  const { createRequire } = globalThis.process.getBuiltinModule('node:module')
  for (const place of places()) {
    let path: string
    let require: NodeJS.Require
    try {
      require = createRequire(place())
      path = require.resolve('koffi')
    } catch {
      continue
    }
    try {
      const koffi = require(path) as Koffi
      if (Number.parseInt(koffi.version, 10) >= leastVersion) return { koffi, path }
      return `koffi ${koffi.version} is too old, version ${leastVersion} is needed`
    } catch (error) {
      return `koffi can't be loaded: ${firstLine(error)}`
    }
  }
  return 'the package koffi is not installed'
}

/**
 * From where koffi is looked for: the library's own place, then the program's. The working directory counts
 * where there is no program (--eval), as it does for the imports written there.
 */
function places(): readonly (() => string)[] {
  const { process } = globalThis
  const { realpathSync } = process.getBuiltinModule('node:fs')
  const program = process.argv[1]
  return [
    () => import.meta.url,
    () => (program === undefined ? `${process.cwd()}/eval.js` : realpathSync(program)),
  ]
}

export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.trim()
}
