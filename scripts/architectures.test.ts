import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Architecture, architectures } from '../packages/heed/src/index.js'

// The table of what heed runs, in docs/models.md, is the registry's. HEED_WRITE=1 writes it.

const page = new URL('../docs/models.md', import.meta.url)
const begin = '<!-- architectures: HEED_WRITE=1 npx vitest run scripts/architectures.test.ts -->\n\n'
const end = '\n<!-- end of architectures -->'

function tableOf(list: readonly Architecture[]): string {
  const code = (names: readonly string[] = []): string => names.map((name) => `\`${name}\``).join(', ') || '–'
  const families = [...new Set(list.map(({ family }) => family))]
  const rows = families.flatMap((family) =>
    list
      .filter((one) => one.family === family)
      .map(({ name, modelTypes, gguf, source }) => [name, family, code(modelTypes), code(gguf), source]),
  )
  const head = [['architecture', 'family', '`model_type`', 'in GGUF', 'source'], Array<string>(5).fill('---')]
  return [...head, ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

test('docs/models.md has the table of the registry', () => {
  const text = readFileSync(page, 'utf8')
  const from = text.indexOf(begin) + begin.length
  const to = text.indexOf(end, from)
  expect(text.includes(begin) && to >= from).toBe(true)
  const written = text.slice(0, from) + tableOf(architectures()) + text.slice(to)
  if (process.env['HEED_WRITE'] === '1') writeFileSync(page, written)
  else expect(text).toBe(written)
})
