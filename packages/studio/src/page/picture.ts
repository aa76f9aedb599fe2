import { css, laidOver, luminance, type Colour } from './colour.js'
import type { Data, Frame } from './frames.js'
import { ONE } from '../payload.js'
import { indexOf, palette } from './theme.js'

/** The colour of a cell, and the ink that reads on it. */
export interface CellColour {
  readonly fill: string
  readonly ink: string
}

/** The colours of the weights of one head, or of several laid over each other. */
export interface Colouring {
  /** A cell's colour. */
  cell(query: number, key: number): CellColour
  /**
   * The colour of a block of cells, as a canvas pixel (red, green, blue, opacity from the lowest byte on):
   * that of the largest weights.
   */
  pixel(queries: readonly [from: number, to: number], keys: readonly [from: number, to: number]): number
}

export function colouringOf(data: Data, frame: Frame, heads: readonly number[]): Colouring {
  const { fill, ink, pixels, theme, paper, heads: inks } = palette()
  const largest = (
    head: number,
    queries: readonly [number, number],
    keys: readonly [number, number],
  ): number => {
    let most = 0
    for (let query = queries[0]; query < queries[1]; query++) {
      for (let key = keys[0]; key < keys[1]; key++) {
        const code = data.code(frame, head, query, key)
        if (code > most) most = code
      }
    }
    return most
  }
  const [only] = heads
  if (heads.length === 1 && only !== undefined) {
    return {
      cell(query, key) {
        const index = indexOf(data.code(frame, only, query, key))
        return { fill: fill[index]!, ink: ink[index]! }
      },
      pixel: (queries, keys) => pixels[indexOf(largest(only, queries, keys))]!,
    }
  }
  const mixed = (codes: readonly number[]): Colour =>
    laidOver(
      theme,
      paper,
      codes.map((code, slot) => ({ colour: inks[slot]!, weight: code / ONE })),
    )
  return {
    cell(query, key) {
      const colour = mixed(heads.map((head) => data.code(frame, head, query, key)))
      return { fill: css(colour), ink: luminance(colour) > 0.1791 ? '#000' : '#fff' }
    },
    pixel(queries, keys) {
      const { red, green, blue } = mixed(heads.map((head) => largest(head, queries, keys)))
      return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0
    },
  }
}

/** A part of a filter: its first query and key, and how many of each. */
export interface Part {
  readonly query: number
  readonly queries: number
  readonly key: number
  readonly keys: number
}

/**
 * Filters as an image, a pixel per weight: keys to the right, queries downwards. Where the query may
 * not attend it is transparent, and the hatching of the page shows. A side longer than `limit` is drawn
 * smaller, each pixel the largest weight it covers, so that thin lines stay.
 */
export function drawPicture(
  canvas: HTMLCanvasElement,
  data: Data,
  frame: Frame,
  heads: readonly number[],
  limit: number,
  part: Part = wholeOf(data, heads[0]!),
): void {
  const most = Math.max(1, Math.floor(limit))
  const [width, height] = [Math.min(part.keys, most), Math.min(part.queries, most)]
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width
    canvas.height = height
  }
  const context = canvas.getContext('2d')
  if (context === null) return
  const image = context.createImageData(width, height)
  const pixels = new Uint32Array(image.data.buffer)
  const colouring = colouringOf(data, frame, heads)
  const causal = heads.every((head) => data.isCausal(head))
  const range = (from: number, count: number, at: number, of: number): [number, number] => [
    from + Math.floor((at * count) / of),
    from + Math.floor(((at + 1) * count) / of),
  ]
  for (let y = 0; y < height; y++) {
    const queries = range(part.query, part.queries, y, height)
    for (let x = 0; x < width; x++) {
      const keys = range(part.key, part.keys, x, width)
      if (causal && keys[0] >= queries[1]) break
      pixels[y * width + x] = colouring.pixel(queries, keys)
    }
  }
  context.putImageData(image, 0, 0)
}

export function wholeOf(data: Data, head: number): Part {
  return { query: 0, queries: data.queriesOf(head).length, key: 0, keys: data.keysOf(head).length }
}
