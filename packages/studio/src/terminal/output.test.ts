import { expect, test } from 'vitest'
import { hasColor, styled, widthOf, type Environment, type Output } from './output.js'

const terminal: Output = { write: () => true, isTTY: true, columns: 120 }
const pipe: Output = { write: () => true }

test.each<[string, Output, Environment, boolean]>([
  ['a terminal', terminal, {}, true],
  ['a pipe', pipe, {}, false],
  ['a dumb terminal', terminal, { TERM: 'dumb' }, false],
  ['NO_COLOR', terminal, { NO_COLOR: '1' }, false],
  ['NO_COLOR over FORCE_COLOR', terminal, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
  ['an empty NO_COLOR', terminal, { NO_COLOR: '' }, true],
  ['FORCE_COLOR', pipe, { FORCE_COLOR: '1' }, true],
  ['FORCE_COLOR=0', terminal, { FORCE_COLOR: '0' }, false],
])('colour: %s', (_, output, environment, expected) => {
  expect(hasColor(output, environment)).toBe(expected)
})

test('text is styled only where colour shows', () => {
  expect(styled(terminal, 'red', 'x', {})).toBe('\u001b[31mx\u001b[39m')
  expect(styled(pipe, 'red', 'x', {})).toBe('x')
})

test('the width is that of the terminal, else that of COLUMNS, else 80', () => {
  expect([widthOf(terminal, {}), widthOf(pipe, {}), widthOf({ ...pipe, columns: 0 }, {})]).toEqual([
    120, 80, 80,
  ])
  expect([widthOf(terminal, { COLUMNS: '50' }), widthOf(pipe, { COLUMNS: '50' })]).toEqual([120, 50])
  expect(['', '-3', 'wide', '1e9'].map((COLUMNS) => widthOf(pipe, { COLUMNS }))).toEqual([80, 80, 80, 1000])
})
