import type { Data, Frame } from './frames.js'
import { indexOf, palette } from './theme.js'

/**
 * One head's filter as an image, a pixel per weight: keys to the right, queries downwards. Where the query may
 * not attend it is transparent, and the hatching of the page shows. A filter larger than `limit` is drawn
 * smaller, each pixel the largest weight it covers, so that thin lines stay.
 */
export function drawPicture(
  canvas: HTMLCanvasElement,
  data: Data,
  frame: Frame,
  head: number,
  limit: number,
): void {
  const { tokens } = data
  const side = Math.min(tokens, Math.max(1, Math.floor(limit)))
  if (canvas.width !== side || canvas.height !== side) {
    canvas.width = side
    canvas.height = side
  }
  const context = canvas.getContext('2d')
  if (context === null) return
  const image = context.createImageData(side, side)
  const pixels = new Uint32Array(image.data.buffer)
  const { pixels: scale } = palette()
  const last = data.payload.causal
  for (let y = 0; y < side; y++) {
    const [queryFrom, queryTo] = [Math.floor((y * tokens) / side), Math.floor(((y + 1) * tokens) / side)]
    for (let x = 0; x < side; x++) {
      const [keyFrom, keyTo] = [Math.floor((x * tokens) / side), Math.floor(((x + 1) * tokens) / side)]
      if (last && keyFrom >= queryTo) break
      let largest = 0
      for (let query = queryFrom; query < queryTo; query++) {
        for (let key = keyFrom; key < keyTo; key++) {
          const code = data.code(frame, head, query, key)
          if (code > largest) largest = code
        }
      }
      pixels[y * side + x] = scale[indexOf(largest)]!
    }
  }
  context.putImageData(image, 0, 0)
}
