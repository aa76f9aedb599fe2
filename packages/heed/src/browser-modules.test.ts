import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { UsageError } from './base/index.js'
import * as process from './base/process-browser.js'

interface Stand {
  readonly browser: string
  readonly default: string
}
const manifest = new URL('../package.json', import.meta.url)
const { imports } = JSON.parse(readFileSync(manifest, 'utf8')) as { imports: Record<string, Stand> }

test.each(Object.entries(imports))('%s has the same names for browsers', async (_, files) => {
  const [own, other] = await Promise.all(
    [files.default, files.browser].map(async (file) => {
      const source = new URL(file.replace('./dist/', './').replace(/js$/, 'ts'), import.meta.url)
      return Object.keys((await import(source.href)) as object).sort()
    }),
  )
  expect(own!.length).toBeGreaterThan(0)
  expect(other).toEqual(own)
})

test('a page has no modules of Node, all addresses and one thread', () => {
  expect(() => process.nodeModule('node:fs', 'read')).toThrow(UsageError)
  expect(() => process.nodeModule('node:fs', 'read')).toThrow(/modelFromFiles and readSafetensors take bytes/)
  expect(process.addressesLeft()).toBe(Infinity)
  expect(process.availableThreads()).toBe(1)
})
