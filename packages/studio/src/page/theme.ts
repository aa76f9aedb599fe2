import { COLOURS, css, headColours, INDEX_OF_CODE, inkOn, scale, type Colour, type Theme } from './colour.js'
import { element } from './dom.js'
import type { Store } from './state.js'

/** The colours now in use. */
export interface Palette {
  readonly theme: Theme
  /** CSS colour, and the ink that reads on it, for each place on the scale. */
  readonly fill: readonly string[]
  readonly ink: readonly string[]
  /** The scale as canvas pixels (red, green, blue, opacity in memory order). */
  readonly pixels: Uint32Array
  /** The colours of heads laid over each other. */
  readonly heads: readonly Colour[]
  readonly paper: Colour
}

function build(theme: Theme): Palette {
  const colours = scale(theme)
  const bytes = new Uint8ClampedArray(4 * COLOURS)
  colours.forEach(({ red, green, blue }, index) => bytes.set([red, green, blue, 255], 4 * index))
  return {
    theme,
    fill: colours.map(css),
    ink: colours.map(inkOn),
    pixels: new Uint32Array(bytes.buffer),
    heads: headColours(theme),
    paper: colours[0]!,
  }
}

const palettes: Readonly<Record<Theme, Palette>> = { light: build('light'), dark: build('dark') }

/** The theme that the reader chose on the page, or else in the system. */
function currentTheme(): Theme {
  const chosen = document.documentElement.dataset['theme']
  if (chosen === 'light' || chosen === 'dark') return chosen
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
}

export function palette(): Palette {
  return palettes[currentTheme()]
}

/** The index on the scale of a 16-bit code. */
export function indexOf(code: number): number {
  return INDEX_OF_CODE[code]!
}

/** A colour of the style sheet. */
export function styleColour(name: string): string {
  const probe = element('span')
  probe.style.color = `var(${name})`
  document.body.append(probe)
  const colour = getComputedStyle(probe).color
  probe.remove()
  return colour
}

/** The button that switches between light and dark. */
export function themeButton(store: Store): HTMLElement {
  const button = element('button', { type: 'button', class: 'quiet', id: 'theme' })
  const changed = (): void => {
    const dark = currentTheme() === 'dark'
    button.textContent = dark ? 'Light' : 'Dark'
    button.setAttribute('aria-label', dark ? 'Switch to light colours' : 'Switch to dark colours')
    store.set({ theme: store.get().theme + 1 })
  }
  button.addEventListener('click', () => {
    document.documentElement.dataset['theme'] = currentTheme() === 'dark' ? 'light' : 'dark'
    changed()
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed)
  changed()
  return button
}
