import { describe, expect, it } from 'vitest'
import { missing, pagesForTests, says, violationsOf } from '../browser-testing.js'
import { renderAnswers } from '../report.js'
import { SENTENCE, syntheticReport } from '../synthetic.js'
import type { AnswerPart } from './parts.js'

const parts: readonly AnswerPart[] = [
  {
    kind: 'text',
    name: 'a text',
    text: 'Ada Lovelace worked in London.',
    marks: [{ start: 0, end: 12, label: 'PER' }],
  },
  { kind: 'bars', rows: [{ text: 'yes', score: 0.75 }] },
  { kind: 'weights', name: 'weights', tokens: ['one', 'two'], weights: [0.1, 0.9] },
  { kind: 'map', name: 'a map', rows: ['x'], columns: ['y', 'z'], weights: [[1, 0.25]] },
  {
    kind: 'heat',
    name: 'patches',
    picture: { height: 2, width: 4, levels: new Uint8Array(24).fill(200) },
    rows: 1,
    columns: 2,
    patch: 2,
    words: [
      { text: 'cat', weights: [1, 0] },
      { text: 'dog', weights: [0.25, 0.75] },
    ],
  },
  { kind: 'picture', picture: { height: 1, width: 1, levels: Uint8Array.of(1, 2, 3) } },
]

describe.skipIf(missing)('what tasks gave, in a browser', () => {
  const pages = pagesForTests()
  const first = syntheticReport({ seed: 1, words: SENTENCE, layers: 2, heads: 2, snapshots: 0 })
  const second = syntheticReport({ seed: 2, words: ['alpha', ' beta'], layers: 1, heads: 3, snapshots: 0 })
  // Made once the page's code is built.
  const html = (): string =>
    renderAnswers('Two tasks', [
      { heading: 'first', parts, report: { ...first, title: 'first' } },
      { heading: 'second', parts, report: { ...second, title: 'second' } },
      { heading: 'third', parts },
    ])

  it.each(['light', 'dark'] as const)('is complete and accessible, %s', async (colorScheme) => {
    const { page, complaints } = await pages.open(html(), { colorScheme })
    await says(page, '#heads-title', /What was attended: first/)
    expect(await page.locator('.answer').count()).toBe(3)
    expect(await page.locator('.answer button').allInnerTexts()).toEqual([
      'Its heads are below',
      'Show its heads below',
    ])
    const weight = page.locator('.answer .w16').first()
    const backgrounds = await weight.evaluate((node) => getComputedStyle(node).backgroundColor)
    expect(backgrounds).not.toBe('rgba(0, 0, 0, 0)')
    expect(await violationsOf(page)).toEqual([])
    expect(complaints).toEqual([])
    await page.close()
  })

  it("shows another section's heads where its button is pressed", async () => {
    const { page, complaints } = await pages.open(html())
    await page.getByRole('button', { name: 'Show its heads below' }).click()
    await says(page, '#heads-title', /What was attended: second/)
    await says(page, '#sentence', /alpha/)
    expect(complaints.filter((one) => !one.startsWith('request: file:'))).toEqual([])
    await page.close()
  })

  it('shows the patches of the word that is chosen', async () => {
    const { page, complaints } = await pages.open(renderAnswers('Patches', [{ heading: 'one', parts }]))
    const shown = (): Promise<boolean[]> =>
      page.locator('.heat g').evaluateAll((all) => all.map((one) => getComputedStyle(one).display !== 'none'))
    expect(await shown()).toEqual([true, false])
    await page.getByRole('radio', { name: 'cat' }).focus()
    await page.keyboard.press('ArrowRight')
    expect(await shown()).toEqual([false, true])
    expect(
      await page.locator('.picture img').evaluate((image) => (image as HTMLImageElement).naturalWidth),
    ).toBe(1)
    expect(complaints).toEqual([])
    await page.close()
  })

  it('needs no script where nothing was attended', async () => {
    const { page, complaints } = await pages.open(renderAnswers('No heads', [{ heading: 'one', parts }]))
    expect(await page.locator('#main').innerText()).toBe('')
    expect(await violationsOf(page)).toEqual([])
    expect(complaints).toEqual([])
    await page.close()
  })
})
