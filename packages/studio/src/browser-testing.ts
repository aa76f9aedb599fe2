import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect } from 'vitest'

const CHROMIUM = process.env['HEED_CHROMIUM'] ?? '/usr/bin/chromium'

/** Whether there is no browser to test in. */
export const missing: boolean = !existsSync(CHROMIUM)
if (missing)
  console.warn(`Skipped: no Chromium at ${CHROMIUM}; install it, or set HEED_CHROMIUM to its path.`)

export interface Opened {
  readonly page: Page
  /** Console errors, uncaught errors, and requests other than for the file itself. */
  readonly complaints: string[]
}

export interface Pages {
  open(html: string, options?: Parameters<Browser['newPage']>[0]): Promise<Opened>
}

/** A browser for the tests of one file, in which pages are opened from a file as a reader opens them. */
export function pagesForTests(): Pages {
  let browser: Browser
  let folder: string
  let count = 0
  beforeAll(async () => {
    execFileSync(process.execPath, [fileURLToPath(new URL('../build.mjs', import.meta.url))])
    folder = mkdtempSync(join(tmpdir(), 'heed-studio-'))
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    async open(html, options = {}) {
      const file = join(folder, `${count++}.html`)
      writeFileSync(file, html)
      const page = await browser.newPage({
        viewport: { width: 1280, height: 900 },
        reducedMotion: 'reduce',
        ...options,
      })
      const complaints: string[] = []
      const address = pathToFileURL(file).href
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
      })
      page.on('pageerror', (error) => complaints.push(error.message))
      page.on('request', (request) => {
        if (request.url() !== address) complaints.push(`request: ${request.url().slice(0, 100)}`)
      })
      await page.goto(address)
      await page.waitForSelector('html[data-ready]')
      return { page, complaints }
    },
  }
}

/** Waits until a text on the page is as expected. */
export async function says(page: Page, selector: string, expected: string | RegExp): Promise<void> {
  await expect.poll(() => page.locator(selector).innerText(), { timeout: 5000 }).toMatch(expected)
}

export async function attribute(page: Page, selector: string, name: string): Promise<string | null> {
  return page.locator(selector).getAttribute(name)
}

/** What the rules of accessibility (axe) find wrong with a page. */
export async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'))
  return page.evaluate(async () => {
    const { axe: checker } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
    }
    const result = await checker.run()
    return result.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`)
  })
}
