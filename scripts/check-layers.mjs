// Checks what the compiler does not:
//   - from one folder of packages/heed/src into another, imports go through index.js (tests may go anywhere);
//   - a package is imported by its name, never by a path that leads out of one's own;
//   - no files import each other in a circle (type imports count);
//   - no file is longer than 500 lines.
// The order of the folders is held by their project references (`tsc -b`).
//
//   node scripts/check-layers.mjs [root]

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync, Visitor } from 'oxc-parser'

const longest = 500
const root = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)))
const layers = join(root, 'packages', 'heed', 'src')
const manifest = join(root, 'packages', 'heed', 'package.json')
const { imports = {} } = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : {}
const problems = []

const files = ['packages', 'recipes', 'bench', 'examples', 'scripts'].flatMap((folder) =>
  sources(join(root, folder)),
)
const graph = new Map(files.map((file) => [file, read(file)]))
for (const cycle of cycles(graph)) {
  problems.push(`${cycle.map(name).join('\n    imports ')}\n  a circle of imports`)
}

for (const problem of problems) console.error(problem)
console.log(`${files.length} files, ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0

/** Every source file under `folder`, sorted. */
function sources(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .sort()
    .flatMap((entry) => {
      if (entry === 'node_modules' || entry === 'dist' || entry.startsWith('.')) return []
      const path = join(folder, entry)
      if (statSync(path).isDirectory()) return sources(path)
      return /\.(ts|tsx|mts|js|mjs)$/.test(entry) ? [path] : []
    })
}

/** Checks one file; the files that it imports. */
function read(file) {
  const text = readFileSync(file, 'utf8')
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  if (lines > longest) problems.push(`${name(file)}: ${lines} lines; at most ${longest}`)

  const { program, errors } = parseSync(file, text)
  if (errors.length > 0) problems.push(`${name(file)}: ${errors[0].message}`)
  const imported = []
  const visit = ({ source }) => {
    if (source?.type !== 'Literal' || typeof source.value !== 'string') return
    const line = text.slice(0, source.start).split('\n').length
    const target = follow(file, source.value, `${name(file)}:${line}: imports '${source.value}'`)
    if (target !== undefined) imported.push(target)
  }
  new Visitor({
    ImportDeclaration: visit,
    ExportNamedDeclaration: visit,
    ExportAllDeclaration: visit,
    ImportExpression: visit,
    TSImportType: visit,
  }).visit(program)
  return imported
}

/** The file that `specifier` means in `file`, if it is one of ours; notes a forbidden way there. */
function follow(file, specifier, where) {
  const isTest = /\.test\.tsx?$/.test(file)
  // A name of the library's own, which browsers find something else under.
  const own = imports[specifier]?.default.replace('./dist/', '').replace(/js$/, 'ts')
  if (own !== undefined) return join(layers, own)
  if (!specifier.startsWith('.')) {
    if (/^heed(\/|$)/.test(specifier) && file.startsWith(layers + sep) && !isTest) {
      problems.push(`${where}, the package that it is a part of`)
    }
    return undefined
  }
  const path = resolve(dirname(file), specifier)
  if (packageOf(path) !== packageOf(file) && !isTest) {
    problems.push(`${where} in another package; import that by its name`)
  }
  const layer = layerOf(path)
  const enters = layer !== undefined && layerOf(file) !== layer
  if (enters && path !== join(layers, layer, 'index.js') && !isTest) {
    problems.push(`${where} past ${layer}/index.js`)
  }
  return [path.replace(/\.js$/, '.ts'), path.replace(/\.js$/, '.tsx'), path].find((one) =>
    files.includes(one),
  )
}

/** The folder of packages/heed/src that `path` lies in, if it does. */
function layerOf(path) {
  const parts = relative(layers, path).split(sep)
  return parts.length > 1 && parts[0] !== '..' ? parts[0] : undefined
}

function packageOf(path) {
  const parts = relative(root, path).split(sep)
  return parts.slice(0, parts[0] === 'packages' ? 2 : 1).join('/')
}

function name(file) {
  return relative(root, file).split(sep).join('/')
}

/** One circle out of each knot of files that import each other (depth first; each file visited once). */
function cycles(graph) {
  const found = []
  const state = new Map()
  const path = []
  const walk = (file) => {
    state.set(file, 'open')
    path.push(file)
    for (const next of graph.get(file)) {
      if (state.get(next) === 'open') found.push([...path.slice(path.indexOf(next)), next])
      else if (!state.has(next)) walk(next)
    }
    path.pop()
    state.set(file, 'done')
  }
  for (const file of graph.keys()) if (!state.has(file)) walk(file)
  return found
}
