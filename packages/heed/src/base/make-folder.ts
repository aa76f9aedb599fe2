import { nodeModule } from '#process'

/**
 * Makes a folder, with those around it, where it is not there. Node's own way (`recursive`) tries for ever
 * where the system says of a folder that is there that it is not, as `/proc` does of what is made in it.
 *
 * @param mode the rights of what is made
 * @throws the system's error where it can't be made
 */
export function makeFolder(path: string, mode: number = 0o777): void {
  const { mkdirSync, statSync } = nodeModule<typeof import('node:fs')>('node:fs', 'makeFolder')
  const paths = nodeModule<typeof import('node:path')>('node:path', 'makeFolder')
  const make = (folder: string): string | undefined => {
    try {
      mkdirSync(folder, mode)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // Systems name several reasons why what is there can't be made: a read-only disk, a root.
      if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return undefined
      if (code !== 'ENOENT' || paths.dirname(folder) === folder) throw error
      return code
    }
    return undefined
  }
  if (make(path) === undefined) return
  makeFolder(paths.dirname(path), mode)
  mkdirSync(path, mode)
}
