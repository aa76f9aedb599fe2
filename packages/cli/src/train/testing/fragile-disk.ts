import { createRequire, syncBuiltinESMExports } from 'node:module'

/** When in an operation it happens: before it, half-way (what can't be halved isn't done), or after it. */
export type Moment = 'before' | 'half' | 'after'

export interface Fragility {
  /** Which operation that changes the disk, counted from 0. */
  readonly at: number
  readonly moment: Moment
  /**
   * What happens then: it throws, or ends the process. Where it throws, the disk stays dead (`die`) or works
   * on (`fail`); `full` fails every operation from then on that writes.
   */
  readonly kind: 'die' | 'fail' | 'full'
  readonly happen: () => never
}

export interface FragileDisk {
  /** Operations that changed the disk, so far, by name. */
  readonly operations: readonly string[]
  /** Makes the disk as it was. */
  restore(): void
}

type Work = (...args: unknown[]) => unknown
type Methods = Record<string, Work>

/** What each operation is done to by halves: arguments for half the work, or nothing. */
const halves: Readonly<Record<string, (args: readonly unknown[]) => readonly unknown[] | undefined>> = {
  'file.write': ([bytes, offset, length, position]) => [bytes, offset, (length as number) >> 1, position],
  'file.writeFile': ([bytes]) => [(bytes as Uint8Array).subarray(0, (bytes as Uint8Array).length >> 1)],
  writeFile: ([path, text, options]) => [
    path,
    (text as string).slice(0, (text as string).length >> 1),
    options,
  ],
}

/** The moments of an operation that leave different disks behind: before one is after the one before it. */
export function momentsOf(operation: string): readonly Moment[] {
  return operation in halves ? ['half', 'after'] : ['after']
}

/** What a disk without room refuses. */
const writing = new Set(['writeFile', 'mkdir', 'file.write', 'file.writeFile', 'file.sync'])

/**
 * Puts itself between this process and Node's file system: at one of the operations that change the disk,
 * something happens. Modules see it however they import the file system.
 */
export async function fragileDisk({ at, moment, kind, happen }: Fragility): Promise<FragileDisk> {
  const require = createRequire(import.meta.url)
  const fs = require('node:fs') as typeof import('node:fs')
  const promises = fs.promises as unknown as Methods
  const handle = await fs.promises.open(process.execPath, 'r')
  const handles = Object.getPrototypeOf(handle) as Methods
  await handle.close()
  const operations: string[] = []
  const originals: (() => void)[] = []
  let dead = false
  const wrap = (object: Methods, name: string, shown: string, sync: boolean): void => {
    const original = object[name]!
    originals.push(() => (object[name] = original))
    object[name] = function (this: unknown, ...args: unknown[]): unknown {
      const full = kind === 'full' && dead && writing.has(shown)
      const mine = !dead && operations.length === at
      if (!dead) operations.push(shown)
      const refuse = (): unknown => {
        if (sync) return happen()
        return new Promise((_, reject) => {
          try {
            happen()
          } catch (error) {
            reject(error as Error)
          }
        })
      }
      if ((dead && kind === 'die') || full) return refuse()
      if (!mine) return original.apply(this, args)
      dead = kind !== 'fail'
      if (moment === 'before') return refuse()
      const some = moment === 'after' ? args : halves[shown]?.(args)
      const done = some === undefined ? undefined : original.apply(this, [...some])
      return sync ? refuse() : Promise.resolve(done).then(refuse)
    }
  }
  for (const name of ['mkdir', 'rename', 'rm', 'writeFile', 'truncate']) wrap(promises, name, name, false)
  for (const name of ['write', 'writeFile', 'sync', 'chmod']) wrap(handles, name, `file.${name}`, false)
  wrap(fs as unknown as Methods, 'rmSync', 'rmSync', true)
  syncBuiltinESMExports()
  return {
    operations,
    restore() {
      for (const back of originals) back()
      syncBuiltinESMExports()
    },
  }
}
