import { measureAll } from './dom.js'
import type { Store } from './state.js'

/**
 * Draws the page anew for paper: in light colours, at the paper's width, with what lies below the fold, and
 * after printing as it was.
 */
export function drawForPrint(store: Store, paintAll: () => void): void {
  const page = document.documentElement
  let theme: string | undefined
  const redraw = (): void => {
    store.set({ theme: store.get().theme + 1 })
    store.flush()
    measureAll()
    paintAll()
  }
  window.addEventListener('beforeprint', () => {
    theme = page.dataset['theme']
    page.dataset['theme'] = 'light'
    page.dataset['printing'] = 'true'
    redraw()
  })
  window.addEventListener('afterprint', () => {
    if (theme === undefined) delete page.dataset['theme']
    else page.dataset['theme'] = theme
    delete page.dataset['printing']
    redraw()
  })
}
