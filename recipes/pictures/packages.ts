/**
 * Packages of pictures, fetched by name and version through npm and apt, and kept in a folder of their own.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { HeedError } from 'heed'

/** A package of npm's, and what is taken of it. */
export interface NpmPackage {
  readonly name: string
  readonly version: string
  readonly licence: string
  /** Files and folders of the package. */
  readonly members: readonly string[]
}

/** Where the drawings, their names and their keywords come from. */
export const npmPackages: Readonly<Record<'google' | 'twitter' | 'fluent' | 'names', NpmPackage>> = {
  google: {
    name: 'emoji-datasource-google',
    version: '16.0.0',
    licence: 'Apache-2.0',
    members: ['emoji.json', 'img/google/64'],
  },
  twitter: {
    name: 'emoji-datasource-twitter',
    version: '16.0.0',
    licence: 'CC BY 4.0',
    members: ['emoji.json', 'img/twitter/64'],
  },
  fluent: {
    name: '@lobehub/fluent-emoji-3d',
    version: '1.1.0',
    licence: 'MIT',
    members: ['assets'],
  },
  names: {
    name: 'emojibase-data',
    version: '17.0.0',
    licence: 'MIT',
    members: ['en/data.json'],
  },
}

/**
 * The folder of a package. It is fetched once: where the folder is there, nothing is asked of anybody.
 *
 * @throws HeedError where npm or tar fails
 */
export function npmFolder(cache: string, { name, version, members }: NpmPackage): string {
  const plain = `${name.replace(/^@/, '').replaceAll('/', '-')}-${version}`
  const folder = join(cache, plain)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  const file = join(cache, `${plain}.tgz`)
  if (!existsSync(file)) run('npm', ['pack', `${name}@${version}`, '--silent', '--pack-destination', cache])
  unpacked(folder, (target) =>
    run('tar', [
      '-xzf',
      file,
      '-C',
      target,
      '--strip-components=1',
      ...members.map((member) => `package/${member}`),
    ]),
  )
  return folder
}

/**
 * The folder of a package of Debian's, unpacked and not installed.
 *
 * @throws HeedError where apt fails, or there is none
 */
export function debianFolder(cache: string, name: string): string {
  const folder = join(cache, name)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  const downloaded = (): string | undefined =>
    readdirSync(cache).find((one) => one.startsWith(`${name}_`) && one.endsWith('.deb'))
  if (downloaded() === undefined)
    run('apt-get', ['-o', 'APT::Sandbox::User=root', '-qq', 'download', name], cache)
  const file = downloaded()
  if (file === undefined) throw failed('apt-get download', name, 'no file')
  unpacked(folder, (target) => run('dpkg-deb', ['-x', join(cache, file), target]))
  return folder
}

/** A folder stands under its name only when all of it is there. */
function unpacked(folder: string, unpack: (target: string) => void): void {
  const target = `${folder}.part`
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  unpack(target)
  renameSync(target, folder)
}

function run(command: string, rest: readonly string[], folder?: string): void {
  const result = spawnSync(command, rest, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 26,
    shell: process.platform === 'win32',
    ...(folder === undefined ? {} : { cwd: folder }),
  })
  if (result.status === 0) return
  const reason = result.error?.message ?? result.stderr.trim().split('\n').at(-1) ?? ''
  throw failed(command, rest.join(' '), reason === '' ? `exit ${result.status}` : reason)
}

function failed(command: string, what: string, found: string): HeedError {
  return new HeedError({
    operation: 'pictures data',
    expected: `${command} to give ${what}`,
    found,
    hint: 'connect for the first run, or put the package into the folder by hand',
  })
}
