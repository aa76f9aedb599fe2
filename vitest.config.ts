import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// What the library imports by a name of its own, since browsers get something else there: the sources.
const library = new URL('packages/heed/', import.meta.url)
const { imports } = JSON.parse(readFileSync(new URL('package.json', library), 'utf8')) as {
  imports: Readonly<Record<string, { default: string }>>
}
const internal = Object.entries(imports).map(([find, { default: file }]) => ({
  find,
  replacement: fileURLToPath(new URL(file.replace('/dist/', '/src/').replace(/js$/, 'ts'), library)),
}))

// Three suites: the default one (fast), `--mode long` (*.long.test.ts) and `--mode browser`
// (*.browser.test.ts).
const suites: Readonly<Record<string, string>> = {
  long: '*.long.test.ts',
  browser: '*.browser.test.ts',
}

export default defineConfig(({ mode }) => {
  const files = suites[mode] ?? '*.test.ts'
  const others = Object.values(suites).filter((suite) => suite !== files)
  return {
    resolve: {
      alias: [
        {
          find: /^heed$/,
          replacement: fileURLToPath(new URL('packages/heed/src/index.ts', import.meta.url)),
        },
        {
          find: /^heed\/text$/,
          replacement: fileURLToPath(new URL('packages/heed/src/text/index.ts', import.meta.url)),
        },
        {
          find: /^heed\/internals$/,
          replacement: fileURLToPath(new URL('packages/heed/src/internals.ts', import.meta.url)),
        },
        ...internal,
        {
          find: /^@heed\/studio\/terminal$/,
          replacement: fileURLToPath(new URL('packages/studio/src/terminal/index.ts', import.meta.url)),
        },
        {
          find: /^@heed\/studio$/,
          replacement: fileURLToPath(new URL('packages/studio/src/index.ts', import.meta.url)),
        },
      ],
    },
    test: {
      include: ['packages/*/src', 'recipes', 'bench', 'examples', 'scripts'].map(
        (folder) => `${folder}/**/${files}`,
      ),
      exclude: ['**/node_modules/**', '**/dist/**', ...others.map((suite) => `**/${suite}`)],
      setupFiles: ['scripts/property-tests.ts'],
      passWithNoTests: mode in suites,
      // One for each processor; left to itself vitest keeps one free.
      maxWorkers: '100%',
      // Limits against a hang, not promises: machines are slow at times.
      testTimeout: mode in suites ? 300_000 : 30_000,
      hookTimeout: mode in suites ? 300_000 : 30_000,
    },
  }
})
