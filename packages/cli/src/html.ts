import { fstatSync } from 'node:fs'
import { access, constants, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { HeedError } from 'heed'
import { writeFileWhole } from 'heed/internals'
import { renderReport, type Report } from '@heed/studio'
import { UsageError } from './errors.js'

export { titleOf } from '@heed/studio'

/**
 * Looks whether a page, or something else, can be written to a path, before the work is done that it shows.
 *
 * @param option that the path was given with
 * @throws {UsageError} where there is a folder
 * @throws {HeedError} where nothing can be written: there is no folder around it, or it is not allowed
 */
export async function checkPage(path: string, option = '--html', what = 'a page'): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (path === '' || found?.isDirectory() === true)
    throw new UsageError(
      `${option}: expected the name of a file, found ${path === '' ? 'none' : `the folder '${path}'`}`,
    )
  if (found !== undefined && outputAt(found) !== undefined) return
  try {
    if (found !== undefined) await access(path, constants.W_OK)
    // A file is replaced, for which its folder is written to.
    if (found === undefined || found.isFile()) await access(dirname(path), constants.W_OK)
  } catch (cause) {
    throw new HeedError({
      operation: option,
      expected: `to write ${what} to '${path}'`,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'check that the folder exists and may be written to',
      cause,
    })
  }
}

/**
 * Looks that what is written does not take the place of what is read.
 *
 * @throws {UsageError} where both are the same file, or the output stands in the folder that is read
 */
export async function checkApart(input: string, output: string, option = '--output'): Promise<void> {
  const [read, folder, written] = await Promise.all([real(input), real(dirname(output)), real(output)])
  if (read === undefined) return
  const place = written ?? (folder === undefined ? undefined : join(folder, basename(output)))
  if (place !== undefined && (place === read || place.startsWith(`${read}${sep}`)))
    throw new UsageError(
      `${option}: expected another place than the input's, found '${output}'; ` +
        'what is read would be replaced, or read again next time',
    )
}

function real(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined)
}

/**
 * Writes the page that shows a report: one file that asks nobody for anything. What is no file, such as a
 * pipe, gets it as it is.
 *
 * @throws {UsageError} where the report can't be shown on a page: a text too long
 * @throws {HeedError} where the file can't be written
 */
export async function writeReport(path: string, report: Report): Promise<void> {
  await writePage(path, renderReport(report))
}

/**
 * Writes a page. What is no file, such as a pipe, gets it as it is.
 *
 * @throws {HeedError} where the file can't be written
 */
export async function writePage(path: string, html: string): Promise<void> {
  const bytes = new TextEncoder().encode(html)
  const found = await stat(path).catch(() => undefined)
  const output = found && outputAt(found)
  if (output === undefined) return writeFileWhole(path, bytes)
  // Such as /dev/stdout: a second way into the output would write over what comes from the first.
  await new Promise<void>((resolve, reject) => {
    output.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

/** The process's output that a path leads to, if it leads to one. */
function outputAt(found: { readonly dev: number; readonly ino: number }): NodeJS.WriteStream | undefined {
  return [process.stdout, process.stderr].find(({ fd }) => {
    try {
      const { dev, ino } = fstatSync(fd)
      return dev === found.dev && ino === found.ino
    } catch {
      return false
    }
  })
}
