import { highestEntropy, type Data } from './frames.js'
import { element, onWidth, section, svg } from './dom.js'
import { drawPicture } from './picture.js'
import type { Store } from './state.js'
import { lastStep, stepOf } from './steps.js'

/** Pixels of one small filter, per side: the screen's, but no more than can be told apart. */
const PIXELS = 160

/** A head's entropy over training, with the moment shown. */
function sparkline(data: Data, head: number, store: Store, highest: number): SVGElement {
  const { frames } = data.payload
  const end = lastStep(data) || 1
  const points = frames.flatMap((frame, index) => {
    const entropy = frame.scores[0]![head] ?? null
    return entropy === null ? [] : [`${(100 * stepOf(data, index)) / end},${22 - (20 * entropy) / highest}`]
  })
  const cursor = svg('line', { y1: 0, y2: 24, class: 'cursor' })
  const move = (): void => {
    const x = (100 * stepOf(data, store.get().frame)) / end
    cursor.setAttribute('x1', `${x}`)
    cursor.setAttribute('x2', `${x}`)
  }
  store.on(['frame'], move)
  move()
  return svg(
    'svg',
    { class: 'sparkline', viewBox: '0 0 100 24', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('polyline', { points: points.join(' ') }),
    cursor,
  )
}

/** Every head's filter, small: layers downwards, heads to the right. */
export function headsView(data: Data, store: Store, enlarge: () => void): HTMLElement {
  const { heads, frames } = data.payload
  const trained = frames.length > 1
  const columns = Math.max(...heads)
  const highest = highestEntropy(data)
  const cells: HTMLElement[] = []
  const pictures: HTMLCanvasElement[] = []
  const near = new Set<number>()
  const stale = new Set<number>()

  const rows = heads.map((count, layer) => {
    const row = element('div', { role: 'row' }, element('span', { role: 'rowheader' }, `L${layer}`))
    for (let number = 0; number < count; number++) {
      const head = cells.length
      const picture = element('canvas', { 'aria-hidden': 'true' })
      const cell = element('div', { role: 'gridcell', tabindex: '-1', class: 'cell' }, picture)
      if (trained) cell.append(sparkline(data, head, store, highest))
      cell.setAttribute('aria-label', `Layer ${layer}, head ${number}`)
      cell.addEventListener('focus', () => store.set({ head }))
      cell.addEventListener('click', enlarge)
      cells.push(cell)
      pictures.push(picture)
      row.append(cell)
    }
    return row
  })
  const top = element(
    'div',
    { role: 'row', class: 'top' },
    element('span', { role: 'columnheader' }, element('span', { class: 'unseen' }, 'Layer')),
  )
  for (let number = 0; number < columns; number++) {
    top.append(element('span', { role: 'columnheader' }, `H${number}`))
  }
  const grid = element(
    'div',
    { role: 'grid', class: 'heads', 'aria-label': 'Filters of all heads' },
    top,
    ...rows,
  )
  grid.style.setProperty('--columns', `${columns}`)

  const paint = (head: number): void => {
    stale.delete(head)
    drawPicture(pictures[head]!, data, store.get().shown, head, PIXELS)
  }
  const watch = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const head = cells.indexOf(entry.target as HTMLElement)
        if (entry.isIntersecting) {
          near.add(head)
          if (stale.has(head)) paint(head)
        } else near.delete(head)
      }
    },
    { rootMargin: '200px' },
  )
  cells.forEach((cell, head) => {
    stale.add(head)
    watch.observe(cell)
  })

  const select = (): void => {
    cells.forEach((cell, head) => {
      const chosen = head === store.get().head
      cell.tabIndex = chosen ? 0 : -1
      cell.setAttribute('aria-selected', `${chosen}`)
    })
  }
  grid.addEventListener('keydown', (event) => {
    const { head } = store.get()
    const layer = data.layerOf(head)
    const first = head - data.numberOf(head)
    const inLayer = (wanted: number, number: number): number | undefined => {
      const count = heads[wanted]
      if (count === undefined || count === 0) return undefined
      return heads.slice(0, wanted).reduce((sum, more) => sum + more, 0) + Math.min(number, count - 1)
    }
    const to = {
      ArrowRight: head + 1,
      ArrowLeft: head - 1,
      ArrowDown: inLayer(layer + 1, data.numberOf(head)),
      ArrowUp: inLayer(layer - 1, data.numberOf(head)),
      Home: first,
      End: first + heads[layer]! - 1,
    }[event.key]
    if (event.key === 'Enter') enlarge()
    if (to === undefined) return
    event.preventDefault()
    cells[to]?.focus()
  })
  store.on(['head'], select)
  store.on(['shown', 'theme'], () => {
    cells.forEach((_, head) => stale.add(head))
    for (const head of near) paint(head)
  })
  select()
  const scroller = element('div', { class: 'scroll' }, grid)
  let opened = false
  onWidth(scroller, (width) => {
    if (!opened) scroller.scrollLeft = cells[store.get().head]!.offsetLeft - width / 2
    opened = true
  })
  return section(
    'heads',
    'All heads',
    trained
      ? 'A row for each layer. Under each filter its entropy during training. Choose one to enlarge it.'
      : 'A row for each layer. Choose one to enlarge it.',
    scroller,
  )
}
