import { COLOURS, css, inkOn, place, scale } from '../page/colour.js'
import { FONT } from '../page/scene.js'
import { escapeHtml } from '../answer/html.js'
import { visibleText } from '../visible.js'
import { pngOf } from './png.js'

/** A head, as a picture of all heads shows it. */
export interface PicturedHead {
  /** query × key; left out: nothing is drawn of it. */
  readonly filter?: readonly (readonly number[])[] | undefined
  /** A number below it, and how strong its colour is, 0 to 1. */
  readonly worth?: { readonly text: string; readonly share: number } | undefined
}

/** The heads of one layer. */
export interface PicturedLayer {
  /** Such as `layer 3`. */
  readonly name: string
  readonly heads: readonly PicturedHead[]
}

const cell = 56
const gap = 6
const line = 15
/** Room for a layer's name. */
const margin = 62
const ink = '#333'

/**
 * All heads of a model in one SVG: layers downward, heads to the right, each with its filter (queries
 * downward, keys to the right) and a number.
 *
 * @param lines what stands below
 */
export function headsSvg(layers: readonly PicturedLayer[], lines: readonly string[]): string {
  const columns = Math.max(1, ...layers.map(({ heads }) => heads.length))
  const width = margin + columns * (cell + gap)
  const parts: string[] = []
  const text = (x: number, y: number, said: string, more = ''): void =>
    void parts.push(
      `<text x="${x}" y="${y}"${more}>${escapeHtml(visibleText(said, 200).replaceAll('␣', ' '))}</text>`,
    )
  const left = (head: number): number => margin + head * (cell + gap)
  let y = line + 4
  for (let head = 0; head < columns; head++)
    text(left(head) + cell / 2, line - 2, String(head), ' text-anchor="middle"')
  for (const { name, heads } of layers) {
    const hasFilters = heads.some(({ filter }) => filter !== undefined)
    const hasNumbers = heads.some(({ worth }) => worth !== undefined)
    const height = (hasFilters ? cell : 0) + (hasNumbers ? line : 0)
    text(margin - gap, y + height / 2 + 4, visibleText(name, 10), ' text-anchor="end"')
    heads.forEach(({ filter, worth }, head) => {
      if (filter !== undefined) parts.push(imageOf(filter, left(head), y))
      if (worth === undefined) return
      const colour = colours[Math.round((COLOURS - 1) * place(Math.min(1, Math.max(0, worth.share))))]!
      const top = y + (hasFilters ? cell : 0)
      parts.push(
        `<rect x="${left(head)}" y="${top}" width="${cell}" height="${line}" fill="${css(colour)}"/>`,
      )
      text(left(head) + cell / 2, top + 11, worth.text, ` text-anchor="middle" fill="${inkOn(colour)}"`)
    })
    y += height + gap
  }
  for (const said of lines) text(gap, (y += line), said)
  const height = y + gap + 4
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family='${FONT}' font-size="11" fill="${ink}">`,
    `<title>${escapeHtml(lines.join(' '))}</title>`,
    `<rect width="${width}" height="${height}" rx="4" fill="#fff"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

const colours = scale('light')
/** So many colours are enough for a small picture. */
const shades = 64
const palette = Array.from(
  { length: shades },
  (_, i) => colours[Math.round((i / (shades - 1)) * (COLOURS - 1))]!,
)

function imageOf(filter: readonly (readonly number[])[], x: number, y: number): string {
  const [height, width] = [filter.length, filter[0]?.length ?? 0]
  const pixels = Uint8Array.from(filter.flat(), (weight) =>
    Math.round((shades - 1) * place(Math.min(1, Math.max(0, weight)))),
  )
  const png = pngOf(width, height, pixels, palette).toString('base64')
  return (
    `<image x="${x}" y="${y}" width="${cell}" height="${cell}" preserveAspectRatio="none" ` +
    `style="image-rendering:pixelated" href="data:image/png;base64,${png}"/>`
  )
}
