import { fileURLToPath } from 'node:url'
import { expect, expectTypeOf, test } from 'vitest'
import { dot, map, mean, sum, tensor, type Tensor, type Values } from './index.js'
import { complaints } from './testing/compiler.js'

// What the compiler knows of axes. Positive cases are checked by `npm run types`; for the negative ones the
// compiler runs here, since what it says is part of the interface.

test('operations carry axis names in their types', () => {
  const query = tensor([1, 2, 3, 4], { query: 2, width: 2 })
  const key = tensor([1, 2, 3, 4, 5, 6], { key: 3, width: 2 })
  expectTypeOf(query).toEqualTypeOf<Tensor<'query' | 'width'>>()
  expectTypeOf(dot(query, key, 'width')).toEqualTypeOf<Tensor<'query' | 'key'>>()
  expectTypeOf(query.add(key)).toEqualTypeOf<Tensor<'query' | 'key' | 'width'>>()
  expectTypeOf(query.mul(2)).toEqualTypeOf<Tensor<'query' | 'width'>>()
  expectTypeOf(query.rename({ query: 'row' })).toEqualTypeOf<Tensor<'row' | 'width'>>()
  expectTypeOf(query.split('width', { head: 2, part: 1 })).toEqualTypeOf<Tensor<'query' | 'head' | 'part'>>()
  expectTypeOf(query.merge(['query', 'width'], 'all')).toEqualTypeOf<Tensor<'all'>>()
  expectTypeOf(query.at('query', 0)).toEqualTypeOf<Tensor<'width'>>()
  expectTypeOf(query.slice('query', 0, 1)).toEqualTypeOf<Tensor<'query' | 'width'>>()
  expectTypeOf(sum(query, 'width')).toEqualTypeOf<Tensor<'query'>>()
  expectTypeOf(mean(query)).toEqualTypeOf<Tensor<never>>()
  expectTypeOf(map((x, y) => x.mul(y), query, key)).toEqualTypeOf<Tensor<'query' | 'key' | 'width'>>()
  expectTypeOf(query.shape).toEqualTypeOf<Readonly<Record<'query' | 'width', number>>>()
})

test('values are what every typed array has', () => {
  const values = tensor([1, 2, 3], { width: 3 }).values()
  expectTypeOf(values).toEqualTypeOf<Values>()
  expect(values.reduce((sum, value) => sum + value, 0)).toBe(6)
  expect(values.map((value) => value * 2).filter((value) => value > 2).length).toBe(2)
  expect(values.toSorted((a, b) => b - a).join()).toBe('3,2,1')
  const arrays: Values[] = [Float32Array, Float64Array, Int32Array, Uint16Array, Uint8Array, Int8Array].map(
    (Numbers) => new Numbers([3, 1, 2]),
  )
  for (const array of arrays)
    expect([array.length, array.with(0, 5).at(0), array.indexOf(2)]).toEqual([3, 5, 2])
})

const library = fileURLToPath(new URL('index.js', import.meta.url))
const prelude = `
  import { dot, sum, tensor, type Tensor } from ${JSON.stringify(library)}
  const query = tensor([1, 2, 3, 4], { query: 2, width: 2 })
  const key = tensor([1, 2, 3, 4], { key: 2, width: 2 })
  export { dot, sum, query, key }
  export type T<A extends string> = Tensor<A>
`

test('a wrong axis name does not compile, and the message names the axis', () => {
  const wrong: [snippet: string, says: RegExp][] = [
    [
      `export const a = query.size('widht')`,
      /'"widht"'.*'"query" \| "width"'|'"widht"'.*'"width" \| "query"'/,
    ],
    [`export const a = dot(query, key, 'query')`, /'"query"'.*"width"/],
    [`export const a = dot(query, key, ['width', 'head'])`, /"head".*"width"/],
    [`export const a = sum(query, 'key')`, /'"key"'/],
    [`export const a = query.rename({ row: 'position' })`, /row/],
    [`export const a = query.split('key', { head: 2, width: 1 })`, /'"key"'/],
    [`export const a = query.at('head', 0)`, /'"head"'/],
    [`export const a = query.merge(['query', 'head'], 'row')`, /'"head"'/],
    [
      `export const a: T<'query' | 'key'> = query`,
      /'Tensor<"query" \| "width">'.*'Tensor<"query" \| "key">'|width/,
    ],
    [`export const a: T<'query'> = dot(query, key, 'width')`, /"key"/],
    [`export const a: T<'query' | 'key' | 'width'> = dot(query, key, 'width')`, /"width"/],
  ]
  const right = [`export const a: T<'query' | 'key'> = dot(query, key, 'width').mul(2)`]
  const found = complaints(prelude, [...wrong.map(([snippet]) => snippet), ...right])
  wrong.forEach(([snippet, says], i) => {
    expect(found[i], snippet).toMatch(/error TS2\d\d\d/)
    expect(found[i], snippet).toMatch(says)
  })
  expect(found[wrong.length]).toBe('')
})
