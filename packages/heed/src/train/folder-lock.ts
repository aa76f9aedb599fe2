import { HeedError, nodeModule, StateError } from '../base/index.js'

/** A folder that this process alone trains in. */
export interface FolderLock {
  /** @throws StateError where another training has taken the folder over */
  check(): Promise<void>
  /** Lets others have the folder. The end of the process, however it ends, does the same. */
  release(): void
}

/** Who trains in a folder, as its marker says. */
interface Holder {
  readonly pid: number
  /**
   * When the process began, in ticks since the machine's start: a later process of the same number has
   * another.
   */
  readonly began?: string | undefined
  /** The machine since its start, and its table of processes: a number means the same process only there. */
  readonly place: string
  /** The folder's own number: the marker in a copy of the folder means nothing. */
  readonly folder: string
}

/** A marker's time is renewed so often, in milliseconds. */
const renewEvery = 5_000
/** A holder that can't be looked up is dead after so many milliseconds without a sign of life. */
const patience = 120_000
const tries = 6

const operation = 'lockFolder'
const files = (): typeof import('node:fs/promises') => nodeModule('node:fs/promises', operation)

const markerName = /^training-[\w-]+\.lock(\.tmp)?$/

/**
 * Takes a folder for one training. Who wants it puts a marker of its own there, and then looks for others. So
 * two never have it together, and nobody takes a marker out of another's hands. Two that come at once step
 * back and try again.
 *
 * A marker of a dead process is removed. Whether the process lives is looked up by its number and the time
 * when it began. Where that can't be done (in another container, on a system without /proc), it lives as long
 * as it renews its marker: after two minutes without a sign it is dead. A holder that was only slow finds its
 * marker gone before it writes.
 *
 * @param work what is done there, for errors
 * @throws StateError where another training has the folder
 * @throws HeedError where the folder isn't there or can't be written to
 */
export async function lockFolder(folder: string, work = 'training'): Promise<FolderLock> {
  const { rename, rm, writeFile } = files()
  const self = await refusing(folder, () => ownIdentity(folder))
  let other: { readonly name: string; readonly pid: number } | undefined
  for (let attempt = 0; attempt < tries; attempt++) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, 10 + 50 * Math.random()))
    const marker = `${folder}/training-${self.pid}-${Math.random().toString(36).slice(2)}.lock`
    const there = await refusing(marker, async () => {
      try {
        await writeFile(`${marker}.tmp`, JSON.stringify(self), { flag: 'wx' })
        await rename(`${marker}.tmp`, marker)
        return true
      } catch (error) {
        await rm(`${marker}.tmp`, { force: true }).catch(() => {})
        // Who has the folder clears away what is half done.
        if (codeOf(error) === 'ENOENT') return false
        throw error
      }
    })
    if (!there) continue
    try {
      other = await refusing(folder, () => liveMarker(folder, marker, self))
    } catch (error) {
      await rm(marker, { force: true }).catch(() => {})
      throw error
    }
    if (other === undefined) return held(marker)
    await rm(marker, { force: true })
  }
  throw new StateError({
    operation,
    expected: `no other ${work} in '${folder}'`,
    found: other === undefined ? 'one that begins' : `process ${other.pid}, as '${other.name}' says`,
    hint: 'wait for its end, or take another folder',
  })
}

function held(marker: string): FolderLock {
  const { stat, utimes } = files()
  const { rmSync } = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const renewing = setInterval(() => {
    const now = new Date()
    utimes(marker, now, now).catch(() => {})
  }, renewEvery)
  renewing.unref()
  return {
    async check() {
      try {
        await stat(marker)
      } catch (cause) {
        if (codeOf(cause) !== 'ENOENT') return
        throw new StateError({
          operation: 'train',
          expected: `'${marker}', the marker of this training`,
          found: 'none',
          hint: 'another training took the folder over, or the marker was removed; this one ends',
          cause,
        })
      }
    },
    release() {
      clearInterval(renewing)
      try {
        rmSync(marker, { force: true })
      } catch {
        // It says nothing once this process has ended.
      }
    },
  }
}

/**
 * A marker beside one's own whose process lives; those of the dead are removed, and what was left half done.
 */
async function liveMarker(
  folder: string,
  own: string,
  self: Holder,
): Promise<{ readonly name: string; readonly pid: number } | undefined> {
  const { readdir, readFile, rm, stat } = files()
  for (const name of await readdir(folder)) {
    const path = `${folder}/${name}`
    if (!markerName.test(name) || path === own) continue
    if (!name.endsWith('.tmp')) {
      const renewed = await stat(path).catch(() => undefined)
      if (renewed === undefined) continue
      const holder = holderOf(await readFile(path, 'utf8').catch(() => ''))
      if (holder && (await lives(holder, self, renewed.mtimeMs))) return { name, pid: holder.pid }
    }
    await rm(path, { force: true, recursive: true })
  }
  return undefined
}

function holderOf(text: string): Holder | undefined {
  try {
    const { pid, began, place, folder } = JSON.parse(text) as Record<string, unknown>
    const whole = Number.isSafeInteger(pid) && (pid as number) > 0
    if (!whole || typeof place !== 'string' || typeof folder !== 'string') return undefined
    return { pid: pid as number, began: typeof began === 'string' ? began : undefined, place, folder }
  } catch {
    return undefined
  }
}

async function lives(holder: Holder, self: Holder, renewed: number): Promise<boolean> {
  if (holder.folder !== self.folder) return false
  if (holder.place === self.place) {
    if (!exists(holder.pid)) return false
    const began = await beginOf(holder.pid)
    if (began !== undefined && holder.began !== undefined) return began === holder.began
  }
  return Date.now() - renewed < patience
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

async function ownIdentity(folder: string): Promise<Holder> {
  const { readFile, readlink, stat } = files()
  const { hostname } = nodeModule<typeof import('node:os')>('node:os', operation)
  const [start, table, began, { ino }] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
    beginOf(process.pid),
    stat(folder, { bigint: true }),
  ])
  return {
    pid: process.pid,
    began,
    place: [hostname(), start.trim(), table].join(' '),
    folder: String(ino),
  }
}

/**
 * When a process began; '' for one that is dead but still listed, undefined where the system doesn't tell.
 */
async function beginOf(pid: number): Promise<string | undefined> {
  const { readFile } = files()
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // Field 2, the program's name in parentheses, may hold anything. Field 3 is the state, field 22 the begin.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields === undefined ? undefined : 'ZX'.includes(fields[0]!) ? '' : fields[19]
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code
}

async function refusing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new HeedError({
      operation,
      expected: `to keep other trainings out with '${path}'`,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'check that the folder is there, may be written to and has room',
      cause,
    })
  }
}
