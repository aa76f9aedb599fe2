import { describe, expect, it } from 'vitest'
import {
  attribute,
  missing,
  pagesForTests,
  says,
  violationsOf,
  type Opened,
  type Pages,
} from './browser-testing.js'
import { COLOURS, place, scale } from './page/colour.js'
import { renderReport } from './report.js'
import { longText, SENTENCE, syntheticReport } from './synthetic.js'
import type { Report } from './types.js'

const trained = syntheticReport({ seed: 7, words: SENTENCE, layers: 2, heads: 4, snapshots: 6 })
const both = syntheticReport({
  seed: 3,
  words: SENTENCE.slice(0, 7),
  layers: 1,
  heads: 2,
  snapshots: 0,
  both: true,
})
const HOSTILE = [
  '</script><script>document.title="broken"</script>',
  '<img src=x onerror=document.title="broken">',
  '--><!--',
  '&amp;',
  '"\'`${}',
  '\u202eevil',
  '\n',
  '\t',
  '',
  '\u0000',
  '\ud800',
  '\u200b',
  '👩‍💻',
  ' مرحبا',
  'x'.repeat(5000),
]

describe.skipIf(missing)('the report in a browser', () => {
  const pages = pagesForTests()
  const open = (report: Report, options: Parameters<Pages['open']>[1] = {}): Promise<Opened> =>
    pages.open(renderReport(report), options)

  it('asks nobody for anything and complains about nothing', async () => {
    for (const report of [trained, both]) {
      const { page, complaints } = await open(report)
      await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
      await page.waitForTimeout(100)
      expect(complaints).toEqual([])
      await page.close()
    }
  })

  it('shows the numbers of the report', async () => {
    const { page } = await open(trained)
    await page.selectOption('#layer', '1')
    await page.selectOption('#head', '2')
    const head = trained.attend.layers[1]!.heads[2]!
    await says(page, '.head-name', 'Layer 1, head 2')
    await page.locator('#token-9').click()
    for (let key = 0; key < SENTENCE.length; key++) {
      const weight = head.filter[9]![key]!
      const expected = key > 9 ? 'may not be attended to' : weight < 0.0005 ? '<0.001' : weight.toFixed(3)
      await expect.poll(() => attribute(page, `#token-${key}`, 'aria-label')).toContain(`: ${expected}`)
    }
    const bars = await page.locator('.bars .number').allInnerTexts()
    const sorted = [...trained.attend.next].sort((a, b) => b.probability - a.probability)
    expect(bars.map((text) => Number(text.replace(' %', '')))).toEqual(
      sorted.map((prediction) => Number((100 * prediction.probability).toPrecision(3))),
    )
    const rows = await page.locator('#scores tbody tr').allInnerTexts()
    const heads = trained.attend.layers.flatMap((layer) => layer.heads)
    expect(rows.map((row) => row.trim().split(/\t+/).slice(-4).map(Number))).toEqual(
      heads.map((view) =>
        [view.entropy, view.previous, view.first, view.induction].map((score) => Number(score.toFixed(3))),
      ),
    )
    await page.close()
  })

  it('colours each cell of the map by its weight, and hatches what may not be attended to', async () => {
    const { page } = await open(trained)
    const canvas = page.locator('.cell canvas').nth(1)
    await canvas.scrollIntoViewIfNeeded()
    const pixels = await canvas.evaluate((node: HTMLCanvasElement) => [
      ...node.getContext('2d')!.getImageData(0, 0, node.width, node.height).data,
    ])
    const colours = scale('light')
    const { filter } = trained.attend.layers[0]!.heads[1]!
    const expected = filter.flatMap((row, query) =>
      row.flatMap((weight, key) => {
        if (key > query) return [0, 0, 0, 0]
        const { red, green, blue } = colours[Math.round((COLOURS - 1) * place(weight))]!
        return [red, green, blue, 255]
      }),
    )
    // A code may round to the colour next to the weight's own.
    const off = pixels.map((channel, index) => Math.abs(channel - expected[index]!))
    expect(pixels.length).toBe(expected.length)
    expect(Math.max(...off)).toBeLessThanOrEqual(2)
    await page.close()
  })

  it('works by keyboard alone', async () => {
    const { page, complaints } = await open(trained)
    const focused = (): Promise<string> =>
      page.evaluate(() => document.activeElement?.id || document.activeElement?.className || '')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('theme')
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle)
    expect(outline).toBe('solid')
    for (let index = 0; index < 4; index++) await page.keyboard.press('Tab')
    expect(await focused()).toBe('token-16')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('ArrowLeft')
    await says(page, '#attends', /\(token 14\)/)
    await page.keyboard.press('Home')
    await says(page, '#attends', /\(token 0\) attends to .* 1\.000/)

    await page.locator('.cell[tabindex="0"]').focus()
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('End')
    await says(page, '.head-name', 'Layer 0, head 3')

    await page.locator('.map').focus()
    await page.keyboard.press('ArrowRight')
    await says(page, '#weight', /may not attend to/)
    await page.keyboard.press('ArrowDown')
    const weight = trained.attend.layers[0]!.heads[3]!.filter[1]![1]!
    await says(page, '#weight', new RegExp(`[(]1[)]: ${weight.toFixed(3)}$`))
    await page.keyboard.press('PageDown')
    await says(page, '.head-name', 'Layer 1, head 0')
    await page.keyboard.press('+')
    expect(await page.getByLabel('All tokens').isEnabled()).toBe(true)

    await page.keyboard.press('?')
    expect(await page.locator('#help').isVisible()).toBe(true)
    await page.keyboard.press('Escape')
    expect(await page.locator('#help').isVisible()).toBe(false)
    expect(complaints).toEqual([])
    await page.close()
  })

  it('sorts the heads', async () => {
    const { page } = await open(trained)
    const column = async (): Promise<number[]> =>
      (await page.locator('#scores tbody td:nth-child(3)').allInnerTexts()).map(Number)
    const values = await column()
    await page.getByRole('button', { name: 'Previous token' }).click()
    expect(await column()).toEqual([...values].sort((a, b) => b - a))
    await page.getByRole('button', { name: 'Previous token' }).click()
    expect(await column()).toEqual([...values].sort((a, b) => a - b))
    expect(await attribute(page, '#scores th:nth-child(3)', 'aria-sort')).toBe('ascending')
    await page.close()
  })

  it('says how far training has come while it goes on', async () => {
    const { page, complaints } = await open({
      ...trained,
      training: { ...trained.training!, until: 1500 },
    })
    await says(page, '.moment', /step 1500 of 2000/)
    expect(complaints).toEqual([])
    await page.close()
  })

  it('plays the training, and every view follows', async () => {
    const { page, complaints } = await open(trained, { reducedMotion: 'no-preference' })
    const { snapshots } = trained.training!
    await says(page, '.moment', /finished model/)
    await page.locator('#slider').focus()
    await page.keyboard.press('Home')
    await says(page, '.moment', new RegExp(`step ${snapshots[0]!.step} of 2000`))
    const entropy = snapshots[0]!.layers[1]!.heads[0]!.entropy.toFixed(3)
    await page.selectOption('#layer', '1')
    await page.selectOption('#head', '0')
    await says(page, '.facts', `entropy ${entropy} nats`)
    await page.locator('#slider').focus()
    await page.keyboard.press('ArrowRight')
    await says(page, '.moment', new RegExp(`step ${snapshots[1]!.step} of 2000`))
    const later = snapshots[1]!.layers[1]!.heads[0]!.filter[16]!
    await expect.poll(() => attribute(page, '#token-3', 'aria-label')).toContain(later[3]!.toFixed(3))
    const cursor = await attribute(page, '#loss .cursor', 'x1')
    await page.keyboard.press(' ')
    await says(page, '#play', 'Pause')
    await says(page, '.moment', /finished model/)
    await says(page, '#play', 'Play')
    expect(Number(await attribute(page, '#loss .cursor', 'x1'))).toBeGreaterThan(Number(cursor))
    expect(complaints).toEqual([])
    await page.close()
  })

  it('shows hostile text as text', async () => {
    const report = syntheticReport({ seed: 5, words: HOSTILE, layers: 1, heads: 2, snapshots: 2 })
    const next = HOSTILE.slice(0, 6).map((text, id) => ({ id, text, probability: 0.1 }))
    const { page, complaints } = await open(
      { ...report, title: `</title>${HOSTILE[0]}`, attend: { ...report.attend, next } },
      { viewport: { width: 360, height: 800 } },
    )
    expect(complaints).toEqual([])
    expect(await page.title()).toBe(`</title>${HOSTILE[0]}`)
    expect(await page.locator('#token-0').innerText()).toBe(HOSTILE[0]!)
    expect(await page.locator('#token-5').innerText()).toBe('U+202Eevil')
    expect(await page.locator('#token-6').innerText()).toBe('↵')
    expect(await page.locator('#token-8').innerText()).toBe('∅')
    expect(await page.locator('#token-14').innerText()).toContain('(5000 characters)')
    expect(await page.locator('img').count()).toBe(0)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
    await page.close()
  })

  it.each([
    ['light', 1600],
    ['dark', 360],
  ] as const)('passes the accessibility rules, %s at %i pixels', async (colorScheme, width) => {
    for (const report of [trained, both]) {
      const { page } = await open(report, { colorScheme, viewport: { width, height: 900 } })
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
      const channels = background.match(/\d+/g)!.map(Number)
      expect(Math.max(...channels) < 128).toBe(colorScheme === 'dark')
      expect(await violationsOf(page)).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
      await page.close()
    }
  })

  it('turns light and dark at a press', async () => {
    const { page } = await open(both, { colorScheme: 'light' })
    const background = (): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const before = await background()
    await page.locator('#theme').press('Enter')
    expect(await background()).not.toBe(before)
    expect(await attribute(page, '#theme', 'aria-label')).toBe('Switch to light colours')
    await page.close()
  })

  it('draws 12 layers of 12 heads over 256 tokens, near heads only', async () => {
    const report = syntheticReport({ seed: 5, words: longText(256, 2), layers: 12, heads: 12, snapshots: 0 })
    const { page, complaints } = await open(report)
    await page.locator('.cell').nth(143).click()
    await says(page, '.head-name', 'Layer 11, head 11')
    const weight = report.attend.layers[11]!.heads[11]!.filter[200]![199]!
    await page.locator('#token-200').focus()
    await expect
      .poll(() => attribute(page, '#token-199', 'aria-label'))
      .toContain(weight < 0.0005 ? '<0.001' : weight.toFixed(3))
    expect(complaints).toEqual([])
    await page.close()
  })
})
