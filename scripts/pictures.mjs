// Takes the pictures of README.md in a real browser, from what the commands write:
//
//   node scripts/pictures.mjs PAGE.html NAME [--height N] [--width N] [--dark]
//
// writes docs/images/NAME.png. HEED_CHROMIUM is the browser's path.

import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    width: { type: 'string', default: '1280' },
    height: { type: 'string', default: '800' },
    dark: { type: 'boolean', default: false },
  },
})
const [page, name] = positionals
if (page === undefined || name === undefined) {
  console.error('usage: node scripts/pictures.mjs PAGE.html NAME [--width N] [--height N] [--dark]')
  process.exit(2)
}
const folder = fileURLToPath(new URL('../docs/images', import.meta.url))
mkdirSync(folder, { recursive: true })
const browser = await chromium.launch({
  executablePath: process.env.HEED_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-quic'],
})
try {
  const tab = await browser.newPage({
    viewport: { width: Number(values.width), height: Number(values.height) },
    colorScheme: values.dark ? 'dark' : 'light',
    deviceScaleFactor: 1,
  })
  await tab.goto(pathToFileURL(resolve(page)).href)
  await tab.waitForTimeout(500)
  await tab.screenshot({ path: `${folder}/${name}.png` })
  console.log(`docs/images/${name}.png`)
} finally {
  await browser.close()
}
