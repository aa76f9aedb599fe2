// Holds prose to 110 columns: comments in the sources, and what is neither table, code nor heading in the
// documents.
//
//     node scripts/prose.mjs          says which lines are longer
//     node scripts/prose.mjs --fix    breaks them anew, paragraph by paragraph

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'oxc-parser'

const columns = 110
const root = fileURLToPath(new URL('..', import.meta.url))
const fix = process.argv.includes('--fix')
const generated = join(root, 'docs', 'reference')
let problems = 0
let count = 0

for (const folder of ['packages', 'models', 'recipes', 'bench', 'examples', 'scripts', 'docs', '.'])
  for (const file of filesIn(join(root, folder), folder !== '.')) {
    count++
    const before = readFileSync(file, 'utf8')
    const after = file.endsWith('.md') ? document(before) : source(file, before)
    if (fix && after !== before) writeFileSync(file, after)
    for (const line of tooLong(file, fix ? after : before)) {
      problems++
      console.error(`${relative(root, file).split(sep).join('/')}:${line}: more than ${columns} columns`)
    }
  }
console.log(`${count} files, ${problems} problems`)
process.exitCode = problems > 0 ? 1 : 0

function filesIn(folder, deep) {
  return readdirSync(folder)
    .sort()
    .flatMap((entry) => {
      const path = join(folder, entry)
      if (/^(node_modules|dist|fixtures|peers)$/.test(entry) || entry.startsWith('.') || path === generated)
        return []
      if (statSync(path).isDirectory()) return deep ? filesIn(path, deep) : []
      return /\.(ts|mjs|js|md)$/.test(entry) ? [path] : []
    })
}

/** Numbers of the lines that are too long, of those that prose stands on. */
function tooLong(file, text) {
  const lines = text.split('\n')
  if (file.endsWith('.md'))
    return proseLines(lines)
      .filter((i) => lines[i].length > columns)
      .map((i) => i + 1)
  const { comments } = parseSync(file, text)
  const found = new Set()
  for (const { start, end } of comments) {
    const first = text.slice(0, start).split('\n').length - 1
    const last = text.slice(0, end).split('\n').length - 1
    for (let i = first; i <= last; i++)
      if (lines[i].length > columns && /\s/.test(lines[i].trim())) found.add(i + 1)
  }
  return [...found]
}

/** A source with its comments broken anew where they have a line that is too long. */
function source(file, text) {
  const { comments } = parseSync(file, text)
  const lineAt = (start) => text.lastIndexOf('\n', start - 1) + 1
  const alone = ({ start }) => text.slice(lineAt(start), start).trim() === ''
  const edits = []
  for (let i = 0; i < comments.length; i++) {
    const { type, start, end } = comments[i]
    const indent = ' '.repeat(start - lineAt(start))
    if (!alone(comments[i])) {
      // Behind code: the comment goes to a line of its own before it.
      const line = text.slice(lineAt(start), end)
      if (type !== 'Line' || line.length <= columns) continue
      const code = text.slice(lineAt(start), start).trimEnd()
      const own = ' '.repeat(code.length - code.trimStart().length)
      const moved = wrapped(comments[i].value.trim(), columns - own.length - 3).map(
        (one) => `${own}// ${one}\n`,
      )
      edits.push({ start: lineAt(start), end, text: `${moved.join('')}${code}` })
      continue
    }
    if (type === 'Line') {
      // A run of lines is one comment.
      let last = i
      while (
        last + 1 < comments.length &&
        comments[last + 1].type === 'Line' &&
        text.slice(comments[last].end, comments[last + 1].start).trim() === '' &&
        text.slice(comments[last].end, comments[last + 1].start).split('\n').length === 2
      )
        last++
      const run = comments.slice(i, last + 1)
      i = last
      if (run.every((one) => one.end - lineAt(one.start) <= columns)) continue
      const body = run.map(({ value }) => value.replace(/^ /, ''))
      const broken = paragraphs(body, columns - indent.length - 3).map((one) => `//${one && ' '}${one}`)
      edits.push({ start, end: run.at(-1).end, text: broken.join(`\n${indent}`) })
    } else if (text.slice(start, end).startsWith('/*') && longest(text, lineAt(start), end) > columns) {
      const [opening] = /^\/\*+/.exec(text.slice(start, end))
      const body = text
        .slice(start + opening.length, end - 2)
        .split('\n')
        .map((line) => line.replace(/^\s*\*? ?/, '').trimEnd())
      while (body.length > 0 && body[0] === '') body.shift()
      while (body.length > 0 && body.at(-1) === '') body.pop()
      const broken = paragraphs(body, columns - indent.length - 3).map((one) => ` *${one && ' '}${one}`)
      edits.push({ start, end, text: [opening, ...broken, ' */'].join(`\n${indent}`) })
    }
  }
  let result = text
  for (const edit of edits.toReversed())
    result = result.slice(0, edit.start) + edit.text + result.slice(edit.end)
  return result
}

function longest(text, start, end) {
  return Math.max(
    ...text
      .slice(start, end)
      .split('\n')
      .map((line) => line.length),
  )
}

/** A document with its paragraphs and list items broken anew where they have a line that is too long. */
function document(text) {
  const lines = text.split('\n')
  const prose = new Set(proseLines(lines))
  const result = []
  for (let i = 0; i < lines.length; i++) {
    if (!prose.has(i) || lines[i] === '') {
      result.push(lines[i])
      continue
    }
    let end = i + 1
    while (prose.has(end) && lines[end] !== '') end++
    const block = lines.slice(i, end)
    i = end - 1
    result.push(...(block.some((line) => line.length > columns) ? paragraphs(block, columns) : block))
  }
  return result.join('\n')
}

/** Which lines of a document are prose: no table, code, heading, picture or HTML. */
function proseLines(lines) {
  const found = []
  let fence
  lines.forEach((line, i) => {
    const mark = /^\s*(```+|~~~+)/.exec(line)
    if (fence !== undefined || mark) {
      if (fence === undefined) fence = mark[1]
      else if (mark && line.trim() === fence) fence = undefined
      return
    }
    if (!/^\s*(\||#|!\[|<|\[[^\]]+\]:|>)/.test(line)) found.push(i)
  })
  return found
}

/**
 * Lines as paragraphs: what begins like an item of a list, a tag or a table begins a new one, and so does an
 * empty line.
 */
function paragraphs(lines, width) {
  const parts = []
  let verbatim = false
  for (const line of lines) {
    if (/^\s*```/.test(line)) verbatim = !verbatim
    const fixed = verbatim || /^\s*(```|\|)/.test(line) || /^ {4,}/.test(line)
    const [, lead, mark, rest] = /^(\s*)([-*] |\d+\. |@\w+ ?|)(.*)$/.exec(line)
    const before = parts.at(-1)
    if (fixed || line.trim() === '') parts.push({ fixed: true, text: line.trimEnd() })
    else if (mark !== '' || before === undefined || before.fixed)
      parts.push({
        first: lead + mark,
        next: lead + (mark.startsWith('@') ? '' : ' '.repeat(mark.length)),
        text: rest,
      })
    else before.text += ` ${rest.trim()}`
  }
  return parts.flatMap(({ fixed, first, next, text }) => {
    if (fixed) return [text]
    const [head, ...others] = wrapped(text, width - first.length)
    return [first + head, ...others.map((line) => next + line)]
  })
}

/** Words in lines of `width` columns; nothing is broken between back quotes. */
function wrapped(text, width) {
  const words = text.match(/(?:[^\s`]*`[^`]*`[^\s`]*|\S)+/g) ?? ['']
  const lines = []
  let line = ''
  for (const word of words) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line += line === '' ? word : ` ${word}`
  }
  return [...lines, line]
}
