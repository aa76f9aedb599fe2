import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build as esbuild } from 'esbuild'
import { type Browser, chromium } from 'playwright-core'
import { build as vite } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// The built package, as bundlers write it for browsers when nobody sets anything: it runs, computes what Node
// computes, and takes no more bytes than its documents say.

const executablePath = process.env['HEED_CHROMIUM'] ?? '/usr/bin/chromium'
const missing = !existsSync(executablePath)
if (missing) console.warn(`Skipped: no Chromium at ${executablePath}; HEED_CHROMIUM names another.`)

const root = fileURLToPath(new URL('../../..', import.meta.url))
const model = join(root, 'models/first-light')
const folder = join(root, '.cache/bundles')

/** What each program may take, compressed by gzip -9, in bytes; and what it computes. */
const programs = {
  attention: {
    most: 60_000,
    code: `
      import { attention, normal, randomKey } from 'heed'
      const [query, key] = [1, 2].map((seed) => normal(randomKey(seed), { head: 2, row: 5, width: 8 }))
      const mixed = attention(query.rename({ row: 'query' }), key.rename({ row: 'key' }), key.rename({ row: 'key' }))
      export const run = async () => [...mixed.values()]`,
  },
  tokenize: {
    most: 70_000,
    code: `
      import { loadTokenizer } from 'heed/text'
      export const run = async (load) => {
        const tokenizer = loadTokenizer(await load('tokenizer.json'))
        const { ids, spans } = tokenizer.encode('The cat sat, naïvely, on the mat.')
        return [...ids, ...spans]
      }`,
  },
  generate: {
    most: 180_000,
    code: `
      import { generate, modelFromFiles } from 'heed'
      export const run = async (load) => {
        const names = ['config.json', 'model.safetensors', 'tokenizer.json']
        const files = await Promise.all(names.map(async (name) => [name, await load(name)]))
        const { model, config, tokenizer } = modelFromFiles(Object.fromEntries(files))
        const { ids } = tokenizer.encode('The cat sat on the')
        return [...generate(model, config, ids, { tokens: 8, temperature: 0 })]
      }`,
  },
} as const
type Program = keyof typeof programs

const inNode = `import { readFileSync } from 'node:fs'
  const load = async (name) => readFileSync(${JSON.stringify(model)} + '/' + name)
  const { run } = await import(process.argv[1])
  console.log(JSON.stringify(await run(load)))`

const bundlers: Readonly<Record<string, (program: Program) => Promise<string>>> = {
  async esbuild(program) {
    const { outputFiles } = await esbuild({
      entryPoints: [join(folder, `${program}.js`)],
      bundle: true,
      minify: true,
      format: 'esm',
      write: false,
      logLevel: 'silent',
    })
    return outputFiles[0]!.text
  },
  async vite(program) {
    const result = await vite({
      root: folder,
      configFile: false,
      logLevel: 'silent',
      build: {
        write: false,
        modulePreload: { polyfill: false },
        // As an application: of a library Vite leaves the blanks.
        rolldownOptions: {
          input: join(folder, `${program}.js`),
          preserveEntrySignatures: 'strict',
          output: { format: 'es' },
        },
      },
    })
    const { output } = result as unknown as { output: readonly [{ code: string }] }
    return output[0].code
  },
}

describe.skipIf(missing)('bundled for browsers', () => {
  let browser: Browser
  let server: Server
  const scripts = new Map<string, string>()

  beforeAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    for (const [name, { code }] of Object.entries(programs)) writeFileSync(join(folder, `${name}.js`), code)
    server = createServer((request, response) => {
      const name = request.url!.slice(1)
      response.setHeader('content-type', name.endsWith('.js') ? 'text/javascript' : 'text/html')
      // The icon is what a browser asks for by itself.
      if (name === '' || name === 'favicon.ico') response.end('<!doctype html><title>heed</title>')
      else response.end(scripts.get(name) ?? readFileSync(join(model, name)))
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const args = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-quic',
    ]
    browser = await chromium.launch({ executablePath, args })
  })
  afterAll(async () => {
    await browser.close()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  describe.each(Object.keys(bundlers))('%s', (bundler) => {
    test.each(Object.keys(programs) as Program[])('%s', async (program) => {
      const script = await bundlers[bundler]!(program)
      scripts.set(`${bundler}-${program}.js`, script)
      const page = await browser.newPage()
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      // As text: what this test is run by would rewrite the import.
      const found: number[] = await page.evaluate(`(async () => {
        const { run } = await import('/${bundler}-${program}.js')
        return run(async (name) => new Uint8Array(await (await fetch('/' + name)).arrayBuffer()))
      })()`)
      await page.close()
      const node = ['--input-type=module', '--eval', inNode, join(folder, `${program}.js`)]
      const expected = JSON.parse(execFileSync(process.execPath, node, { encoding: 'utf8' })) as number[]
      expect(found.length).toBe(expected.length)
      found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 4))
      const { length } = gzipSync(script, { level: 9 })
      expect(length).toBeLessThanOrEqual(programs[program].most)
    })
  })
})
