/**
 * Debian's package indices through apt alone, in a folder of their own: no file of the system's is written.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { HeedError } from 'heed'

export type Indices = {
  /** Names of the two index files, without the archive's address. */
  readonly names: readonly [string, string]
  readonly translations: string
  readonly packages: string
  /** The index of each other language that was asked for, by its code. */
  readonly others: ReadonlyMap<string, string>
}

const aptHelper = '/usr/lib/apt/apt-helper'

function text(file: string): string {
  const result = spawnSync(aptHelper, ['cat-file', file], { maxBuffer: 1 << 30 })
  if (result.status !== 0) {
    throw new HeedError({
      operation: 'debianIndices',
      expected: `apt-helper to unpack '${file}'`,
      found: result.error?.message ?? result.stderr.toString().trim(),
      hint: 'delete the folder that the indices are kept in, and run again',
    })
  }
  return result.stdout.toString('utf8')
}

/**
 * The main component's English descriptions and packages of the system's release, updates and security left
 * out. Indices that the folder already holds are used again, so that a second run reads the same bytes.
 *
 * @param folder where the indices are kept.
 * @param languages of descriptions beside the English ones, by their codes.
 * @returns the indices, or a sentence that says why there are none.
 */
export function debianIndices(folder: string, languages: readonly string[] = []): Indices | string {
  if (!existsSync(aptHelper)) return 'apt is not on this machine'
  const lists = join(folder, 'lists')
  const cache = join(folder, 'cache')
  mkdirSync(join(lists, 'partial'), { recursive: true })
  mkdirSync(join(cache, 'archives', 'partial'), { recursive: true })
  const find = (): readonly [string, string, ...string[]] | undefined => {
    const files = readdirSync(lists).sort()
    for (const translation of files) {
      const release = /_dists_([a-z]+)_main_i18n_Translation-en(?:\.|$)/.exec(translation)?.[1]
      if (release === undefined) continue
      const named = (end: string): string | undefined =>
        files.find((file) => new RegExp(`_dists_${release}_main_${end}(?:\\.|$)`).test(file))
      const packages = named('binary-[^_]+_Packages')
      const others = languages.map((language) => named(`i18n_Translation-${language}`))
      if (packages !== undefined && others.every((file) => file !== undefined))
        return [translation, packages, ...others]
    }
    return undefined
  }
  let found = find()
  if (found === undefined) {
    const options = [
      `Dir::State::lists=${lists}`,
      `Dir::Cache=${cache}`,
      `Acquire::Languages=${['en', ...languages].join()}`,
      'APT::Sandbox::User=root',
    ].flatMap((option) => ['-o', option])
    const result = spawnSync('apt-get', [...options, 'update'], { maxBuffer: 1 << 26 })
    found = find()
    if (found === undefined) {
      const reason = result.error?.message ?? result.stderr.toString().trim().split('\n').at(-1) ?? ''
      const wanted = languages.length === 0 ? '' : ` and those in ${languages.join(', ')}`
      return `apt-get update brought no main index with English descriptions${wanted} (exit ${result.status}): ${reason}`
    }
  }
  const name = (file: string): string => file.replace(/^.*_dists_/, '').replace(/\.[a-z0-9]+$/, '')
  return {
    names: [name(found[0]), name(found[1])],
    translations: text(join(lists, found[0])),
    packages: text(join(lists, found[1])),
    others: new Map(languages.map((language, i) => [language, text(join(lists, found[2 + i]!))])),
  }
}
