import { visible, visibleText } from '../visible.js'

/** An element with attributes and children; text is always text, never markup. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  node.append(...children)
  return node
}

/** The same for SVG. */
export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[Name] {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value))
  node.append(...children)
  return node
}

/** A section of the page with its heading and one line that says what it shows. */
export function section(
  id: string,
  heading: string,
  lead: string,
  ...children: (Node | string)[]
): HTMLElement {
  return element(
    'section',
    { id, 'aria-labelledby': `${id}-heading` },
    element(
      'header',
      {},
      element('h2', { id: `${id}-heading` }, heading),
      element('p', { class: 'lead' }, lead),
    ),
    ...children,
  )
}

/** Longest text of one token that is put on the page; the rest is said to be left out. */
const LONGEST = 200

/**
 * A token's text as nodes: its own direction, its marks set apart, its whole text on hover where it is cut.
 */
export function tokenText(text: string): HTMLElement {
  const whole = [...text]
  const cut = whole.length > LONGEST
  const shown = cut ? whole.slice(0, LONGEST).join('') : text
  const node = element('bdi', { class: 'token-text' })
  for (const piece of visible(shown)) {
    node.append(piece.mark ? element('span', { class: 'mark' }, piece.text) : piece.text)
  }
  if (cut) node.append(element('span', { class: 'mark' }, `… (${whole.length} characters)`))
  return node
}

/** A token's text in quotes, for labels; its direction is its own (FSI … PDI). */
export function quoted(text: string): string {
  return `“\u2068${visibleText(text, 40)}\u2069”`
}

/** A weight to three decimals. */
export function weightText(weight: number): string {
  return weight > 0 && weight < 0.0005 ? '<0.001' : weight.toFixed(3)
}

/** A score to three decimals, or a dash where it isn't known. */
export function scoreText(score: number | null): string {
  return score === null ? '–' : score.toFixed(3)
}

/** Whether the reader asked for little motion. */
export function calm(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches
}

const measured: { readonly node: Element; readonly measure: (width: number) => void }[] = []

/** Calls `draw` with the element's width, in CSS pixels, now and whenever it changes. */
export function onWidth(node: Element, draw: (width: number) => void): void {
  let last = -1
  const measure = (width: number): void => {
    if (width === last || width === 0) return
    last = width
    draw(width)
  }
  measured.push({ node, measure })
  new ResizeObserver(([entry]) => measure(Math.floor(entry?.contentRect.width ?? 0))).observe(node)
}

/** Measures every element at once, without waiting for the next paint. */
export function measureAll(): void {
  for (const { node, measure } of measured) {
    const { paddingLeft, paddingRight } = getComputedStyle(node)
    measure(Math.floor(node.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight)))
  }
}

/** A box that scrolls sideways, and says so where there is more to see. */
export function sideways(
  attributes: Readonly<Record<string, string>>,
  ...children: (Node | string)[]
): { readonly node: HTMLElement; readonly scroller: HTMLElement } {
  const scroller = element(
    'div',
    { ...attributes, class: `scroll ${attributes['class'] ?? ''}`.trim() },
    ...children,
  )
  const hint = element('p', { class: 'note more', 'aria-hidden': 'true' }, 'More to the side →')
  const node = element('div', { class: 'sideways' }, hint, scroller)
  const look = (): void => {
    const left = scroller.scrollLeft > 2
    const right = scroller.scrollLeft + scroller.clientWidth < scroller.scrollWidth - 2
    node.dataset['more'] = left && right ? 'both' : left ? 'left' : right ? 'right' : 'none'
    hint.textContent =
      left && right ? '← More to both sides →' : left ? '← More to the side' : 'More to the side →'
  }
  scroller.addEventListener('scroll', look, { passive: true })
  onWidth(scroller, look)
  return { node, scroller }
}
