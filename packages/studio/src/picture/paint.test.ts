import { describe, expect, test } from 'vitest'
import type { Environment, Output } from '../terminal/output.js'
import { depthOf, nearestOf256, Paint, shadeOf, themeOf, type Depth } from './paint.js'

const terminal: Output = { write: () => true, isTTY: true }
const pipe: Output = { write: () => true }

test.each<[string, Output, Environment, Depth]>([
  ['a terminal with all colours', terminal, { TERM: 'xterm', COLORTERM: 'truecolor' }, 24],
  ['a terminal with 256 colours', terminal, { TERM: 'xterm-256color' }, 8],
  ['a terminal of which nothing is known', terminal, { TERM: 'vt100' }, 8],
  ['NO_COLOR', terminal, { COLORTERM: 'truecolor', NO_COLOR: '1' }, 1],
  ['a pipe', pipe, { COLORTERM: 'truecolor' }, 1],
  ['a pipe with FORCE_COLOR=3', pipe, { FORCE_COLOR: '3' }, 24],
])('%s', (_, output, environment, depth) => {
  expect(depthOf(output, environment)).toBe(depth)
})

test('the theme is what the terminal says, else dark', () => {
  expect(['15;0', '0;15', '0;default;7', undefined].map((COLORFGBG) => themeOf({ COLORFGBG }))).toEqual([
    'dark',
    'light',
    'light',
    'dark',
  ])
})

test('shades rise with the weight', () => {
  expect([0, 0.01, 0.05, 0.2, 0.5, 0.7, 1].map(shadeOf).join('')).toBe('··░▒▓██')
})

test('the 256 colours: their own, and greys', () => {
  const colour = (red: number, green: number, blue: number) => nearestOf256({ red, green, blue })
  expect(colour(0, 0, 0)).toBe(16)
  expect(colour(255, 255, 255)).toBe(231)
  expect(colour(255, 0, 0)).toBe(196)
  expect(colour(128, 128, 128)).toBe(244)
  expect(colour(95, 135, 175)).toBe(67)
})

describe('text on the colour of a weight', () => {
  test('dark to light in a dark theme, ink that can be read', () => {
    const paint = new Paint(24, 'dark')
    expect(paint.on(0, 'x')).toMatch(/^\u001b\[38;2;255;255;255;48;2;\d+;\d+;\d+mx\u001b\[0m$/)
    expect(paint.on(1, 'x')).toMatch(/^\u001b\[38;2;0;0;0;48;2;\d+;\d+;\d+mx\u001b\[0m$/)
  })
  test('in 256 colours', () => {
    expect(new Paint(8, 'light').on(0.5, 'x')).toMatch(/^\u001b\[38;5;\d+;48;5;\d+mx\u001b\[0m$/)
  })
  test('without colour nothing is added; weights out of range are no accident', () => {
    expect(new Paint(1, 'dark').on(1, 'x')).toBe('x')
    expect(new Paint(24, 'dark').on(1.0001, 'x')).toBe(new Paint(24, 'dark').on(1, 'x'))
  })
})

test('pairs leave out what may not be attended', () => {
  const paint = new Paint(24, 'dark')
  expect(paint.pair(undefined, undefined)).toBe(' ')
  expect(paint.pair(undefined, 1)).toMatch(/^\u001b\[38;[\d;]+m▄/)
  expect(paint.pair(1, undefined)).toMatch(/^\u001b\[38;[\d;]+m▀/)
  expect(paint.pair(1, 0)).toMatch(/^\u001b\[38;[\d;]+;48;[\d;]+m▀/)
})
