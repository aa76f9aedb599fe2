import { describe, expect, test } from 'vitest'
import { longText, SENTENCE, syntheticReport } from '../synthetic.js'
import { stringWidth } from '../terminal/index.js'
import type { AttendResult } from '../types.js'
import { attendPicture, briefPicture } from './picture.js'

function result(words: readonly string[], layers = 2, heads = 6): AttendResult {
  const { attend } = syntheticReport({ seed: 7, words, layers, heads, snapshots: 0 })
  // The same word is the same token.
  return { ...attend, tokens: attend.tokens.map((token) => ({ ...token, id: words.indexOf(token.text) })) }
}

const sentence = result(SENTENCE)
const WIDE = '日本語 👩‍💻 e\u0301 \u202e \n'.split(' ')

function at(columns: number, environment = {}): Parameters<typeof attendPicture>[1] {
  return { output: { write: () => true, columns }, environment }
}

describe.each([20, 40, 60, 80, 200])('in %d columns', (columns) => {
  describe.each([
    ['characters', {}],
    ['colour', { FORCE_COLOR: '3' }],
  ])('%s', (_, environment) => {
    test.each([
      ['a sentence', sentence],
      ['a single token', result(['The'])],
      ['wide, joined, invisible characters', result(WIDE)],
      ['a long text', result(longText(150, 1), 1, 4)],
      ['a long word', result(['x'.repeat(500), 'y'])],
    ])('%s fits', (__, one) => {
      const options = at(columns, environment)
      for (const text of [
        attendPicture(one, options),
        attendPicture(one, { ...options, layer: 0, head: 0 }),
        briefPicture(one, options),
      ]) {
        for (const line of text.split('\n')) {
          expect(stringWidth(line)).toBeLessThanOrEqual(Math.max(columns, 20))
        }
      }
    })
  })
})

test('every head is there, under its name, and in the table', () => {
  const text = attendPicture(sentence, at(80))
  for (const layer of [0, 1]) {
    expect(text).toContain(`layer ${layer}\nH0`)
    for (let head = 0; head < 6; head++) {
      expect(text).toMatch(new RegExp(`^ +${layer} +${head}  +\\d\\.\\d\\d +\\d\\.\\d\\d`, 'm'))
    }
  }
  for (const name of ['H1', 'H2', 'H3', 'H4', 'H5']) expect(text.split(name)).toHaveLength(3)
  expect(text).toMatch(/^0\.\d{3} +␣slept +█/m)
  expect(text).not.toContain('\u001b')
})

test('a layer, a head of every layer', () => {
  const layer = attendPicture(sentence, { ...at(80), layer: 1 })
  expect(layer).toContain('layer 1\n')
  expect(layer).not.toContain('layer 0\n')
  const head = attendPicture(sentence, { ...at(80), head: 3 })
  expect(head).toMatch(/layer 0\nH3[^]+layer 1\nH3/)
  expect(head).not.toContain('H2')
})

test('one head: its weights in hundredths, beside the tokens', () => {
  const text = attendPicture(sentence, { ...at(100), layer: 0, head: 0 })
  expect(text).toMatch(/^ +0 +1 +2 .+ 16$/m)
  expect(text).toMatch(/^ 0 The +1\.$/m)
  expect(text).toMatch(/^16 ␣cat +(\d+|·)( +(\d+|·)){16}$/m)
})

test('the legend is broken between words', () => {
  const legend = attendPicture(sentence, at(60))
    .split('\n')
    .filter((line) => /below|above/.test(line))
  expect(legend).toEqual([
    'Queries downward, keys to the right. Weight: · below 0.02, ░',
    'to 0.15, ▒ to 0.4, ▓ to 0.7, █ above.',
  ])
  const colours = attendPicture(sentence, at(30, { FORCE_COLOR: '3' }))
  expect(colours.replace(/\u001b\[[\d;]*m/g, '')).toContain(
    `Queries downward, keys to the\nright. Weight\n0 ${' '.repeat(16)} 1\n`,
  )
})

test('bars begin in one column, however wide the tokens are', () => {
  const texts = [' a', '日本語', '👩‍💻', 'e\u0301', '\udce6\udc97', '❤\ufe0f', ' مرحبا', '\u202e']
  const next = texts.map((text, id) => ({ id, text, probability: 0.1 }))
  const lines = attendPicture({ ...sentence, next }, at(80))
    .split('\n')
    .filter((line) => line.startsWith('0.100'))
  expect(lines).toHaveLength(texts.length)
  const columns = lines.map((line) => stringWidth(line.slice(0, line.indexOf('█'))))
  expect(new Set(columns)).toEqual(new Set([7 + 6 + 2]))
  expect(lines[4]).toMatch(/^0\.100 {2}E697 /)
})

test('a narrow table has short headings, and loses its last columns', () => {
  expect(attendPicture(sentence, at(47))).toContain('\nL H  ent prev  1st  ind\n')
  expect(attendPicture(sentence, at(20))).toContain('\nL H  ent prev  1st\n')
})

test('where nothing comes back, induction says nothing', () => {
  expect(attendPicture(sentence, at(80))).toMatch(/^ +0 +0 .* 0\.\d\d$/m)
  expect(attendPicture(result(['a', 'b', 'c']), at(80))).toMatch(/^ +0 +0 .* –$/m)
})

test('in short: three heads', () => {
  const text = briefPicture(sentence, at(120))
  expect(text.match(/L\d H\d/g)).toHaveLength(3)
  expect(briefPicture(result(['a', 'b'], 1, 2), at(120)).match(/L\d H\d/g)).toHaveLength(2)
})
