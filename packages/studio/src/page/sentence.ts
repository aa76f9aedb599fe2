import type { Data } from './frames.js'
import { element, onWidth, quoted, section, svg, tokenText, weightText } from './dom.js'
import type { Store } from './state.js'
import { indexOf, palette } from './theme.js'

/** Arcs are drawn for the keys with the largest weights: at most so many, none below this weight. */
const ARCS = 32
const ARC_WEIGHT = 0.02
/** Weights from here on are written under their token. */
const WRITTEN_WEIGHT = 0.05
/** A sentence of more tokens is set smaller, and scrolls. */
const LONG = 80
/** One of up to so many is set larger. */
const SHORT = 12

/** Where a token lies in the sentence, in CSS pixels. */
interface Box {
  readonly middle: number
  readonly top: number
  readonly bottom: number
}

/** The curve from a query to a key: over the words on one line (at most `highest`), between lines otherwise. */
function arc(query: Box, key: Box, same: boolean, highest: number): string {
  if (same) {
    const { middle: x, top: y } = query
    return `M${x - 5} ${y} C${x - 16} ${y - 26} ${x + 16} ${y - 26} ${x + 5} ${y}`
  }
  if (query.top === key.top) {
    const height = Math.min(highest, 16 + 0.12 * Math.abs(query.middle - key.middle))
    const y = query.top
    return `M${query.middle} ${y} C${query.middle} ${y - height} ${key.middle} ${y - height} ${key.middle} ${y}`
  }
  const up = key.top < query.top
  const from = up ? query.top : query.bottom
  const to = up ? key.bottom : key.top
  const bend = (up ? -1 : 1) * Math.min(60, Math.abs(from - to) * 0.7 + 12)
  return `M${query.middle} ${from} C${query.middle} ${from + bend} ${key.middle} ${to - bend} ${key.middle} ${to}`
}

/** A drop-down list of numbers. */
function picker(
  label: string,
  id: string,
): { readonly node: HTMLElement; readonly select: HTMLSelectElement } {
  const select = element('select', { id })
  return { node: element('label', { for: id }, label, ' ', select), select }
}

function fillPicker(select: HTMLSelectElement, count: number, value: number): void {
  if (select.options.length !== count) {
    select.replaceChildren(
      ...Array.from({ length: count }, (_, number) => element('option', { value: `${number}` }, `${number}`)),
    )
  }
  select.value = `${value}`
}

/** The sentence: choose a token, see what it attends to. */
export function sentenceView(data: Data, store: Store): HTMLElement {
  const { tokens } = data.payload
  const long = tokens.length > LONG
  const layer = picker('Layer', 'layer')
  const number = picker('Head', 'head')
  const arcs = svg('svg', { class: 'arcs', 'aria-hidden': 'true' })
  const options = tokens.map((token, index) =>
    element(
      'div',
      { role: 'option', class: 'token', tabindex: '-1', id: `token-${index}` },
      tokenText(token.text),
    ),
  )
  const list = element(
    'div',
    { role: 'listbox', class: 'tokens', 'aria-label': 'Tokens of the sentence; choose the query' },
    ...options,
  )
  const summary = element('p', { class: 'readout', id: 'attends', 'aria-live': 'polite' })
  let hovered: number | null = null

  const heads = data.payload.heads
  const firstOf = (wanted: number): number => heads.slice(0, wanted).reduce((sum, count) => sum + count, 0)
  const choose = (wantedLayer: number, wantedNumber: number): void => {
    const count = heads[wantedLayer] ?? 0
    if (count > 0) store.set({ head: firstOf(wantedLayer) + Math.min(count - 1, wantedNumber) })
  }
  layer.select.addEventListener('change', () =>
    choose(Number(layer.select.value), data.numberOf(store.get().head)),
  )
  number.select.addEventListener('change', () =>
    choose(data.layerOf(store.get().head), Number(number.select.value)),
  )

  function boxes(): Box[] {
    const origin = list.getBoundingClientRect()
    return options.map((option) => {
      const box = option.getBoundingClientRect()
      return {
        middle: box.left + box.width / 2 - origin.left,
        top: Math.round(box.top - origin.top),
        bottom: Math.round(box.bottom - origin.top),
      }
    })
  }
  let places: Box[] = []

  function draw(): void {
    const { head, shown, query: chosen } = store.get()
    const query = hovered ?? chosen
    const { fill, ink } = palette()
    fillPicker(layer.select, heads.length, data.layerOf(head))
    fillPicker(number.select, heads[data.layerOf(head)] ?? 0, data.numberOf(head))
    const weights = tokens.map((_, key) => data.weight(shown, head, query, key))
    options.forEach((option, key) => {
      const may = data.mayAttend(query, key)
      const weight = weights[key]!
      const index = indexOf(data.code(shown, head, query, key))
      option.classList.toggle('query', key === query)
      option.classList.toggle('masked', !may)
      option.style.backgroundColor = may ? fill[index]! : ''
      option.style.color = may ? ink[index]! : ''
      option.tabIndex = key === chosen ? 0 : -1
      option.setAttribute('aria-selected', `${key === chosen}`)
      option.setAttribute(
        'aria-label',
        `${quoted(tokens[key]!.text)}, token ${key}: ${may ? weightText(weight) : 'may not be attended to'}`,
      )
      if (weight >= WRITTEN_WEIGHT) option.dataset['weight'] = weight.toFixed(2)
      else delete option.dataset['weight']
    })
    const ranked = weights
      .map((weight, key) => ({ weight, key }))
      .filter(({ weight }) => weight >= ARC_WEIGHT)
      .sort((a, b) => b.weight - a.weight)
    arcs.replaceChildren(
      ...ranked
        .slice(0, ARCS)
        .reverse()
        .flatMap(({ weight, key }) => {
          const [from, to] = [places[query], places[key]]
          if (from === undefined || to === undefined) return []
          return svg('path', {
            d: arc(from, to, key === query, long ? 28 : 40),
            'stroke-width': (0.75 + 5 * weight).toFixed(2),
            'stroke-opacity': Math.min(1, 0.25 + 0.75 * Math.sqrt(weight)).toFixed(2),
          })
        }),
    )
    const most = ranked
      .slice(0, 3)
      .map(({ key, weight }) => `${quoted(tokens[key]!.text)} ${weightText(weight)}`)
    summary.textContent = `In ${data.nameOf(head)}, ${quoted(tokens[query]!.text)} (token ${query}) attends to ${
      most.length === 0 ? 'no token with 0.02 or more' : most.join(', ')
    }${ranked.length > 3 ? ', …' : ''}`
  }

  options.forEach((option, index) => {
    option.addEventListener('pointerenter', (event) => {
      if (event.pointerType !== 'mouse') return
      hovered = index
      draw()
    })
    option.addEventListener('click', () => option.focus())
    option.addEventListener('focus', () => store.set({ query: index, key: mostAttended(data, store, index) }))
  })
  list.addEventListener('pointerleave', () => {
    if (hovered === null) return
    hovered = null
    draw()
  })
  list.addEventListener('keydown', (event) => {
    const { query } = store.get()
    const to = {
      ArrowRight: query + 1,
      ArrowDown: query + 1,
      ArrowLeft: query - 1,
      ArrowUp: query - 1,
      Home: 0,
      End: tokens.length - 1,
    }[event.key]
    if (to === undefined) return
    event.preventDefault()
    options[Math.min(tokens.length - 1, Math.max(0, to))]?.focus()
  })

  const stage = element(
    'div',
    { class: long ? 'stage long' : tokens.length <= SHORT ? 'stage short' : 'stage' },
    arcs,
    list,
  )
  let opened = false
  onWidth(list, (width) => {
    if (!opened) stage.scrollTop = options[store.get().query]!.offsetTop - stage.clientHeight / 2
    opened = true
    arcs.setAttribute('width', `${width}`)
    arcs.setAttribute('height', `${list.offsetHeight}`)
    places = boxes()
    draw()
  })
  store.on(['head', 'query', 'shown', 'theme'], draw)
  return section(
    'sentence',
    'The sentence',
    'Choose a token, the query. Colour, arc and number say how much it attends to each key.',
    element('div', { class: 'pickers' }, layer.node, number.node),
    stage,
    summary,
  )
}

/** The key that a query attends to most, in the head shown. */
export function mostAttended(data: Data, store: Store, query: number): number {
  const { shown, head } = store.get()
  let most = 0
  for (let key = 1; key < data.tokens; key++) {
    if (data.code(shown, head, query, key) > data.code(shown, head, query, most)) most = key
  }
  return most
}
