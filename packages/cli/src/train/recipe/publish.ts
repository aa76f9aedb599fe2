import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UsageError } from 'heed'
import { writeFileWhole } from 'heed/internals'
import { reportFile } from '../recorder.js'
import { smallPage, type Watched } from '../watch.js'
import { cardText } from './card.js'
import type { RecipeConfig } from './config.js'
import { headsFile, headsPicture } from './heads-card.js'
import { resultsFile, type RecipeResults } from './results.js'
import type { PublishConfig } from './results-config.js'

/** Whose the weights are, in a package's folder: written by hand, and packed where it is there. */
const licences = 'LICENSES.md'

/** The page goes where the weights go: so many bytes at most, unless one frame alone takes more. */
const pageBytes = 400_000

/**
 * Writes a finished model as a package: its files, the results, the card as `README.md`, and `package.json`
 * unless it is a part of another; where its filters were watched, the page that shows how they came about.
 * Other files of the folder stay.
 *
 * @returns the folder
 * @throws {UsageError} for weights of more bytes than the configuration allows
 * @throws {HeedError} where the disk refuses
 */
export async function publish(
  config: RecipeConfig,
  { to, part, name, version, description, licence, limitBytes }: PublishConfig,
  folder: string,
  reached: RecipeResults,
  watched?: Watched,
): Promise<string> {
  const results: RecipeResults =
    watched === undefined
      ? reached
      : { ...reached, watched: { text: watched.attend.text, from: watched.from } }
  if (results.bytes > limitBytes)
    throw new UsageError({
      operation: 'publish',
      expected: `weights of at most ${limitBytes} bytes`,
      found: String(results.bytes),
      hint: 'train a smaller model, store f16, or raise publish.limitBytes',
    })
  const names: string[] = []
  for (const file of (await readdir(folder, { recursive: true })).toSorted())
    if ((await stat(join(folder, file))).isFile() && file !== 'README.md')
      names.push(file.replaceAll('\\', '/'))
  const write = async (file: string, content: Uint8Array | string): Promise<void> => {
    await mkdir(dirname(join(to, file)), { recursive: true })
    await writeFileWhole(
      join(to, file),
      typeof content === 'string' ? new TextEncoder().encode(content) : content,
    )
  }
  for (const file of names) await write(file, await readFile(join(folder, file)))
  await write(resultsFile, `${JSON.stringify(results, undefined, 2)}\n`)
  const seen: [file: string, content: string][] = []
  if (watched !== undefined) seen.push([reportFile, smallPage(watched, pageBytes)])
  if (watched !== undefined || results.heads !== undefined)
    seen.push([headsFile, headsPicture(results.heads, watched?.attend)])
  for (const [file, content] of seen) await write(file, content)
  await write('README.md', cardText(config, { name, licence }, results))
  if (part) return to
  const said = {
    name,
    version,
    description,
    license: licence,
    keywords: ['attention', 'transformer', 'weights', config.task],
    files: [
      ...names,
      resultsFile,
      ...seen.map(([file]) => file),
      ...(existsSync(join(to, licences)) ? [licences] : []),
    ],
    type: 'module',
  }
  await write('package.json', `${JSON.stringify(said, undefined, 2)}\n`)
  return to
}
