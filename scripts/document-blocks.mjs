// The ts blocks of a document, each as a module of its own.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The ts blocks of a Markdown document: `{ document, file, code, runs, start }`. Empty lines before the code
 * keep its line numbers those of the document. A block opened with ```ts no-run is only compiled.
 */
export function blocksOf(root, document) {
  const blocks = []
  let open
  for (const [index, line] of readFileSync(join(root, document), 'utf8').split(/\r?\n/).entries()) {
    const fence = /^\s*(`{3,}|~{3,})\s*(.*)$/.exec(line)
    if (open === undefined) {
      if (fence === null) continue
      const [language, ...flags] = fence[2].trim().split(/\s+/)
      const unknown = flags.find((flag) => flag !== 'no-run')
      if (language === 'ts' && unknown !== undefined)
        throw new Error(`${document}:${index + 1}: '${unknown}' after ts`)
      open = { fence: fence[1], language, runs: !flags.includes('no-run'), start: index + 1, lines: [] }
    } else if (fence !== null && fence[2] === '' && fence[1].startsWith(open.fence)) {
      if (open.language === 'ts') {
        const name = `${document.replace(/\.md$/, '').replaceAll('/', '-')}-${open.start}`
        const code = `${'\n'.repeat(open.start)}${open.lines.join('\n')}\nexport {}\n`
        blocks.push({ document, file: `${name}.ts`, code, runs: open.runs, start: open.start })
      }
      open = undefined
    } else {
      open.lines.push(line)
    }
  }
  if (open !== undefined) throw new Error(`${document}:${open.start}: this block is never closed`)
  return blocks
}
