import { existsSync } from 'node:fs'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { pngFile } from './testing/png.js'

const CHROMIUM = process.env['HEED_CHROMIUM'] ?? '/usr/bin/chromium'
const missing = !existsSync(CHROMIUM)
if (missing)
  console.warn(`Skipped: no Chromium at ${CHROMIUM}; install it, or set HEED_CHROMIUM to its path.`)

// The library in a page, which decodes with what the platform has.
describe.skipIf(missing)('pictures in a browser', () => {
  it('are decoded by the platform, and refused as in Node', async () => {
    const { outputFiles } = await build({
      stdin: {
        contents: `
          import { decodePicture } from 'heed'
          globalThis.decoded = async (file, options) => {
            try {
              const { height, width, levels } = await decodePicture(Uint8Array.from(file), options)
              return [height, width, ...levels].join()
            } catch (error) {
              return error.name + ': ' + error.found
            }
          }`,
        resolveDir: import.meta.dirname,
      },
      bundle: true,
      format: 'iife',
      platform: 'browser',
      write: false,
    })
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
    try {
      const page = await browser.newPage()
      await page.addScriptTag({ content: outputFiles[0]!.text })
      type Decode = (file: readonly number[], options: object) => Promise<string>
      const decoded = (file: Uint8Array, options: object = {}): Promise<string> =>
        page.evaluate(([bytes, how]) => (globalThis as unknown as { decoded: Decode }).decoded(bytes, how), [
          [...file],
          options,
        ] as const)
      const rgb = { width: 2, height: 1, colour: 2, rows: Uint8Array.of(1, 2, 3, 250, 251, 252) }
      expect(await decoded(pngFile(rgb))).toBe('1,2,1,2,3,250,251,252')
      const half = { width: 2, height: 1, colour: 6, rows: Uint8Array.of(0, 0, 0, 0, 9, 8, 7, 255) }
      expect(await decoded(pngFile(half), { transparency: 'white' })).toBe('1,2,255,255,255,9,8,7')
      const cut = pngFile({ ...rgb, width: 64, height: 64, rows: new Uint8Array(64 * 64 * 3) })
      expect(await decoded(cut.subarray(0, 50))).toMatch(/^FormatError: /)
      expect(await decoded(new TextEncoder().encode('<svg/>'))).toBe('FormatError: an SVG')
      const large = pngFile({ width: 16000, height: 16000, bits: 1, colour: 0, rows: new Uint8Array(2000) })
      expect(await decoded(large)).toBe('FormatError: 16000 by 16000')
    } finally {
      await browser.close()
    }
  }, 60_000)
})
