import type { Picture } from './picture.js'

/** What becomes of what is transparent: it is dropped, as colours lie under it; or all is laid over white. */
export type Transparency = 'drop' | 'white'

/**
 * Pixels of one channel (grey), two (grey, opacity), three (red, green, blue) or four (opacity behind them)
 * as RGB. Laid over white with the levels that Pillow's `alpha_composite` gives.
 */
export function toRgb(
  { height, width, levels }: Picture,
  channels: number,
  transparency: Transparency,
): Picture {
  const pixels = height * width
  if (channels === 3) return { height, width, levels }
  const hasColour = channels > 2
  const over = transparency === 'white' && channels % 2 === 0
  const out = new Uint8Array(3 * pixels)
  for (let i = 0; i < pixels; i++) {
    const from = channels * i
    const opacity = over ? levels[from + channels - 1]! : 255
    for (let channel = 0; channel < 3; channel++) {
      const level = levels[hasColour ? from + channel : from]!
      out[3 * i + channel] = opacity === 255 ? level : overWhite(level, opacity)
    }
  }
  return { height, width, levels: out }
}

/** In Pillow's fixed point: 7 bits more than levels have, divided by 255 with shifts. */
function overWhite(level: number, opacity: number): number {
  const sum = (level * opacity + 255 * (255 - opacity)) * 128 + 128 * 128
  return ((sum >> 8) + sum) >> 15
}

/** Four inks as RGB: what is not absorbed by a colour's ink, nor by black, as Pillow reckons it. */
export function inksToRgb({ height, width, levels }: Picture): Picture {
  const pixels = height * width
  const out = new Uint8Array(3 * pixels)
  for (let i = 0; i < pixels; i++) {
    const light = 255 - levels[4 * i + 3]!
    for (let channel = 0; channel < 3; channel++) {
      const product = levels[4 * i + channel]! * light + 128
      out[3 * i + channel] = Math.max(0, light - (((product >> 8) + product) >> 8))
    }
  }
  return { height, width, levels: out }
}
