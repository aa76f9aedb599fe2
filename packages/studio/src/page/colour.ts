import { ONE } from '../payload.js'

/**
 * The colours of weights: one sequence whose lightness (in OKLab, Ottosson 2020) changes evenly from weight 0
 * to weight 1, so that it reads the same without colour vision and in print. The hue turns with it, from
 * yellow through green and blue to indigo, and only helps. Weights go through a square root first: in a long
 * text most are small, and stay visible.
 */

export type Theme = 'light' | 'dark'

/** Red, green and blue, 0 to 255. */
export interface Colour {
  readonly red: number
  readonly green: number
  readonly blue: number
}

/** Lightness, chroma and hue (degrees) at even distances along the scale. */
type Stop = readonly [lightness: number, chroma: number, hue: number]

const STOPS: Readonly<Record<Theme, readonly Stop[]>> = {
  light: [
    [0.965, 0.022, 105],
    [0.805, 0.085, 165],
    [0.645, 0.105, 215],
    [0.485, 0.13, 262],
    [0.325, 0.14, 285],
  ],
  dark: [
    [0.255, 0.035, 285],
    [0.43, 0.13, 280],
    [0.605, 0.12, 240],
    [0.78, 0.115, 185],
    [0.955, 0.12, 108],
  ],
}

function gamma(linear: number): number {
  return linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055
}

/** OKLab lightness, chroma and hue as sRGB, each channel 0 to 1 or outside where the screen can't show it. */
function rgb([lightness, chroma, hue]: Stop): readonly [number, number, number] {
  const a = chroma * Math.cos((hue * Math.PI) / 180)
  const b = chroma * Math.sin((hue * Math.PI) / 180)
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    gamma(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    gamma(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    gamma(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ]
}

/** The nearest colour of the same lightness and hue that a screen shows. */
function shown(stop: Stop): Colour {
  let [, chroma] = stop
  let channels = rgb(stop)
  while (chroma > 0.001 && channels.some((channel) => channel < -0.0005 || channel > 1.0005)) {
    chroma *= 0.98
    channels = rgb([stop[0], chroma, stop[2]])
  }
  const [red, green, blue] = channels.map((channel) => Math.round(255 * Math.min(1, Math.max(0, channel))))
  return { red: red!, green: green!, blue: blue! }
}

/** Number of colours. */
export const COLOURS = 256

/** The scale, from weight 0 to weight 1. */
export function scale(theme: Theme): readonly Colour[] {
  const stops = STOPS[theme]
  return Array.from({ length: COLOURS }, (_, index) => {
    const place = (index / (COLOURS - 1)) * (stops.length - 1)
    const before = Math.min(stops.length - 2, Math.floor(place))
    const part = place - before
    const [from, to] = [stops[before]!, stops[before + 1]!]
    const mix = (at: 0 | 1 | 2): number => from[at] + part * (to[at] - from[at])
    return shown([mix(0), mix(1), mix(2)])
  })
}

/** Where on the scale a weight lies, 0 to 1. */
export function place(weight: number): number {
  return Math.sqrt(weight)
}

/** The index on the scale of every 16-bit code. */
export const INDEX_OF_CODE: Uint8Array = Uint8Array.from({ length: ONE + 1 }, (_, code) =>
  Math.round((COLOURS - 1) * place(code / ONE)),
)

/** The colours of heads that lie over each other, far apart in hue (degrees), of similar lightness. */
const HUES: Readonly<Record<Theme, readonly Stop[]>> = {
  light: [
    [0.64, 0.15, 250],
    [0.66, 0.17, 40],
    [0.62, 0.16, 148],
    [0.63, 0.21, 335],
    [0.64, 0.13, 85],
    [0.62, 0.17, 295],
  ],
  dark: [
    [0.72, 0.14, 257],
    [0.72, 0.16, 45],
    [0.78, 0.17, 148],
    [0.72, 0.19, 330],
    [0.85, 0.15, 95],
    [0.72, 0.16, 300],
  ],
}

/** A colour for each head that may lie over others. */
export function headColours(theme: Theme): readonly Colour[] {
  return HUES[theme].map(shown)
}

/**
 * Weights of several heads in one colour: on a light page each takes its complement away from the paper, as
 * inks printed over each other do; on a dark page each adds its light.
 */
export function laidOver(
  theme: Theme,
  paper: Colour,
  inks: readonly { readonly colour: Colour; readonly weight: number }[],
): Colour {
  const mix = (channel: keyof Colour): number => {
    let left = theme === 'light' ? paper[channel] / 255 : 1 - paper[channel] / 255
    for (const { colour, weight } of inks) {
      const light = colour[channel] / 255
      left *= 1 - place(weight) * (theme === 'light' ? 1 - light : light)
    }
    return Math.round(255 * (theme === 'light' ? left : 1 - left))
  }
  return { red: mix('red'), green: mix('green'), blue: mix('blue') }
}

/** Relative luminance (WCAG 2). */
export function luminance({ red, green, blue }: Colour): number {
  const linear = (channel: number): number => {
    const part = channel / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

/** Black or white, whichever reads better on the colour; its contrast is at least 4.58. */
export function inkOn(colour: Colour): string {
  return luminance(colour) > 0.1791 ? '#000' : '#fff'
}

export function css({ red, green, blue }: Colour): string {
  return `rgb(${red} ${green} ${blue})`
}
