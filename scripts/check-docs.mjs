// Compiles and runs every block of TypeScript in README.md, docs/*.md and the packages' READMEs, each as a
// module of its own, against the built packages. A block opened with `ts no-run` is only compiled. Blocks run
// in a scratch folder in which models/ is the repository's, and tiny/ the untrained models of tests. README's
// lines of tasks must be current, too.
//
//   node scripts/check-docs.mjs [root] [file.md …]

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { blocksOf } from './document-blocks.mjs'

const secondsPerBlock = 60
const root = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)))
const scratch = join(root, '.cache', 'docs')
rmSync(scratch, { recursive: true, force: true })
mkdirSync(join(scratch, 'run'), { recursive: true })
for (const [name, folder] of Object.entries({ models: 'models', tiny: 'packages/heed/src/tasks/fixtures' }))
  if (existsSync(join(root, folder))) symlinkSync(join(root, folder), join(scratch, 'run', name), 'junction')

const blocks = documents().flatMap((document) => blocksOf(root, document))
for (const { file, code } of blocks) {
  mkdirSync(dirname(join(scratch, file)), { recursive: true })
  writeFileSync(join(scratch, file), code)
}
const problems =
  blocks.length > 0
    ? [...compile(), ...blocks.filter((block) => block.runs).flatMap(run), ...taskLines()]
    : []
for (const problem of problems) console.error(problem)
console.log(`${blocks.length} blocks, ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0

/** README.md, docs/*.md and the packages' READMEs, relative to the root. */
function documents() {
  const entries = (folder) => (existsSync(join(root, folder)) ? readdirSync(join(root, folder)).sort() : [])
  return [
    'README.md',
    ...entries('docs')
      .filter((entry) => entry.endsWith('.md'))
      .map((guide) => `docs/${guide}`),
    ...['packages', 'models'].flatMap((folder) => entries(folder).map((one) => `${folder}/${one}/README.md`)),
  ].filter((path) => existsSync(join(root, path)))
}

/** What README says of each task, in this repository: what is stale. */
function taskLines() {
  const script = join(root, 'scripts/task-lines.mjs')
  if (!existsSync(script)) return []
  const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' })
  return status === 0 ? [] : [stderr.trim()]
}

/** Compiles all blocks at once, as strictly as the project itself; what the compiler says. */
function compile() {
  const options = {
    extends: relative(scratch, join(root, 'tsconfig.base.json')).replaceAll('\\', '/'),
    compilerOptions: {
      composite: false,
      declaration: false,
      sourceMap: true,
      isolatedDeclarations: false,
      noUnusedLocals: false,
      lib: ['ES2023', 'DOM', 'DOM.Iterable'],
      types: ['node'],
      rootDir: '.',
      outDir: 'dist',
    },
    include: ['*.ts'],
  }
  writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify(options))
  writeFileSync(join(scratch, 'package.json'), '{ "type": "module" }')
  const compiler = fileURLToPath(import.meta.resolve('typescript/package.json')).replace(
    'package.json',
    'bin/tsc',
  )
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [compiler, '-p', scratch, '--pretty', 'false'],
    {
      cwd: scratch,
      encoding: 'utf8',
    },
  )
  if (status === 0) return []
  const documentOf = new Map(blocks.map(({ file, document }) => [file, document]))
  const places = /^([^\s(]+\.ts)\((\d+),(\d+)\)/gm
  return [
    `${stdout}${stderr}`
      .trim()
      .replace(
        places,
        (_, file, line, column) => `${documentOf.get(basename(file)) ?? file}:${line}:${column}`,
      ),
  ]
}

/** Runs one block; what went wrong. */
function run({ document, file, start }) {
  const script = join(scratch, 'dist', file.replace(/\.ts$/, '.js'))
  if (!existsSync(script)) return [`${document}:${start}: was not compiled`]
  const { status, signal, stderr } = spawnSync(process.execPath, ['--enable-source-maps', script], {
    cwd: join(scratch, 'run'),
    encoding: 'utf8',
    timeout: secondsPerBlock * 1000,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (status === 0) return []
  const reason =
    signal === 'SIGTERM' ? `did not end within ${secondsPerBlock} seconds` : `exit status ${status}`
  return [`${document}:${start}: ${reason}\n${stderr.trim()}`]
}
