// Writes docs/reference: every name that the packages offer, with its declaration and its doc comment, a page
// a folder. It reads what the compiler wrote (*.d.ts). A name without a doc comment is an error.
//
//     node scripts/reference.mjs            writes
//     node scripts/reference.mjs --check    says what differs from what stands there

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'oxc-parser'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'docs/reference')

/** The pages: a folder of the library, or a package, with what stands there. */
const pages = {
  base: 'Errors, random keys, trees, dtypes',
  kernels: 'What functions given to `map`, scores and masks are made of',
  targets: 'Where kernels run: machine code, WebAssembly, the interpreter',
  device: 'Heap, threads, launches',
  tensor: 'Tensors and their operations, attention, losses',
  autograd: 'Gradients',
  observe: 'Reading and replacing values of a running model',
  nn: 'Layers, masks, scores, positions, recurrent layers, pooling',
  formats: 'Files of weights, files written whole',
  text: 'Tokenizers',
  vision: 'Pictures, patches',
  checkpoint: 'Weights by name',
  models: 'Models',
  search: 'Finding texts',
  generation: 'Writing on',
  train: 'Training, objectives, losses, optimizers, schedules, data, checkpoints',
  tasks: 'What models are used for, and how good they are at it',
  studio: 'The page and the terminal’s pictures: the package `@heed/studio`',
}

const parsed = new Map()
const problems = []
/** @type {Map<string, { name: string, code: string, source: string, body: string, list: string }[]>} */
const found = new Map(Object.keys(pages).map((page) => [page, []]))
const library = join(root, 'packages/heed')
const { imports } = JSON.parse(readFileSync(join(library, 'package.json'), 'utf8'))
for (const [entry, file] of [
  ['heed', join(root, 'packages/heed/dist/index.d.ts')],
  ['@heed/studio', join(root, 'packages/studio/dist/index.d.ts')],
])
  for (const [name, place] of exportsOf(file)) {
    const page = entry === 'heed' ? pageOf(place.file) : 'studio'
    found.get(page).push({ name, ...described(name, place) })
  }

const files = new Map([['README.md', index()]])
for (const [page, names] of found) if (names.length > 0) files.set(`${page}.md`, written(page, names))

if (process.argv.includes('--check')) {
  for (const [file, text] of files)
    if (!existsSync(join(folder, file)) || readFileSync(join(folder, file), 'utf8') !== text)
      problems.push(`docs/reference/${file} is not what the doc comments say: npm run reference`)
} else if (problems.length === 0) {
  mkdirSync(folder, { recursive: true })
  for (const old of readdirSync(folder)) if (!files.has(old)) rmSync(join(folder, old))
  for (const [file, text] of files) writeFileSync(join(folder, file), text)
}
for (const problem of problems) console.error(problem)
const count = [...found.values()].reduce((sum, names) => sum + names.length, 0)
console.log(`${count} names, ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0

/** A declaration file's text, statements and doc comments. */
function read(file) {
  let known = parsed.get(file)
  if (known === undefined) {
    const text = readFileSync(file, 'utf8')
    const { program, comments } = parseSync(file, text)
    parsed.set(file, (known = { text, body: program.body, comments }))
  }
  return known
}

/**
 * The names that a module exports: `name → { file, nodes }`, the nodes being the statements that declare it.
 */
function exportsOf(file) {
  const names = new Map()
  for (const node of read(file).body) {
    const from = node.source && follow(file, node.source.value)
    if (node.type === 'ExportAllDeclaration') {
      for (const [name, place] of exportsOf(from)) names.set(name, place)
    } else if (node.type === 'ExportNamedDeclaration' && node.declaration) {
      for (const name of declaredBy(node.declaration)) {
        const place = names.get(name) ?? { file, nodes: [] }
        place.nodes.push(node)
        names.set(name, place)
      }
    } else if (node.type === 'ExportNamedDeclaration') {
      const others = from && exportsOf(from)
      for (const { local, exported } of node.specifiers) {
        const place = others ? others.get(local.name) : localPlace(file, local.name)
        if (place === undefined) problems.push(`${relative(root, file)}: ${local.name} is declared nowhere`)
        else names.set(exported.name, place)
      }
    }
  }
  return names
}

/** The declarations that `specifier` means in `file`. */
function follow(file, specifier) {
  const path = imports[specifier]
    ? join(library, imports[specifier].default)
    : resolve(dirname(file), specifier)
  return path.replace(/\.js$/, '.d.ts')
}

/** Of a name that a module declares or imports, and exports further down. */
function localPlace(file, name) {
  const { body } = read(file)
  const nodes = body.filter((node) => declaredBy(node).includes(name))
  if (nodes.length > 0) return { file, nodes }
  const through = body.find(
    ({ type, specifiers }) =>
      type === 'ImportDeclaration' && specifiers.some(({ local }) => local.name === name),
  )
  const from = through && follow(file, through.source.value)
  return from && exportsOf(from).get(name)
}

function declaredBy(declaration) {
  if (declaration.declarations) return declaration.declarations.map(({ id }) => id.name)
  return declaration.id ? [declaration.id.name] : []
}

function pageOf(file) {
  const page = relative(join(root, 'packages/heed/dist'), file).split(sep)[0]
  if (!found.has(page)) throw new Error(`no page for ${file}`)
  return page
}

/** The declaration as it is written, and what its doc comment says. */
function described(name, { file, nodes }) {
  const { text, comments } = read(file)
  const comment = nodes
    .map((node) => commentBefore(text, comments, node.start))
    .find((one) => one !== undefined)
  if (comment === undefined) problems.push(`${relative(root, file)}: ${name} has no doc comment`)
  const code = nodes
    .map(({ start, end }) => text.slice(start, end))
    .map((one) =>
      one
        .replace(/^export (declare )?/, '')
        .replace(/\n *#private;/, '')
        .replaceAll(/^( +)/gm, halved),
    )
    .join('\n')
  return { code, source: sourceOf(file), ...prose(comment ?? '') }
}

function halved(spaces) {
  return ' '.repeat(spaces.length / 2)
}

function sourceOf(file) {
  return relative(root, file)
    .split(sep)
    .join('/')
    .replace('/dist/', '/src/')
    .replace(/\.d\.ts$/, '.ts')
}

/** The doc comment that ends where `start` begins. */
function commentBefore(text, comments, start) {
  const comment = comments.findLast(
    ({ type, value, end }) =>
      type === 'Block' && value.startsWith('*') && end <= start && text.slice(end, start).trim() === '',
  )
  return comment?.value
    .slice(1)
    .replaceAll(/^\s*\* ?/gm, '')
    .trim()
}

/** A doc comment as Markdown: its text, then its tags as a list. */
function prose(comment) {
  const [body, ...tags] = comment.split(/^@(?=[a-z])/m)
  const list = tags.map((tag) => {
    const [, kind, rest] = /^(\w+)\s*([\s\S]*)$/.exec(tag.trim())
    const words = rest.replaceAll(/\s*\n\s*/g, ' ')
    if (kind === 'throws') return `- throws ${words.replace(/^\{?(\w+)\}?/, '`$1`')}`
    if (kind === 'param') return `- ${words.replace(/^([\w.]+)\s*(-\s*)?/, '`$1`: ')}`
    return `- ${kind}: ${words}`
  })
  const linked = (text) => text.replaceAll(/\{@link (\w+)[^}]*\}/g, '`$1`')
  return { body: linked(body.trim()), list: linked(list.join('\n')) }
}

function written(page, names) {
  const entries = names.map(({ name, body, list, code, source }) =>
    [`## ${name}`, body, list, `\`\`\`typescript\n${code}\n\`\`\``, `From \`${source}\`.`]
      .filter((part) => part !== '')
      .join('\n\n'),
  )
  return `# ${page}\n\n${pages[page]}. Made from the doc comments by \`npm run reference\`.\n\n${entries.join('\n\n')}\n`
}

function index() {
  const rows = [...found].flatMap(([page, names]) =>
    names.length === 0
      ? []
      : [
          `\n## [${page}](${page}.md)\n\n${pages[page]}.\n\n| name | what it is |\n|---|---|`,
          ...names.map(
            ({ name, body }) =>
              `| [\`${name}\`](${page}.md#${name.toLowerCase()}) | ${firstSentence(body)} |`,
          ),
        ],
  )
  return `# Reference\n\nEvery name of \`heed\` and \`@heed/studio\`, from the doc comments (\`npm run reference\` writes these pages).\n${rows.join('\n')}\n`
}

function firstSentence(body) {
  const line = body
    .split(/\n\s*\n/)[0]
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|')
  return /^.*?(?<!\b(?:e\.g|i\.e|al|vs|eq))[.:](?= [A-Z(`]|$)/.exec(line)?.[0].replace(/:$/, '.') ?? line
}
