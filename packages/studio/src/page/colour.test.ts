import { describe, expect, it } from 'vitest'
import {
  COLOURS,
  headColours,
  INDEX_OF_CODE,
  inkOn,
  laidOver,
  luminance,
  scale,
  type Colour,
  type Theme,
} from './colour.js'

/** OKLab lightness of a colour (Ottosson 2020), from its sRGB channels. */
function lightness({ red, green, blue }: Colour): number {
  const [r, g, b] = [red, green, blue].map((channel) => {
    const part = channel / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
  return 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s
}

describe.each<Theme>(['light', 'dark'])('the %s colours', (theme) => {
  const colours = scale(theme)

  it('change evenly in lightness, always the same way', () => {
    const steps = colours.slice(1).map((colour, index) => lightness(colour) - lightness(colours[index]!))
    const even = (lightness(colours.at(-1)!) - lightness(colours[0]!)) / (COLOURS - 1)
    expect(Math.abs(even)).toBeGreaterThan(0.002)
    for (const step of steps) expect(Math.abs(step - even)).toBeLessThan(0.004)
    for (let index = 8; index < COLOURS; index++) {
      const stretch = lightness(colours[index]!) - lightness(colours[index - 8]!)
      expect(Math.sign(stretch)).toBe(Math.sign(even))
    }
  })

  it('carry readable ink', () => {
    for (const colour of colours) {
      const ground = luminance(colour)
      const ink = inkOn(colour) === '#000' ? 0 : 1
      const contrast = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05)
      expect(contrast).toBeGreaterThanOrEqual(4.5)
    }
  })
})

it('weights 0 and 1 have the ends of the scale', () => {
  expect(INDEX_OF_CODE[0]).toBe(0)
  expect(INDEX_OF_CODE[65535]).toBe(COLOURS - 1)
})

describe.each(['light', 'dark'] as const)('heads laid over each other, %s', (theme) => {
  const paper = scale(theme)[0]!
  const inks = headColours(theme)
  const contrast = (a: Colour, b: Colour): number => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y)
    return (high! + 0.05) / (low! + 0.05)
  }

  it('have colours of their own, which stand out from the paper', () => {
    for (const [index, colour] of inks.entries()) {
      expect(contrast(colour, paper)).toBeGreaterThan(3) // WCAG 2.2, 1.4.11
      for (const other of inks.slice(index + 1)) {
        const { red, green, blue } = colour
        expect(Math.hypot(red - other.red, green - other.green, blue - other.blue)).toBeGreaterThan(60)
      }
    }
  })

  it('leave the paper where none attends, and go further from it the more do', () => {
    expect(
      laidOver(
        theme,
        paper,
        inks.map((colour) => ({ colour, weight: 0 })),
      ),
    ).toEqual(paper)
    let before = 1
    for (const count of [1, 2, 3]) {
      const mixed = laidOver(
        theme,
        paper,
        inks.slice(0, count).map((colour) => ({ colour, weight: 0.5 })),
      )
      expect(contrast(mixed, paper)).toBeGreaterThan(before)
      before = contrast(mixed, paper)
    }
  })

  it('mix the same in any order', () => {
    const laid = inks.map((colour, index) => ({ colour, weight: index / 10 }))
    expect(laidOver(theme, paper, laid)).toEqual(laidOver(theme, paper, laid.toReversed()))
  })
})
