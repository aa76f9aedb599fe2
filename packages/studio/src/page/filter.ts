import type { Data } from './frames.js'
import { calm, element, onWidth, quoted, scoreText, section, weightText } from './dom.js'
import { place } from './colour.js'
import { cellAt, drawMap, labelRoom, type Cell, type Layout } from './map.js'
import type { Store } from './state.js'
import { palette } from './theme.js'

const LARGEST_SIDE = 760
const SMALLEST_SIDE = 300
/** Height of what stands above and below the map, so that all of it fits the window. */
const AROUND = 330
const FEWEST_TOKENS = 6
/** One press of + or − changes the number of tokens shown by this factor. */
const ZOOM = 1.6
const LEGEND = [0, 0.03, 0.1, 0.25, 0.5, 1]

function legend(causal: boolean, store: Store): HTMLElement {
  const ramp = element('span', { class: 'ramp' })
  const ticks = LEGEND.map((weight) => {
    const tick = element('span', {}, `${weight}`)
    tick.style.insetInlineStart = `${100 * place(weight)}%`
    return tick
  })
  const paint = (): void => {
    const { fill } = palette()
    ramp.style.background = `linear-gradient(to right, ${fill.filter((_, index) => index % 15 === 0).join(', ')})`
  }
  store.on(['theme'], paint)
  paint()
  return element(
    'div',
    { class: 'legend', 'aria-label': 'Colours: from weight 0 to weight 1', role: 'group' },
    element('span', { class: 'scale' }, ramp, element('span', { class: 'ticks' }, ...ticks)),
    ...(causal
      ? [element('span', { class: 'may-not' }, element('span', { class: 'hatched' }), 'may not attend')]
      : []),
  )
}

/** One head's filter, large. */
export function filterView(data: Data, store: Store): { readonly node: HTMLElement; enlarge(): void } {
  const { tokens } = data.payload
  const canvas = element('canvas', { 'aria-hidden': 'true' })
  const title = element('span', { class: 'head-name' })
  const readout = element('p', { class: 'readout', id: 'weight', 'aria-live': 'polite' })
  const facts = element('p', { class: 'note facts' })
  const map = element(
    'div',
    {
      class: 'map',
      tabindex: '0',
      role: 'application',
      'aria-roledescription': 'attention filter',
      'aria-describedby': 'weight',
    },
    canvas,
  )
  let width = 0
  let span = data.tokens
  let start: Cell = { query: 0, key: 0 }
  let hovered: Cell | null = null
  let layout: Layout | null = null

  function draw(): void {
    const { head, query, key, shown } = store.get()
    const room = labelRoom(data, canvas, width)
    const high = Math.max(SMALLEST_SIDE, window.innerHeight - AROUND - room)
    const side = Math.max(80, Math.min(LARGEST_SIDE, width - room - 2, high))
    const keep = (from: number, at: number): number =>
      Math.max(0, Math.min(data.tokens - span, Math.max(at - span + 1, Math.min(at, from))))
    start = { query: keep(start.query, query), key: keep(start.key, key) }
    layout = { left: room, top: room, side, query: start.query, key: start.key, span }
    drawMap(canvas, data, shown, head, layout, { query, key }, hovered)
    say()
  }

  function say(): void {
    const { head, shown } = store.get()
    const { query, key } = hovered ?? store.get()
    const [layer, number] = [data.layerOf(head), data.numberOf(head)]
    title.textContent = `Layer ${layer}, head ${number}`
    map.setAttribute(
      'aria-label',
      `Filter of layer ${layer}, head ${number}: queries downwards, keys to the right`,
    )
    const weight = data.mayAttend(query, key)
      ? ['attends to', weightText(data.weight(shown, head, query, key))]
      : ['may not attend to', 'it comes later']
    readout.replaceChildren(
      `${quoted(tokens[query]!.text)} (${query}) ${weight[0]} ${quoted(tokens[key]!.text)} (${key}): `,
      element('strong', {}, weight[1]!),
    )
    const [entropy, previous, first, induction] = shown.summary.scores.map((scores) =>
      scoreText(scores[head] ?? null),
    )
    facts.textContent = `entropy ${entropy} nats · previous token ${previous} · first token ${first} · induction ${induction}`
  }

  function zoom(wanted: number): void {
    const { query, key } = store.get()
    span = Math.max(Math.min(FEWEST_TOKENS, data.tokens), Math.min(data.tokens, Math.round(wanted)))
    start = { query: query - (span >> 1), key: key - (span >> 1) }
    closer.disabled = span <= FEWEST_TOKENS
    farther.disabled = span >= data.tokens
    all.disabled = span >= data.tokens
    draw()
  }

  const button = (text: string, label: string, act: () => void): HTMLButtonElement => {
    const node = element('button', { type: 'button', class: 'quiet', 'aria-label': label }, text)
    node.addEventListener('click', act)
    return node
  }
  const closer = button('+', 'Fewer tokens, larger', () => zoom(span / ZOOM))
  const farther = button('−', 'More tokens, smaller', () => zoom(span * ZOOM))
  const all = button('All', 'All tokens', () => zoom(data.tokens))
  farther.disabled = true
  all.disabled = true
  closer.disabled = data.tokens <= FEWEST_TOKENS

  map.addEventListener('pointermove', (event) => {
    if (layout === null) return
    const box = canvas.getBoundingClientRect()
    const cell = cellAt(layout, event.clientX - box.left, event.clientY - box.top)
    if (cell?.query === hovered?.query && cell?.key === hovered?.key) return
    hovered = cell
    draw()
  })
  map.addEventListener('pointerleave', () => {
    if (hovered === null) return
    hovered = null
    draw()
  })
  map.addEventListener('click', (event) => {
    if (layout === null) return
    const box = canvas.getBoundingClientRect()
    const cell = cellAt(layout, event.clientX - box.left, event.clientY - box.top)
    if (cell !== null) store.set(cell)
  })
  map.addEventListener('keydown', (event) => {
    const { query, key, head } = store.get()
    const last = data.tokens - 1
    const lastKey = data.payload.causal ? query : last
    const move: Partial<Record<string, () => void>> = {
      ArrowLeft: () => store.set({ key: Math.max(0, key - 1) }),
      ArrowRight: () => store.set({ key: Math.min(last, key + 1) }),
      ArrowUp: () => store.set({ query: Math.max(0, query - 1) }),
      ArrowDown: () => store.set({ query: Math.min(last, query + 1) }),
      Home: () => store.set({ key: 0 }),
      End: () => store.set({ key: lastKey }),
      PageUp: () => store.set({ head: Math.max(0, head - 1) }),
      PageDown: () => store.set({ head: Math.min(data.heads - 1, head + 1) }),
      '+': () => zoom(span / ZOOM),
      '=': () => zoom(span / ZOOM),
      '-': () => zoom(span * ZOOM),
      '0': () => zoom(data.tokens),
    }
    const act = move[event.key]
    if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    hovered = null
    act()
  })
  onWidth(map, (now) => {
    width = now
    draw()
  })
  store.on(['head', 'query', 'key', 'shown', 'theme'], () => {
    if (width > 0) draw()
  })
  const node = section(
    'filter',
    'One filter',
    'A row for each query, from top to bottom; a column for each key. Every row sums to 1.',
    element(
      'div',
      { class: 'filter-bar' },
      title,
      legend(data.payload.causal, store),
      element('span', { class: 'buttons' }, closer, farther, all),
    ),
    readout,
    map,
    facts,
  )
  return {
    node,
    enlarge() {
      node.scrollIntoView({ block: 'nearest', behavior: calm() ? 'auto' : 'smooth' })
    },
  }
}
