import type { Data } from './frames.js'
import { element } from './dom.js'
import { paintScene, svgOfScene, type Scene } from './scene.js'
import { styleColour } from './theme.js'

/** A picture of the page that can be saved. */
export interface Saved {
  /** What it shows: `Layer 2, head 5`. */
  readonly name: string
  readonly scene: Scene
}

/** Pixels for each CSS pixel of a saved picture, and the most on a side. */
const RATIO = 2
const LONGEST = 8192

/** A name for a file: words of letters and digits, joined by hyphens. */
export function fileName(title: string, name: string, extension: string): string {
  const words = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? []
  let base = ''
  for (const word of words(title)) {
    if (base.length + word.length > 40) break
    base += `${base === '' ? '' : '-'}${word}`
  }
  return `${[base, words(name).join('-').slice(0, 80)].filter((part) => part !== '').join('-') || 'attention'}.${extension}`
}

function download(blob: Blob, name: string): void {
  const link = element('a', { href: URL.createObjectURL(blob), download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

/** The two buttons that save a picture of the page, as SVG and as PNG. */
export function saveButtons(data: Data, thing: string, picture: () => Saved): HTMLElement {
  const button = (format: 'SVG' | 'PNG', save: (saved: Saved) => void): HTMLButtonElement => {
    const node = element(
      'button',
      { type: 'button', class: 'quiet', 'aria-label': `Save ${thing} as ${format}`, title: `Save ${thing}` },
      format,
    )
    node.addEventListener('click', () => save(picture()))
    return node
  }
  const { title } = data.payload
  return element(
    'span',
    { class: 'buttons save' },
    button('SVG', ({ name, scene }) => {
      const text = svgOfScene(scene, styleColour('--paper'), `${title}: ${name}`)
      download(new Blob([text], { type: 'image/svg+xml' }), fileName(title, name, 'svg'))
    }),
    button('PNG', ({ name, scene }) => {
      const canvas = document.createElement('canvas')
      const ratio = Math.min(RATIO, LONGEST / Math.max(scene.width, scene.height))
      paintScene(canvas, scene, ratio, styleColour('--paper'))
      canvas.toBlob((blob) => {
        if (blob !== null) download(blob, fileName(title, name, 'png'))
      }, 'image/png')
    }),
  )
}
