import { escaped } from '../terminal/escape.js'
import { css } from './colour.js'
import { element, onWidth, section, sideways, svg } from './dom.js'
import { highestEntropy, type Data, type Frame } from './frames.js'
import { drawPicture } from './picture.js'
import { saveButtons } from './save.js'
import type { Scene, Shape } from './scene.js'
import { chooseHead, toggleLaid, type Store } from './state.js'
import { lastStep, stepOf } from './steps.js'
import { palette, styleColour } from './theme.js'

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

/** The side of a filter in the saved picture of all heads, and the room around it (CSS pixels). */
const SAVED_SIDE = 132
const SAVED_GAP = 10
const SAVED_LABEL = 18

/** Width over height of a small filter: its own, but not so narrow that nothing is seen. */
function shapeOf(data: Data, head: number): number {
  return Math.min(2.5, Math.max(0.4, data.keysOf(head).length / data.queriesOf(head).length))
}

/** Every head's filter beside each other, as a picture to save. */
function headsScene(data: Data, frame: Frame): Scene {
  const [ink, hatch] = [styleColour('--ink'), styleColour('--hatch')]
  const shapes: Shape[] = []
  let [y, head, width] = [SAVED_GAP, 0, 0]
  for (const { short, heads } of data.payload.layers) {
    const name = {
      kind: 'text',
      x: SAVED_GAP,
      text: escaped(short),
      size: 13,
      weight: 600,
      fill: ink,
    } as const
    shapes.push({ ...name, y: y + SAVED_LABEL / 2 })
    width = Math.max(width, 9 * short.length)
    y += SAVED_LABEL
    let tallest = 0
    for (let number = 0; number < heads; number++, head++) {
      const canvas = document.createElement('canvas')
      drawPicture(canvas, data, frame, [head], 2 * SAVED_SIDE)
      const shape = shapeOf(data, head)
      const box = {
        x: SAVED_GAP + number * (SAVED_SIDE + SAVED_GAP),
        y: y + SAVED_LABEL,
        width: SAVED_SIDE * Math.min(1, shape),
        height: SAVED_SIDE / Math.max(1, shape),
      }
      shapes.push(
        { kind: 'text', x: box.x, y: y + SAVED_LABEL / 2, text: `H${number}`, size: 12, fill: ink },
        ...(data.isCausal(head) ? [{ kind: 'hatch', ink: hatch, ...box } as const] : []),
        { kind: 'image', canvas, ...box },
      )
      tallest = Math.max(tallest, box.height)
      width = Math.max(width, box.x + SAVED_SIDE)
    }
    y += SAVED_LABEL + tallest + SAVED_GAP
  }
  return { width: width + SAVED_GAP, height: y, shapes }
}

/** Every head's filter, small: layers downwards, heads to the right. */
export function headsView(
  data: Data,
  store: Store,
  enlarge: () => void,
): { readonly node: HTMLElement; paintAll(): void } {
  const { layers, frames } = data.payload
  const heads = layers.map((layer) => layer.heads)
  const named = layers.some(({ short }) => !/^L\d+$/.test(short))
  const trained = frames.length > 1
  const columns = Math.max(...heads)
  const highest = highestEntropy(data)
  const cells: HTMLElement[] = []
  const pictures: HTMLCanvasElement[] = []
  const near = new Set<number>()
  const stale = new Set<number>()

  const rows = heads.map((count, layer) => {
    const row = element(
      'div',
      { role: 'row' },
      element('span', { role: 'rowheader' }, element('bdi', {}, escaped(layers[layer]!.short))),
    )
    for (let number = 0; number < count; number++) {
      const head = cells.length
      const picture = element('canvas', { 'aria-hidden': 'true' })
      picture.style.aspectRatio = shapeOf(data, head).toFixed(3)
      const cell = element('div', { role: 'gridcell', tabindex: '-1', class: 'cell' }, picture)
      if (trained) cell.append(sparkline(data, head, store, highest))
      cell.setAttribute('aria-label', data.titleOf(head))
      cell.classList.toggle('causal', data.isCausal(head))
      // A press with Shift lays the head over the one shown, which stays.
      cell.addEventListener('mousedown', (event) => {
        if (event.shiftKey) event.preventDefault()
      })
      cell.addEventListener('focus', () => chooseHead(data, store, head))
      cell.addEventListener('click', (event) => {
        if (event.shiftKey) toggleLaid(data, store, head)
        else enlarge()
      })
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
    { role: 'grid', class: named ? 'heads named' : 'heads', 'aria-label': 'Filters of all heads' },
    top,
    ...rows,
  )
  grid.style.setProperty('--columns', `${columns}`)

  const paint = (head: number): void => {
    stale.delete(head)
    drawPicture(pictures[head]!, data, store.get().shown, [head], PIXELS)
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
    const { head: shown, laid } = store.get()
    const colours = palette().heads
    cells.forEach((cell, head) => {
      cell.tabIndex = head === shown ? 0 : -1
      cell.setAttribute('aria-selected', `${head === shown || laid.includes(head)}`)
      cell.classList.toggle('laid', laid.includes(head))
      const colour = colours[laid.indexOf(head)]
      cell.style.setProperty('--laid', colour === undefined ? '' : css(colour))
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
  store.on(['head', 'laid', 'theme'], select)
  store.on(['shown', 'theme'], () => {
    cells.forEach((_, head) => stale.add(head))
    for (const head of near) paint(head)
  })
  select()
  const { node, scroller } = sideways({}, grid)
  let opened = false
  onWidth(grid, () => {
    if (!opened) scroller.scrollLeft = cells[store.get().head]!.offsetLeft - scroller.clientWidth / 2
    opened = true
  })
  const save = saveButtons(data, 'the filters of all heads', () => ({
    name: 'all heads',
    scene: headsScene(data, store.get().shown),
  }))
  return {
    node: section(
      'heads',
      'All heads',
      trained
        ? 'A row for each layer. Under each filter its entropy during training. Choose one to enlarge it.'
        : 'A row for each layer. Choose one to enlarge it.',
      node,
      save,
    ),
    paintAll: () => stale.forEach(paint),
  }
}
