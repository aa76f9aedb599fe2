import { expect, test } from 'vitest'
import { FILTER_BYTES } from '../../../studio/src/check.js'
import { SENTENCE, syntheticReport } from '../../../studio/src/synthetic.js'
import { Film, filmBytes, filmedTokens, frameFrom, frameOf, type Frame } from './film.js'

const { attend } = syntheticReport({ seed: 1, words: SENTENCE, layers: 1, heads: 2, snapshots: 0 })
const scene = { text: attend.text, tokens: attend.tokens.length, layers: 1, heads: 2 }

test('a frame keeps four digits, and comes back from its line', () => {
  const frame = frameOf(7, attend)
  const { step, layers } = frame
  expect(step).toBe(7)
  const [row, exact] = [layers[0]!.heads[1]!.filter[5]!, attend.layers[0]!.heads[1]!.filter[5]!]
  row.forEach((weight, key) => {
    expect(weight).toBeCloseTo(exact[key]!, 3)
    expect(String(weight).length).toBeLessThanOrEqual(6)
  })
  expect(frameFrom(JSON.parse(JSON.stringify(frame)))).toEqual(frame)
})

test.each<[string, (frame: { [name: string]: unknown }) => unknown]>([
  ['null', () => null],
  ['a list', () => []],
  ['no step', (frame) => ({ ...frame, step: undefined })],
  ['half a step', (frame) => ({ ...frame, step: 0.5 })],
  ['a text that is none', (frame) => ({ ...frame, text: 5 })],
  ['no layers', (frame) => ({ ...frame, layers: null })],
  ['a layer that is none', (frame) => ({ ...frame, layers: [7] })],
  ['a head that is none', (frame) => ({ ...frame, layers: [{ heads: [null] }] })],
  [
    'scores that are texts',
    (frame) => ({ ...frame, layers: [{ heads: [{ filter: [[1]], entropy: '0' }] }] }),
  ],
  [
    'a row that is short',
    (frame) => ({
      ...frame,
      layers: [{ heads: [{ filter: [[1], []], entropy: 0, previous: 0, first: 0, induction: 0 }] }],
    }),
  ],
  [
    'a weight above 1',
    (frame) => ({
      ...frame,
      layers: [{ heads: [{ filter: [[2]], entropy: 0, previous: 0, first: 0, induction: 0 }] }],
    }),
  ],
])('%s is no frame', (_, change) => {
  expect(frameFrom(change({ ...frameOf(1, attend) }))).toBe(undefined)
})

test('frames of another text or model stay out', () => {
  const film = new Film(scene)
  const own = frameOf(1, attend)
  const unnamed: Frame = { step: 2, layers: own.layers }
  for (const frame of [
    own,
    unnamed,
    { ...own, text: 'another' },
    { ...own, layers: [...own.layers, ...own.layers] },
  ])
    film.add(frame)
  expect(film.before(9).map(({ step }) => step)).toEqual([1, 2])
  expect(film.before(2).map(({ step }) => step)).toEqual([1])
  expect(film.others).toBe(2)
})

test('a long film keeps frames evenly, as many as there is room for', () => {
  const layers = frameOf(0, attend).layers
  // As if the sentence were so long that there is room for 9 frames and the one that is shown.
  const heads = Math.ceil(filmBytes / (2 * scene.tokens ** 2 * 10.5))
  const film = new Film({ ...scene, layers: 1, heads: heads })
  const many = { layers: [{ heads: Array.from({ length: heads }, () => layers[0]!.heads[0]!) }] }
  for (let step = 0; step < 41; step++) film.add({ step, ...many })
  const kept = film.before(100).map(({ step }) => step)
  expect(kept).toEqual([0, 8, 16, 24, 32, 40])
  expect(film.leftOut).toBe(35)
  expect(2 * heads * scene.tokens ** 2 * (kept.length + 1)).toBeLessThanOrEqual(FILTER_BYTES)
})

test.each([1, 144, 100_000])('two frames of %i heads fit, however long the sentence', (heads) => {
  const tokens = filmedTokens(heads)
  expect(tokens).toBeGreaterThanOrEqual(1)
  if (tokens > 1) expect(2 * 2 * heads * tokens ** 2).toBeLessThanOrEqual(filmBytes)
  expect(2 * 2 * heads * tokens ** 2).toBeLessThanOrEqual(FILTER_BYTES)
})
