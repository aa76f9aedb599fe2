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

  it('needs no script where nothing was attended', async () => {
    const { page, complaints } = await pages.open(renderAnswers('No heads', [{ heading: 'one', parts }]))
    expect(await page.locator('#main').innerText()).toBe('')
    expect(await violationsOf(page)).toEqual([])
    expect(complaints).toEqual([])
    await page.close()
  })
})
