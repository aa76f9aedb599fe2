import type { Data } from './frames.js'
import { element, section, tokenText } from './dom.js'

/** A probability as a percentage with three significant digits. */
export function percent(probability: number): string {
  const value = 100 * probability
  if (value > 0 && value < 0.001) return '<0.001 %'
  return `${value >= 0.1 ? value.toPrecision(3) : value.toFixed(3)} %`
}

/** What the model expects after the sentence. */
export function nextView(data: Data): HTMLElement {
  const { next } = data.payload
  const largest = Math.max(...next.map((prediction) => prediction.probability), 1e-9)
  const rest = 1 - next.reduce((sum, prediction) => sum + prediction.probability, 0)
  const rows = next.map((prediction) => {
    const fill = element('span', { class: 'bar-fill' })
    fill.style.inlineSize = `${(100 * prediction.probability) / largest}%`
    return element(
      'li',
      { title: `token id ${prediction.id}` },
      tokenText(prediction.text),
      element('span', { class: 'bar', 'aria-hidden': 'true' }, fill),
      element('span', { class: 'number' }, percent(prediction.probability)),
    )
  })
  return section(
    'next',
    'The next token',
    'What the model expects after the sentence.',
    element('ol', { class: 'bars' }, ...rows),
    ...(rest > 0.0005
      ? [element('p', { class: 'note' }, `All other tokens together: ${percent(rest)}`)]
      : []),
  )
}
