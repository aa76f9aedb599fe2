import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readFileSync } from 'node:fs'
import { build } from 'esbuild'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { trainTiny, type Trained } from './testing/train-tiny.js'

const CHROMIUM = process.env['HEED_CHROMIUM'] ?? '/usr/bin/chromium'
const missing = !existsSync(CHROMIUM)
if (missing)
  console.warn(`Skipped: no Chromium at ${CHROMIUM}; install it, or set HEED_CHROMIUM to its path.`)

// The library in a page: bundled as any application would, without a change, and held to what Node computes.
describe.skipIf(missing)('heed in a browser', () => {
  let browser: Browser
  let server: Server
  let address: string
  let folder: string
  let isolated = false

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'heed-browser-'))
    const outfile = join(folder, 'bundle.js')
    await build({
      entryPoints: [fileURLToPath(new URL('testing/train-tiny.ts', import.meta.url))],
      bundle: true,
      format: 'iife',
      globalName: 'tiny',
      platform: 'browser',
      outfile,
      logLevel: 'silent',
    })
    const script = readFileSync(outfile)
    server = createServer((request, response) => {
      if (isolated) {
        response.setHeader('cross-origin-opener-policy', 'same-origin')
        response.setHeader('cross-origin-embedder-policy', 'require-corp')
      }
      const page = request.url === '/'
      response.setHeader('content-type', page ? 'text/html' : 'text/javascript')
      response.end(page ? '<!doctype html><title>heed</title><script src="/bundle.js"></script>' : script)
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-quic',
      ],
    })
  })
  afterAll(async () => {
    await browser.close()
    server.close()
    rmSync(folder, { recursive: true })
  })

  const inPage = async (): Promise<{ trained: Trained; shared: boolean; complaints: string[] }> => {
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('favicon')) complaints.push(message.text())
    })
    await page.goto(address)
    expect(complaints).toEqual([])
    const result = await page.evaluate(() => {
      const { tiny } = globalThis as unknown as { tiny: { trainTiny(): Trained } }
      return { trained: tiny.trainTiny(), shared: globalThis.crossOriginIsolated }
    })
    await page.close()
    return { ...result, complaints }
  }

  it('trains on one thread where the page is not isolated, without SharedArrayBuffer', async () => {
    isolated = false
    const { trained, shared, complaints } = await inPage()
    expect(complaints).toEqual([])
    expect(shared).toBe(false)
    expectLike(trained, trainTiny())
  })

  it('trains on all threads where the page is isolated', async () => {
    isolated = true
    const { trained, shared, complaints } = await inPage()
    expect(complaints).toEqual([])
    expect(shared).toBe(true)
    expectLike(trained, trainTiny())
  })
})

/** The same numbers, but for what another engine's vectors may round differently. */
function expectLike(found: Trained, expected: Trained): void {
  expect(found.losses.length).toBe(expected.losses.length)
  found.losses.forEach((loss, step) => expect(loss).toBeCloseTo(expected.losses[step]!, 4))
  expect(found.losses.at(-1)).toBeLessThan(found.losses[0]! / 2)
  expect(found.target).toBe('wasm')
  for (const row of found.filter) expect(row.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5)
}
