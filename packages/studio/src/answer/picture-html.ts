/** Pictures on a page, and what was attended in them. */
import { rgbPngOf } from '../picture/png.js'
import { visibleText } from '../visible.js'
import { bdi, escapeHtml } from './html.js'
import type { HeatPart, PicturePart, PicturePixels } from './parts.js'

/** Words that a picture has a button for at most. */
const mostWords = 64

function source(picture: PicturePixels): string {
  return `data:image/png;base64,${rgbPngOf(picture).toString('base64')}`
}

export function pictureHtml({ picture, name }: PicturePart): string {
  const { width, height } = picture
  const about = name === undefined ? 'the picture' : escapeHtml(visibleText(name, 200))
  return `<img src="${source(picture)}" width="${width}" height="${height}" alt="${about}">`
}

/**
 * A picture with a button for each word, which shows how much that has to do with each patch: the more, the
 * clearer the patch. It needs no script: what is chosen is a state of the form.
 */
export function heatHtml({ name, picture, rows, columns, patch, words }: HeatPart): string {
  const shown = words.slice(0, mostWords)
  const { width, height } = picture
  const buttons = shown.map(({ text }, i) => {
    const label = bdi(escapeHtml(visibleText(text.trim(), 60)))
    return `<label><input type="radio" name="word"${i === 0 ? ' checked' : ''}>${label}</label>`
  })
  const layers = shown.map(({ weights }) => {
    const largest = Math.max(1e-9, ...weights)
    const total = weights.reduce((sum, weight) => sum + weight, 0) || 1
    const cells = Array.from({ length: rows * columns }, (_, i) => {
      const weight = weights[i] ?? 0
      const [x, y] = [patch * (i % columns), patch * Math.floor(i / columns)]
      const veil = (0.82 * (1 - weight / largest)).toFixed(2)
      const share = `${((100 * weight) / total).toFixed(1)}%`
      return `<rect x="${x}" y="${y}" width="${patch}" height="${patch}" fill-opacity="${veil}"><title>${share}</title></rect>`
    })
    return `<g>${cells.join('')}</g>`
  })
  const about = escapeHtml(visibleText(name, 200))
  return (
    `<form><fieldset><legend>word</legend>${buttons.join('')}</fieldset>` +
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${about}">` +
    `<image href="${source(picture)}" width="${width}" height="${height}"/>${layers.join('')}</svg></form>`
  )
}

/** The style of pictures: of as many words as a picture has buttons for at most. */
export function heatStyle(): string {
  const shown = Array.from(
    { length: mostWords },
    (_, i) => `.heat:has(label:nth-of-type(${i + 1}) input:checked) g:nth-of-type(${i + 1})`,
  )
  return (
    `.answer img,.heat svg{display:block;width:min(100%,24rem);height:auto;image-rendering:pixelated}` +
    `.heat svg{margin-top:.5rem}.heat g{display:none}.heat rect{fill:#000}` +
    `.heat fieldset{border:0;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.25rem}` +
    `.heat legend{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}` +
    `.heat label{border:1px solid;border-radius:.25rem;padding:.1rem .5rem;cursor:pointer}` +
    `.heat label:has(input:checked){background:light-dark(#1a1a2e,#f0f0f8);color:light-dark(#fff,#111)}` +
    `.heat label:has(input:focus-visible){outline:2px solid;outline-offset:2px}` +
    `.heat input{position:absolute;opacity:0;pointer-events:none}` +
    `${shown.join(',')}{display:inline}`
  )
}
