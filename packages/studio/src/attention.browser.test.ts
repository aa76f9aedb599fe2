import { readFileSync } from 'node:fs'
import { tensor, type Tensor } from 'heed'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { attentionPage } from './attention.js'
import { attribute, missing, pagesForTests, says, violationsOf } from './browser-testing.js'
import { css, headColours, laidOver, scale } from './page/colour.js'
import { renderReport } from './report.js'
import { longText, SENTENCE, syntheticReport } from './synthetic.js'

const source = ['The', ' cat', ' sat', ' on', ' the', ' mat', '\udce6\udc97']
const target = ['Die', ' Katze', ' saß']

/** Heads of weights from a rule, each row summing to 1. */
function filter(
  heads: number,
  queries: number,
  keys: number,
  weigh: (head: number, query: number, key: number) => number,
): Tensor<string> {
  const numbers: number[] = []
  for (let head = 0; head < heads; head++) {
    for (let query = 0; query < queries; query++) {
      const row = Array.from({ length: keys }, (_, key) => weigh(head, query, key))
      const sum = row.reduce((total, weight) => total + weight, 0)
      numbers.push(...row.map((weight) => weight / sum))
    }
  }
  return tensor(numbers, { batch: 1, head: heads, query: queries, key: keys }) as unknown as Tensor<string>
}

const filters = new Map([
  ['encoder.0.attention.filter', filter(2, 7, 7, (head, query, key) => 1 + ((head + query + key) % 3))],
  ['decoder.0.attention.filter', filter(2, 3, 3, (_, query, key) => (key <= query ? 1 : 0))],
  ['decoder.0.crossAttention.filter', filter(3, 3, 7, (head, query, key) => (key === head + query ? 9 : 1))],
])
const translation = attentionPage(
  filters,
  {
    'encoder.*.attention.filter': source,
    'decoder.*.attention.filter': target,
    'decoder.*.crossAttention.filter': { query: target, key: source },
  },
  { title: 'A translation' },
)
const trained = syntheticReport({ seed: 7, words: SENTENCE, layers: 2, heads: 4, snapshots: 6 })

describe.skipIf(missing)('any model in a browser', () => {
  const pages = pagesForTests()

  async function saved(page: Page, label: string): Promise<{ name: string; bytes: Buffer }> {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: label, exact: true }).click(),
    ])
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) }
  }

  it('shows cross-attention: two texts, a filter that is no square', async () => {
    const { page, complaints } = await pages.open(translation)
    await page.selectOption('#layer', '2')
    await says(page, '.head-name', 'Decoder 0 crossAttention, head 0')
    expect(await page.locator('.two [role=option]').allInnerTexts()).toEqual(['Die', '␣Katze', '␣saß'])
    expect(await page.locator('.two .key').allInnerTexts()).toEqual(
      'The ␣cat ␣sat ␣on ␣the ␣mat E697'.split(' '),
    )
    await page.locator('#token-1').click()
    await expect.poll(() => attribute(page, '#key-1', 'aria-label')).toContain('token 1: 0.600')
    await says(page, '#weight', /␣Katze.*\(1\) attends to .*␣cat.*\(1\): 0\.600/)
    expect(await page.locator('.may-not').isVisible()).toBe(false)
    const box = (await page.locator('.map canvas').boundingBox())!
    expect(box.width).toBeGreaterThan(1.3 * box.height)
    await page.locator('.map').focus()
    await page.keyboard.press('End')
    await page.keyboard.press('ArrowUp')
    await says(page, '#weight', /Die.*\(0\) attends to .*E697.*\(6\): 0\.067/)
    // Another text: the choice begins anew, and no head lies over another.
    await page.selectOption('#layer', '0')
    await says(page, '#attends', /In encoder 0 attention H0, .*E697.* \(token 6\)/)
    expect(await page.locator('.two').count()).toBe(0)
    await page.selectOption('#layer', '1')
    // The page draws a choice with its next frame.
    await expect.poll(() => page.locator('.may-not').isVisible()).toBe(true)
    expect(complaints).toEqual([])
    await page.close()
  })

  it('lays heads over each other in colours, by keyboard or with Shift', async () => {
    const { page, complaints } = await pages.open(translation, { colorScheme: 'light' })
    await page.selectOption('#layer', '2')
    await page.locator('#over').focus()
    expect(await page.locator('#over option').allInnerTexts()).toEqual([
      'decoder 0 crossAttention H1',
      'decoder 0 crossAttention H2',
    ])
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await says(page, '.head-name', '2 heads laid over each other')
    await page
      .locator('.cell')
      .nth(6)
      .click({ modifiers: ['Shift'] })
    await says(page, '.head-name', '3 heads laid over each other')
    expect(await page.locator('.laid-heads bdi').allInnerTexts()).toEqual(
      ['0', '1', '2'].map((head) => `decoder 0 crossAttention H${head}`),
    )
    expect(await page.locator('#lay').isDisabled()).toBe(true)
    // Each token has the colours of the heads that attend to it; each head its own arcs.
    await page.locator('#token-1').click()
    await expect
      .poll(() => attribute(page, '#key-2', 'aria-label'))
      .toMatch(/H0 0\.067, decoder 0 crossAttention H1 0\.600, decoder 0 crossAttention H2 0\.067$/)
    const inks = headColours('light')
    const weights = [1 / 15, 9 / 15, 1 / 15]
    const mixed = laidOver(
      'light',
      scale('light')[0]!,
      inks.slice(0, 3).map((colour, slot) => ({ colour, weight: weights[slot]! })),
    )
    expect(await page.locator('#key-2').evaluate((node) => getComputedStyle(node).backgroundColor)).toBe(
      `rgb(${mixed.red}, ${mixed.green}, ${mixed.blue})`,
    )
    const strokes = await page
      .locator('.arcs path')
      .evaluateAll((paths) => [...new Set(paths.map((path) => getComputedStyle(path).stroke))])
    expect(strokes.sort()).toEqual(
      inks
        .slice(0, 3)
        .map((ink) => css(ink).replaceAll(' ', ', '))
        .sort(),
    )
    expect(await violationsOf(page)).toEqual([])
    // Another head takes the chosen one's place; one that is there already only becomes the chosen one.
    await page.getByLabel('Take away decoder 0 crossAttention H1').click()
    await says(page, '.head-name', '2 heads laid over each other')
    await page.locator('#head').selectOption('1')
    await expect
      .poll(() => page.locator('.laid-heads bdi').allInnerTexts())
      .toEqual(['decoder 0 crossAttention H1', 'decoder 0 crossAttention H2'])
    await page.getByLabel('Take away decoder 0 crossAttention H1').press('Enter')
    await says(page, '.head-name', 'Decoder 0 crossAttention, head 2')
    expect(complaints).toEqual([])
    await page.close()
  })

  it.each([
    ['light', 1600],
    ['dark', 360],
  ] as const)('passes the accessibility rules, %s at %i pixels', async (colorScheme, width) => {
    const { page } = await pages.open(translation, { colorScheme, viewport: { width, height: 900 } })
    await page.selectOption('#layer', '2')
    await page.locator('#lay').click()
    expect(await violationsOf(page)).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
    await page.close()
  })

  it('saves its pictures as SVG and PNG', async () => {
    const { page, complaints } = await pages.open(renderReport(trained))
    await page.selectOption('#layer', '1')
    await page.selectOption('#head', '2')
    const title = 'how-a-small-model-reads-a-sentence'
    const names = {
      'the filter': 'layer-1-head-2',
      'the filters of all heads': 'all-heads',
      'the sentence': 'sentence-l1-h2',
      'the figure “Entropy of each head, in nats”': 'entropy',
    }
    for (const [thing, name] of Object.entries(names)) {
      const svg = await saved(page, `Save ${thing} as SVG`)
      expect(svg.name).toBe(`${title}-${name}.svg`)
      const png = await saved(page, `Save ${thing} as PNG`)
      expect(png.name).toBe(`${title}-${name}.png`)
      expect(png.bytes.subarray(1, 4).toString()).toBe('PNG')
      const size = await page.evaluate((text) => {
        const document = new DOMParser().parseFromString(text, 'image/svg+xml')
        if (document.querySelector('parsererror') !== null) throw new Error(text)
        const root = document.documentElement
        return [Number(root.getAttribute('width')), Number(root.getAttribute('height'))]
      }, svg.bytes.toString())
      const [width, height] = size as [number, number]
      expect([png.bytes.readUInt32BE(16), png.bytes.readUInt32BE(20)]).toEqual([
        Math.round(2 * width),
        Math.round(2 * height),
      ])
    }
    // The filter's cells have their colours, and the numbers of the report.
    const text = (await saved(page, 'Save the filter as SVG')).bytes.toString()
    const weights = trained.attend.layers[1]!.heads[2]!.filter
    const { red, green, blue } = scale('light')[Math.round(255 * Math.sqrt(weights[16]![15]!))]!
    expect(text).toContain(`fill="rgb(${red} ${green} ${blue})"`)
    const cells = (SENTENCE.length * (SENTENCE.length + 1)) / 2
    expect(text.match(/<rect x/g)!.length).toBe(cells + SENTENCE.length - 1)
    expect(text).toContain('␣chair</text>')
    expect(text).not.toMatch(/<script|href="(?!data:)/)
    expect(complaints).toEqual([])
    await page.close()
  })

  it('prints what lies below the fold, in light colours, and is as it was afterwards', async () => {
    const report = syntheticReport({ seed: 5, words: longText(60, 2), layers: 12, heads: 4, snapshots: 0 })
    const { page, complaints } = await pages.open(renderReport(report), { colorScheme: 'dark' })
    const painted = (): Promise<number> =>
      page.evaluate(
        () =>
          [...document.querySelectorAll<HTMLCanvasElement>('.cell canvas')].filter(
            (canvas) => canvas.width === 60,
          ).length,
      )
    expect(await painted()).toBeLessThan(48)
    await page.evaluate(() => {
      addEventListener('beforeprint', () => {
        const canvas = [...document.querySelectorAll<HTMLCanvasElement>('.cell canvas')].at(-1)!
        const [red] = canvas.getContext('2d')!.getImageData(0, 59, 1, 1).data
        const all = [...document.querySelectorAll<HTMLCanvasElement>('.cell canvas')]
        document.documentElement.dataset['seen'] = JSON.stringify({
          painted: all.filter((one) => one.width === 60).length,
          red,
          theme: document.documentElement.dataset['theme'],
          widest: Math.max(
            ...[...document.querySelectorAll('main *')].map((one) => one.getBoundingClientRect().right),
          ),
        })
      })
    })
    const pdf = await page.pdf({ format: 'A4' })
    expect(pdf.length).toBeGreaterThan(20_000)
    const seen = JSON.parse((await attribute(page, 'html', 'data-seen'))!) as Record<string, number | string>
    expect(seen).toMatchObject({ painted: 48, theme: 'light' })
    expect(seen['red']).toBeGreaterThan(128) // small weights are pale on paper
    expect(seen['widest']).toBeLessThanOrEqual(690)
    expect(await attribute(page, 'html', 'data-theme')).toBe(null)
    expect(await attribute(page, 'html', 'data-printing')).toBe(null)
    const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    expect(Math.max(...dark.match(/\d+/g)!.map(Number))).toBeLessThan(128)
    expect(complaints).toEqual([])
    await page.close()
  })

  it('says where a phone has more to the side', async () => {
    const { page } = await pages.open(renderReport(trained), { viewport: { width: 360, height: 800 } })
    const table = page.locator('#scores .sideways')
    const hint = table.locator('.more')
    expect(await table.getAttribute('data-more')).toBe('right')
    expect(await hint.isVisible()).toBe(true)
    expect(await hint.innerText()).toBe('More to the side →')
    await table.locator('.scroll').evaluate((node) => node.scrollTo(10_000, 0))
    await expect.poll(() => table.getAttribute('data-more')).toBe('left')
    await page.setViewportSize({ width: 1280, height: 800 })
    await expect.poll(() => table.getAttribute('data-more')).toBe('none')
    expect(await hint.isVisible()).toBe(false)
    await page.close()
  })
})
