import { WriteStream } from 'node:tty'
import { COLOURS, inkOn, place, scale, type Colour, type Theme } from '../page/colour.js'
import { hasColor, type Environment, type Output } from '../terminal/output.js'

/** How weights are shown: in colours of 24 or 8 bits, or by characters alone. */
export type Depth = 24 | 8 | 1

/** What `output` shows. A terminal of only 16 colours gets the 256 that nearly every one knows. */
export function depthOf(output: Output, environment: Environment): Depth {
  if (!hasColor(output, environment)) return 1
  const depth = WriteStream.prototype.getColorDepth.call(undefined, { ...environment })
  return depth >= 24 ? 24 : 8
}

/** Light where the terminal says that its background is (COLORFGBG, colours 7 and 15), else dark. */
export function themeOf(environment: Environment): Theme {
  const background = environment.COLORFGBG?.split(';').at(-1)
  return background === '7' || background === '15' ? 'light' : 'dark'
}

/** Characters for weights, where there is no colour: nothing to attend to is a space. */
const shades = ['·', '░', '▒', '▓', '█'] as const
/** The least weight of each shade but the first. */
const steps = [0.02, 0.15, 0.4, 0.7] as const

/** What the shades mean, in a line. */
export const shadesText: string = `${shades[0]} below ${steps[0]}, ${shades[1]} to ${steps[1]}, ${shades[2]} to ${steps[2]}, ${shades[3]} to ${steps[3]}, ${shades[4]} above`

export function shadeOf(weight: number): string {
  return shades[steps.filter((step) => weight >= step).length]!
}

/** Puts weights into colours. */
export class Paint {
  readonly depth: Depth
  readonly #colours: readonly Colour[]

  constructor(depth: Depth, theme: Theme) {
    this.depth = depth
    this.#colours = scale(theme)
  }

  #colour(weight: number): Colour {
    const share = place(Math.min(1, Math.max(0, weight)))
    return this.#colours[Math.round((COLOURS - 1) * share)]!
  }

  #code(ground: 'ink' | 'paper', { red, green, blue }: Colour): string {
    const first = ground === 'ink' ? 38 : 48
    return this.depth === 24
      ? `${first};2;${red};${green};${blue}`
      : `${first};5;${nearestOf256({ red, green, blue })}`
  }

  /** Text on the colour of a weight, in readable ink. Without colour the text as it is. */
  on(weight: number, text: string): string {
    if (this.depth === 1) return text
    const colour = this.#colour(weight)
    const ink = inkOn(colour) === '#000' ? { red: 0, green: 0, blue: 0 } : { red: 255, green: 255, blue: 255 }
    return `\u001b[${this.#code('ink', ink)};${this.#code('paper', colour)}m${text}\u001b[0m`
  }

  /**
   * Two weights, one above the other, in the room of one character. Undefined: nothing may be attended there.
   * Needs colour.
   */
  pair(upper: number | undefined, lower: number | undefined): string {
    if (upper === undefined && lower === undefined) return ' '
    if (upper === undefined) return `\u001b[${this.#code('ink', this.#colour(lower!))}m▄\u001b[0m`
    const ink = this.#code('ink', this.#colour(upper))
    if (lower === undefined) return `\u001b[${ink}m▀\u001b[0m`
    return `\u001b[${ink};${this.#code('paper', this.#colour(lower))}m▀\u001b[0m`
  }
}

/** The nearest of the 256 terminal colours' cube and greys (the first 16 are the user's own). */
export function nearestOf256({ red, green, blue }: Colour): number {
  const levels = [0, 95, 135, 175, 215, 255]
  const level = (value: number): number =>
    levels.reduce(
      (best, each, index) => (Math.abs(each - value) < Math.abs(levels[best]! - value) ? index : best),
      0,
    )
  const [r, g, b] = [level(red), level(green), level(blue)]
  const grey = Math.min(23, Math.max(0, Math.round(((red + green + blue) / 3 - 8) / 10)))
  const off = (...channels: readonly number[]): number =>
    [red, green, blue].reduce((sum, value, i) => sum + (value - channels[i]!) ** 2, 0)
  const greyLevel = 8 + 10 * grey
  return off(levels[r]!, levels[g]!, levels[b]!) <= off(greyLevel, greyLevel, greyLevel)
    ? 16 + 36 * r + 6 * g + b
    : 232 + grey
}
