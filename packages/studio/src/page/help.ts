import { element } from './dom.js'

/** The button (and the ? key) that shows what the keyboard does. */
export function helpButton(trained: boolean): HTMLElement {
  const keys: [string, string][] = [
    ['Tab', 'go from one part of the page to the next'],
    ['← →', 'in the sentence: choose the query'],
    ['← → ↑ ↓', 'among the small filters: choose a head (Enter enlarges it)'],
    ['Shift-click', 'on a small filter: lay it over the one shown, or take it away'],
    ['← → ↑ ↓', 'in the large filter: choose key and query'],
    ['Home End', 'first and last token, or key that may be attended to'],
    ['PgUp PgDn', 'in the large filter: the head before, the head after'],
    ['+ − 0', 'in the large filter: fewer tokens, more, all'],
  ]
  if (trained) {
    keys.push(['Space', 'play or pause the training'])
    keys.push(['← →', 'on the slider: one snapshot back, one on'])
  }
  keys.push(['?', 'this help'])
  const close = element('button', { type: 'button' }, 'Close')
  const dialog = element(
    'dialog',
    { 'aria-labelledby': 'help-heading', id: 'help' },
    element('h2', { id: 'help-heading' }, 'With the keyboard'),
    element(
      'dl',
      {},
      ...keys.flatMap(([names, meaning]) => [
        element('dt', {}, ...names.split(' ').map((name) => element('kbd', {}, name))),
        element('dd', {}, meaning),
      ]),
    ),
    element(
      'p',
      { class: 'note' },
      'A hatched area means: may not attend. It is not the same as a weight of 0, which has the palest colour (the darkest on a dark page).',
    ),
    close,
  )
  close.addEventListener('click', () => dialog.close())
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close()
  })
  document.body.append(dialog)
  document.addEventListener('keydown', (event) => {
    if (event.key !== '?' || dialog.open || event.target instanceof HTMLSelectElement) return
    event.preventDefault()
    dialog.showModal()
  })
  const button = element(
    'button',
    { type: 'button', class: 'quiet', id: 'help-button', 'aria-label': 'Help' },
    '?',
  )
  button.addEventListener('click', () => dialog.showModal())
  return button
}
