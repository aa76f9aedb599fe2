import { element, quoted, svg, tokenText, weightText } from './dom.js'
import { css } from './colour.js'
import type { Data } from './frames.js'
import { colouringOf } from './picture.js'
import type { Scene, Shape } from './scene.js'
import { moved } from './scene.js'
import { shownHeads, type Store } from './state.js'
import { svgShapes } from './svg-scene.js'
import { palette, styleColour } from './theme.js'
import { visibleText } from '../visible.js'

/** Arcs are drawn for the keys with the largest weights: at most so many, none below this weight. */
const ARCS = 32
const ARC_WEIGHT = 0.02
/** Weights from here on are written under their token. */
const WRITTEN_WEIGHT = 0.05
/** A text of more tokens is set smaller, and scrolls. */
const LONG = 80
/** One of up to so many is set larger. */
const SHORT = 12

/** Where a token lies, in CSS pixels. */
interface Box {
  readonly left: number
  readonly middle: number
  readonly width: number
  readonly top: number
  readonly bottom: number
}

/**
 * The curve from a query to a key: over the words on one line (at most `highest`), between lines otherwise.
 */
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

/** The tokens of one text, or of two, with what the chosen query attends to. */
export interface Stage {
  readonly node: HTMLElement
  /** Looks where the tokens lie, and draws. */
  measure(): void
  draw(): void
  /** Brings the chosen query into view. */
  reveal(): void
  scene(): Scene
}

/**
 * The stage of the texts that `head` attends from and to. `say` is called with what the query attends to, in
 * words.
 */
export function createStage(data: Data, store: Store, head: number, say: (text: string) => void): Stage {
  const [queries, keys] = [data.queriesOf(head), data.keysOf(head)]
  const self = data.isSelf(head)
  const long = Math.max(queries.length, keys.length) > LONG
  const arcs = svg('svg', { class: 'arcs', 'aria-hidden': 'true' })
  const options = queries.map((token, index) =>
    element(
      'div',
      { role: 'option', class: 'token', tabindex: '-1', id: `token-${index}` },
      tokenText(token.text),
    ),
  )
  const list = element(
    'div',
    {
      role: 'listbox',
      class: 'tokens',
      'aria-label': self
        ? 'Tokens of the sentence; choose the query'
        : 'Queries: tokens that attend; choose one',
    },
    ...options,
  )
  const targets = self
    ? options
    : keys.map((token, index) =>
        element('div', { role: 'listitem', class: 'token key', id: `key-${index}` }, tokenText(token.text)),
      )
  const texts = element('div', { class: self ? 'texts' : 'texts two' })
  if (self) texts.append(list)
  else {
    texts.append(
      element('p', { class: 'note' }, 'Queries'),
      list,
      element('p', { class: 'note' }, 'Keys'),
      element(
        'div',
        { role: 'list', class: 'tokens keys', 'aria-label': 'Keys: tokens that are attended to' },
        ...targets,
      ),
    )
  }
  const node = element(
    'div',
    {
      class: long ? 'stage long' : Math.max(queries.length, keys.length) <= SHORT ? 'stage short' : 'stage',
    },
    arcs,
    texts,
  )
  let hovered: number | null = null
  let places: { readonly queries: readonly Box[]; readonly keys: readonly Box[] } = { queries: [], keys: [] }

  function boxes(nodes: readonly HTMLElement[]): Box[] {
    const origin = texts.getBoundingClientRect()
    return nodes.map((token) => {
      const box = token.getBoundingClientRect()
      return {
        left: box.left - origin.left,
        middle: box.left + box.width / 2 - origin.left,
        width: box.width,
        top: Math.round(box.top - origin.top),
        bottom: Math.round(box.bottom - origin.top),
      }
    })
  }

  function draw(): void {
    const state = store.get()
    const { shown, query: chosen } = state
    const heads = shownHeads(state)
    const query = Math.min(queries.length - 1, hovered ?? chosen)
    const colouring = colouringOf(data, shown, heads)
    const weightsOf = (one: number): number[] => keys.map((_, key) => data.weight(shown, one, query, key))
    const weights = heads.map(weightsOf)
    options.forEach((option, index) => {
      option.classList.toggle('query', index === query)
      option.tabIndex = index === chosen ? 0 : -1
      option.setAttribute('aria-selected', `${index === chosen}`)
      if (!self) option.setAttribute('aria-label', `${quoted(queries[index]!.text)}, token ${index}`)
    })
    targets.forEach((target, key) => {
      const may = heads.some((one) => data.mayAttend(one, query, key))
      const { fill, ink } = colouring.cell(query, key)
      target.classList.toggle('masked', !may)
      target.style.backgroundColor = may ? fill : ''
      target.style.color = may ? ink : ''
      const said = heads.map((one, slot) =>
        heads.length > 1
          ? `${data.nameOf(one)} ${weightText(weights[slot]![key]!)}`
          : weightText(weights[slot]![key]!),
      )
      target.setAttribute(
        'aria-label',
        `${quoted(keys[key]!.text)}, token ${key}: ${may ? said.join(', ') : 'may not be attended to'}`,
      )
      const largest = Math.max(...weights.map((row) => row[key]!))
      if (largest >= WRITTEN_WEIGHT) target.dataset['weight'] = largest.toFixed(2)
      else delete target.dataset['weight']
    })
    drawArcs(heads, weights, query)
    say(inWords(heads, weights, query))
  }

  function drawArcs(heads: readonly number[], weights: readonly (readonly number[])[], query: number): void {
    const colours = palette().heads
    arcs.replaceChildren(
      ...heads.flatMap((_, slot) =>
        strongest(weights[slot]!)
          .slice(0, ARCS)
          .reverse()
          .flatMap(({ weight, key }) => {
            const [from, to] = [places.queries[query], places.keys[key]]
            if (from === undefined || to === undefined) return []
            // Heads laid over each other stand side by side at the query.
            const aside = 4 * (slot - (heads.length - 1) / 2)
            const begin = { ...from, middle: from.middle + aside }
            const path = svg('path', {
              d: arc(begin, to, self && key === query, (long ? 28 : 40) + 2 * slot),
              'stroke-width': (0.75 + 5 * weight).toFixed(2),
              'stroke-opacity': Math.min(1, 0.25 + 0.75 * Math.sqrt(weight)).toFixed(2),
            })
            if (heads.length > 1) path.style.stroke = css(colours[slot]!)
            return [path]
          }),
      ),
    )
  }

  function inWords(heads: readonly number[], weights: readonly (readonly number[])[], query: number): string {
    const few = heads.length > 1 ? 1 : 3
    const parts = heads.map((one, slot) => {
      const ranked = strongest(weights[slot]!)
      const most = ranked
        .slice(0, few)
        .map(({ key, weight }) => `${quoted(keys[key]!.text)} ${weightText(weight)}`)
      const said = most.length === 0 ? 'no token with 0.02 or more' : most.join(', ')
      return { name: data.nameOf(one), said: `${said}${ranked.length > few ? ', …' : ''}` }
    })
    const token = `${quoted(queries[query]!.text)} (token ${query}) attends to`
    return heads.length > 1
      ? `${token}: ${parts.map(({ name, said }) => `${name} ${said}`).join('; ')}`
      : `In ${parts[0]!.name}, ${token} ${parts[0]!.said}`
  }

  options.forEach((option, index) => {
    option.addEventListener('pointerenter', (event) => {
      if (event.pointerType !== 'mouse') return
      hovered = index
      draw()
    })
    option.addEventListener('click', () => option.focus())
    option.addEventListener('focus', () => {
      const { shown, head: current } = store.get()
      store.set({ query: index, key: data.mostAttended(shown, current, index) })
    })
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
      End: queries.length - 1,
    }[event.key]
    if (to === undefined) return
    event.preventDefault()
    options[Math.min(queries.length - 1, Math.max(0, to))]?.focus()
  })

  return {
    node,
    draw,
    measure() {
      arcs.setAttribute('width', `${texts.clientWidth}`)
      arcs.setAttribute('height', `${texts.offsetHeight}`)
      places = { queries: boxes(options), keys: self ? boxes(options) : boxes(targets) }
      draw()
    },
    reveal() {
      node.scrollTop = (options[store.get().query]?.offsetTop ?? 0) - node.clientHeight / 2
    },
    scene() {
      const shapes = [
        ...options.flatMap((option, index) =>
          tokenShapes(option, places.queries[index]!, queries[index]!.text),
        ),
        ...(self
          ? []
          : targets.flatMap((target, index) => tokenShapes(target, places.keys[index]!, keys[index]!.text))),
        ...svgShapes(arcs),
      ]
      return {
        width: texts.clientWidth + 2 * MARGIN,
        height: texts.offsetHeight + 2 * MARGIN,
        shapes: moved(shapes, MARGIN, MARGIN),
      }
    },
  }
}

/** Around a saved picture, in CSS pixels. */
const MARGIN = 16

/** The keys that are attended to, the largest weight first. */
function strongest(weights: readonly number[]): { readonly weight: number; readonly key: number }[] {
  return weights
    .map((weight, key) => ({ weight, key }))
    .filter(({ weight }) => weight >= ARC_WEIGHT)
    .sort((a, b) => b.weight - a.weight)
}

/** A token of the page, as it is drawn there. */
function tokenShapes(token: HTMLElement, box: Box, text: string): Shape[] {
  const style = getComputedStyle(token)
  const place = { x: box.left, y: box.top, width: box.width, height: box.bottom - box.top }
  const middle = box.top + place.height / 2
  const written = token.dataset['weight']
  return [
    ...(token.classList.contains('masked')
      ? [{ kind: 'hatch', ink: styleColour('--hatch'), ...place } as const]
      : [{ kind: 'rect', fill: style.backgroundColor, ...place } as const]),
    ...(token.classList.contains('query')
      ? [{ kind: 'rect', stroke: styleColour('--accent'), line: 2.5, ...place } as const]
      : []),
    {
      kind: 'text',
      x: box.middle,
      y: middle,
      text: visibleText(text, 40),
      size: Number.parseFloat(style.fontSize),
      fill: style.color,
      anchor: 'middle',
      family: style.fontFamily,
    },
    ...(written === undefined
      ? []
      : [
          {
            kind: 'text',
            x: box.middle,
            y: box.bottom + 10,
            text: written,
            size: 11.5,
            fill: styleColour('--muted'),
            anchor: 'middle',
          } as const,
        ]),
  ]
}
