import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

// In the repository's cache, where node's types are found and no build looks.
const cache = fileURLToPath(new URL('../../../../../.cache', import.meta.url))

const options =
  '--ignoreConfig --noEmit --strict --skipLibCheck --pretty false --types node --target es2022 --lib es2023,dom --module nodenext --moduleResolution nodenext'.split(
    ' ',
  )

/** What the compiler says of each snippet, each after the prelude, in their order; '' where it is content. */
export function complaints(prelude: string, snippets: readonly string[]): string[] {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'types-'))
  try {
    snippets.forEach((snippet, i) => writeFileSync(join(folder, `snippet${i}.ts`), `${prelude};${snippet}\n`))
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [tsc, ...options, ...snippets.map((_, i) => join(folder, `snippet${i}.ts`))],
      { encoding: 'utf8', cwd: folder },
    )
    expect(stderr).toBe('')
    return snippets.map((_, i) =>
      stdout
        .split('\n')
        .filter((line) => line.startsWith(`snippet${i}.ts`) || line.includes(`/snippet${i}.ts`))
        .join('\n'),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
