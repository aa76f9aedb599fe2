// Packs the packages as they would be published, as files that `npm install` takes.
//
//   node scripts/pack.mjs [folder]       default: packs

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The packages that are published, in the order in which they need each other. */
export const folders = ['packages/heed', 'packages/studio', ...modelFolders(), 'packages/cli']

/** The packages of models. */
function modelFolders() {
  const models = fileURLToPath(new URL('../models', import.meta.url))
  const names = readdirSync(models).filter((name) => existsSync(join(models, name, 'package.json')))
  return names.sort().map((name) => `models/${name}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const to = resolve(process.argv[2] ?? join(root, 'packs'))
  mkdirSync(to, { recursive: true })
  const options = ['pack', '--pack-destination', to, ...folders.map((folder) => `--workspace=${folder}`)]
  const { status } = spawnSync('npm', options, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  process.exitCode = status ?? 1
}
