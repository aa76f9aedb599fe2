import { type FileLayer, nodeFiles } from '../file-layer.js'

/**
 * When in an operation the process dies: half-way (a file half written, a folder half removed; what can't be
 * halved isn't done), or right after it, which is the same as before the next.
 */
export type Moment = 'half' | 'after'

export interface FragileFiles extends FileLayer {
  /** Operations that change the disk, so far, by name. */
  readonly operations: readonly string[]
}

/**
 * Node's file system, for a process that dies at its `at`-th operation that changes the disk, counted from 0.
 * `die` does not come back.
 */
export function fragileFiles(at: number, moment: Moment, die: () => never): FragileFiles {
  const operations: string[] = []
  let dead = false
  const dying = (): never => {
    dead = true
    return die()
  }
  const around = async (
    name: string,
    work: () => Promise<void>,
    half: () => Promise<void> = async () => {},
  ): Promise<void> => {
    if (dead) return dying()
    const mine = operations.push(name) - 1 === at
    await (mine && moment === 'half' ? half() : work())
    if (mine) dying()
  }
  return {
    operations,
    read: (path) => nodeFiles.read(path),
    list: (folder) => nodeFiles.list(folder),
    makeFolder: (path) => around('makeFolder', () => nodeFiles.makeFolder(path)),
    write: (path, bytes) =>
      around(
        'write',
        () => nodeFiles.write(path, bytes),
        () => nodeFiles.write(path, bytes.subarray(0, bytes.length >> 1)),
      ),
    flushFolder: (path) => around('flushFolder', () => nodeFiles.flushFolder(path)),
    rename: (from, to) => around('rename', () => nodeFiles.rename(from, to)),
    remove: (path) =>
      around(
        'remove',
        () => nodeFiles.remove(path),
        async () => {
          const [first] = await nodeFiles.list(path)
          if (first !== undefined) await nodeFiles.remove(`${path}/${first}`)
        },
      ),
  }
}

/** The moments of an operation that leave different disks behind. */
export function momentsOf(operation: string): readonly Moment[] {
  return operation === 'write' || operation === 'remove' ? ['half', 'after'] : ['after']
}
