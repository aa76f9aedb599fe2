import { css } from './colour.js'
import { element } from './dom.js'
import type { Data } from './frames.js'
import { mayLay, MOST_LAID, toggleLaid, type Store } from './state.js'
import { palette } from './theme.js'

/** Lays heads over each other: a choice of heads to add, and the legend, each head with its colour. */
export function overView(data: Data, store: Store): HTMLElement {
  const select = element('select', { id: 'over' })
  const add = element('button', { type: 'button', id: 'lay' }, 'Lay over')
  const legend = element('ul', { class: 'laid-heads', 'aria-label': 'Heads laid over each other' })
  const choice = element('label', { for: 'over' }, 'Another head ', select)
  add.addEventListener('click', () => {
    if (select.value !== '') toggleLaid(data, store, Number(select.value))
  })

  function draw(): void {
    const state = store.get()
    const colours = palette().heads
    const heads = Array.from({ length: data.heads }, (_, head) => head)
    const others = heads.filter((head) => mayLay(data, state, head))
    const wanted = select.value
    select.replaceChildren(
      ...others.map((head) => element('option', { value: `${head}` }, data.nameOf(head))),
    )
    // The next of the layer, where the head chosen before can't be laid over this one.
    const next = others.find((head) => head > state.head) ?? others[0]
    select.value = others.includes(Number(wanted)) && wanted !== '' ? wanted : `${next ?? ''}`
    // Where no other head attends from and to these texts there is nothing to choose.
    choice.hidden = others.length === 0 && state.laid.length === 0
    add.hidden = choice.hidden
    select.disabled = others.length === 0
    add.disabled = others.length === 0
    add.title = state.laid.length >= MOST_LAID ? `${MOST_LAID} heads at most` : ''
    const hadFocus = legend.contains(document.activeElement)
    legend.replaceChildren(
      ...state.laid.map((head, slot) => {
        const swatch = element('span', { class: 'swatch' })
        swatch.style.background = css(colours[slot]!)
        const remove = element(
          'button',
          { type: 'button', class: 'quiet', 'aria-label': `Take away ${data.nameOf(head)}` },
          '×',
        )
        remove.addEventListener('click', () => toggleLaid(data, store, head))
        return element('li', {}, swatch, element('bdi', {}, data.nameOf(head)), remove)
      }),
    )
    legend.hidden = state.laid.length === 0
    if (hadFocus) (legend.querySelector('button') ?? add).focus()
  }
  store.on(['head', 'laid', 'theme'], draw)
  draw()
  return element('div', { class: 'over' }, choice, add, legend)
}
