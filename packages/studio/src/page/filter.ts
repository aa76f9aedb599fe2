import { css, place } from './colour.js'
import { calm, element, onWidth, quoted, scoreText, section, weightText } from './dom.js'
import type { Data } from './frames.js'
import { cellAt, cellSize, labelRoom, mapScene, type Cell, type Layout } from './map.js'
import { overView } from './over.js'
import { saveButtons } from './save.js'
import { moved, paintScene, type Scene, type Shape } from './scene.js'
import { chooseHead, shownHeads, type Store } from './state.js'
import { palette, styleColour } from './theme.js'

const LARGEST_SIDE = 760
const SMALLEST_SIDE = 300
/** Height of what stands above and below the map, so that all of it fits the window. */
const AROUND = 370
const FEWEST_TOKENS = 6
/** One press of + or − changes the number of tokens shown by this factor. */
const ZOOM = 1.6
const LEGEND = [0, 0.03, 0.1, 0.25, 0.5, 1]
/** Room for labels and plot in a saved picture, in CSS pixels. */
const SAVED_WIDTH = 880
/**
 * Cells of a saved picture are at least so large, in CSS pixels, until the picture is as long as
 * `SAVED_LONGEST`.
 */
const SAVED_CELL = 16
const SAVED_LONGEST = 4000

function legend(data: Data, store: Store): HTMLElement {
  const ramp = element('span', { class: 'ramp' })
  const ticks = LEGEND.map((weight) => {
    const tick = element('span', {}, `${weight}`)
    tick.style.insetInlineStart = `${100 * place(weight)}%`
    return tick
  })
  const scale = element('span', { class: 'scale' }, ramp, element('span', { class: 'ticks' }, ...ticks))
  const mayNot = element(
    'span',
    { class: 'may-not' },
    element('span', { class: 'hatched' }),
    'may not attend',
  )
  const paint = (): void => {
    const { fill } = palette()
    const { laid, head } = store.get()
    ramp.style.background = `linear-gradient(to right, ${fill.filter((_, index) => index % 15 === 0).join(', ')})`
    scale.hidden = laid.length > 0
    mayNot.hidden = !data.isCausal(head)
  }
  store.on(['theme', 'laid', 'head'], paint)
  paint()
  return element(
    'div',
    { class: 'legend', 'aria-label': 'Colours: from weight 0 to weight 1', role: 'group' },
    scale,
    mayNot,
  )
}

/** One head's filter, or several laid over each other, large. */
export function filterView(data: Data, store: Store): { readonly node: HTMLElement; enlarge(): void } {
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
  /** As many queries and keys are shown at most. */
  let span = Infinity
  let start: Cell = { query: 0, key: 0 }
  let hovered: Cell | null = null
  let layout: Layout | null = null

  const counts = (): { queries: number; keys: number } => {
    const { head } = store.get()
    return { queries: data.queriesOf(head).length, keys: data.keysOf(head).length }
  }
  const longest = (): number => Math.max(...Object.values(counts()))

  function draw(): void {
    const { head, query, key, shown } = store.get()
    const all = counts()
    const part = { queries: Math.min(all.queries, span), keys: Math.min(all.keys, span) }
    const keep = (from: number, at: number, few: number, many: number): number =>
      Math.max(0, Math.min(many - few, Math.max(at - few + 1, Math.min(at, from))))
    start = {
      query: keep(start.query, query, part.queries, all.queries),
      key: keep(start.key, key, part.keys, all.keys),
    }
    const room = labelRoom(data, head, width)
    const wide = Math.max(80, Math.min(LARGEST_SIDE, width - room.left - 2))
    const high = Math.max(SMALLEST_SIDE, window.innerHeight - AROUND - room.top)
    const whole = { ...start, ...part }
    layout = { ...room, ...whole, ...cellSize(whole, wide, Math.min(LARGEST_SIDE, high)) }
    const ratio = window.devicePixelRatio || 1
    const heads = shownHeads(store.get())
    const scene = mapScene({ data, frame: shown, heads }, layout, hovered ?? { query, key }, ratio)
    canvas.style.width = `${scene.width}px`
    canvas.style.height = `${scene.height}px`
    paintScene(canvas, scene, ratio)
    closer.disabled = Math.min(span, longest()) <= FEWEST_TOKENS
    farther.disabled = span >= longest()
    everything.disabled = span >= longest()
    say()
  }

  function say(): void {
    const { head, shown } = store.get()
    const { query, key } = hovered ?? store.get()
    const heads = shownHeads(store.get())
    const over = heads.length > 1
    title.textContent = over ? `${heads.length} heads laid over each other` : data.titleOf(head)
    map.setAttribute(
      'aria-label',
      over
        ? `Filters of ${heads.map((one) => data.nameOf(one)).join(', ')}: queries downwards, keys to the right`
        : `Filter of ${data.titleOf(head).replace(/^Layer/, 'layer')}: queries downwards, keys to the right`,
    )
    const said = (one: number): string => weightText(data.weight(shown, one, query, key))
    const texts = [data.queriesOf(head)[query]!.text, data.keysOf(head)[key]!.text].map(quoted)
    const may = heads.some((one) => data.mayAttend(one, query, key))
    readout.replaceChildren(
      `${texts[0]} (${query}) ${may ? 'attends to' : 'may not attend to'} ${texts[1]} (${key}): `,
      ...(may
        ? heads.flatMap((one, index) => [
            ...(over ? [`${index > 0 ? ', ' : ''}${data.nameOf(one)} `] : []),
            element('strong', {}, said(one)),
          ])
        : [element('strong', {}, 'it comes later')]),
    )
    const [entropy, previous, first, induction] = shown.summary.scores.map((scores) =>
      scoreText(scores[head] ?? null),
    )
    facts.textContent = `${over ? `${data.nameOf(head)}: ` : ''}entropy ${entropy} nats · previous token ${previous} · first token ${first} · induction ${induction}`
  }

  function zoom(wanted: number): void {
    const { query, key } = store.get()
    span = Math.max(FEWEST_TOKENS, Math.round(wanted))
    if (span >= longest()) span = Infinity
    const half = span === Infinity ? 0 : span >> 1
    start = { query: query - half, key: key - half }
    draw()
  }
  const zoomBy = (factor: number): void => zoom(Math.min(span, longest()) * factor)

  const button = (text: string, label: string, act: () => void): HTMLButtonElement => {
    const node = element('button', { type: 'button', class: 'quiet', 'aria-label': label }, text)
    node.addEventListener('click', act)
    return node
  }
  const closer = button('+', 'Fewer tokens, larger', () => zoomBy(1 / ZOOM))
  const farther = button('−', 'More tokens, smaller', () => zoomBy(ZOOM))
  const everything = button('All', 'All tokens', () => zoom(Infinity))

  const cellUnder = (event: MouseEvent): Cell | null => {
    if (layout === null) return null
    const box = canvas.getBoundingClientRect()
    return cellAt(layout, event.clientX - box.left, event.clientY - box.top)
  }
  map.addEventListener('pointermove', (event) => {
    const cell = cellUnder(event)
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
    const cell = cellUnder(event)
    if (cell !== null) store.set(cell)
  })
  map.addEventListener('keydown', (event) => {
    const { query, key, head } = store.get()
    const [lastQuery, last] = [counts().queries - 1, counts().keys - 1]
    const lastKey = data.isCausal(head) ? query : last
    const move: Partial<Record<string, () => void>> = {
      ArrowLeft: () => store.set({ key: Math.max(0, key - 1) }),
      ArrowRight: () => store.set({ key: Math.min(last, key + 1) }),
      ArrowUp: () => store.set({ query: Math.max(0, query - 1) }),
      ArrowDown: () => store.set({ query: Math.min(lastQuery, query + 1) }),
      Home: () => store.set({ key: 0 }),
      End: () => store.set({ key: lastKey }),
      PageUp: () => chooseHead(data, store, Math.max(0, head - 1)),
      PageDown: () => chooseHead(data, store, Math.min(data.heads - 1, head + 1)),
      '+': () => zoomBy(1 / ZOOM),
      '=': () => zoomBy(1 / ZOOM),
      '-': () => zoomBy(ZOOM),
      '0': () => zoom(Infinity),
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
  store.on(['head', 'laid', 'query', 'key', 'shown', 'theme'], () => {
    const { queries, keys } = counts()
    // A cell of another text than the one now shown is none.
    if (hovered !== null && (hovered.query >= queries || hovered.key >= keys)) hovered = null
    if (width > 0) draw()
  })

  /** The whole filter, or the part that is shown, with its legend, however wide the page is. */
  function savedScene(): { readonly name: string; readonly scene: Scene } {
    const { head, shown } = store.get()
    const heads = shownHeads(store.get())
    const room = labelRoom(data, head, SAVED_WIDTH)
    const part = { ...start, queries: layout!.queries, keys: layout!.keys }
    const sideOf = (count: number): number =>
      Math.min(SAVED_LONGEST, Math.max(LARGEST_SIDE, count * SAVED_CELL))
    const size = cellSize(part, sideOf(part.keys), sideOf(part.queries))
    const map = mapScene({ data, frame: shown, heads }, { ...room, ...part, ...size }, null, 2)
    const name = heads.length > 1 ? data.namesOf(heads) : data.titleOf(head)
    return { name, scene: withLegend(data, heads, map) }
  }

  const node = section(
    'filter',
    'One filter',
    'A row for each query, from top to bottom; a column for each key. Every row sums to 1.',
    element(
      'div',
      { class: 'filter-bar' },
      title,
      legend(data, store),
      element(
        'span',
        { class: 'buttons' },
        closer,
        farther,
        everything,
        saveButtons(data, 'the filter', savedScene),
      ),
    ),
    overView(data, store),
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

const MARGIN = 16
const LINE = 26

/** A map with its heads' names above it, and for several heads their colours. */
function withLegend(data: Data, heads: readonly number[], map: Scene): Scene {
  const ink = styleColour('--ink')
  const colours = palette().heads
  const lines = heads.length > 1 ? heads.map((head) => data.nameOf(head)) : [data.titleOf(heads[0]!)]
  const shapes: Shape[] = lines.flatMap((text, slot): Shape[] => {
    const y = MARGIN + slot * LINE + LINE / 2
    const label = { kind: 'text', y, text, size: 15, weight: 600, fill: ink } as const
    if (heads.length === 1) return [{ ...label, x: MARGIN }]
    return [
      { kind: 'rect', x: MARGIN, y: y - 7, width: 22, height: 14, fill: css(colours[slot]!) },
      { ...label, x: MARGIN + 32 },
    ]
  })
  const top = MARGIN + lines.length * LINE + 8
  return {
    width: Math.max(map.width + 2 * MARGIN, 320),
    height: map.height + top + MARGIN,
    shapes: [...shapes, ...moved(map.shapes, MARGIN, top)],
  }
}
