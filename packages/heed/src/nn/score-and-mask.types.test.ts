import { fileURLToPath } from 'node:url'
import { expect, expectTypeOf, test } from 'vitest'
import {
  attention,
  attentionFilter,
  type AttentionWithStatistics,
  attentionWithStatistics,
  mixValues,
  type Tensor,
} from '../tensor/index.js'
import { complaints } from '../tensor/testing/compiler.js'

// What the compiler knows of attention's axes, and what it says of wrong ones.

type Query = Tensor<'batch' | 'head' | 'query' | 'width'>
type Key = Tensor<'batch' | 'head' | 'key' | 'width'>

test('the result has the axes of all, but for the keys', () => {
  expectTypeOf(attention<'batch' | 'head', 'batch' | 'head', 'batch' | 'head'>).returns.toEqualTypeOf<Query>()
  const named = (query: Query, key: Key): void => {
    expectTypeOf(attention(query, key, key)).toEqualTypeOf<Query>()
    expectTypeOf(attentionFilter(query, key)).toEqualTypeOf<Tensor<'batch' | 'head' | 'query' | 'key'>>()
    expectTypeOf(mixValues(attentionFilter(query, key), key)).toEqualTypeOf<Query>()
    expectTypeOf(attentionWithStatistics(query, key, key)).toEqualTypeOf<
      AttentionWithStatistics<'batch' | 'head' | 'query' | 'width', 'batch' | 'head' | 'query'>
    >()
  }
  const bare = (query: Tensor<'query' | 'width'>, key: Tensor<'key' | 'width'>): void => {
    expectTypeOf(attention(query, key, key)).toEqualTypeOf<Tensor<'query' | 'width'>>()
    expectTypeOf(attentionFilter(query, key)).toEqualTypeOf<Tensor<'query' | 'key'>>()
    expectTypeOf(mixValues(attentionFilter(query, key), key)).toEqualTypeOf<Tensor<'query' | 'width'>>()
  }
  const wide = (query: Tensor<'beam' | 'query' | 'width'>, key: Tensor<'batch' | 'key' | 'width'>): void => {
    expectTypeOf(attention(query, key, key)).toEqualTypeOf<Tensor<'beam' | 'batch' | 'query' | 'width'>>()
  }
  expect([named, bare, wide].every((f) => f.length === 2)).toBe(true)
})

const library = (name: string): string => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)))
const prelude = `
  import { attention, attentionFilter, capture, type Mask, type Score, type Tensor } from ${library('../tensor/index.js')}
  import { alibi, allOf, anyOf, bias, causal, explicit, inOrder, not, padding, prefix, sameDocument, t5Bias } from ${library('index.js')}
  declare const query: Tensor<'batch' | 'head' | 'query' | 'width'>
  declare const key: Tensor<'batch' | 'head' | 'key' | 'width'>
  declare const sequence: Tensor<'batch' | 'head' | 'position' | 'width'>
  declare const slope: Tensor<'head'>
  declare const ids: Tensor<'batch' | 'position'>
  declare const manyQueries: Tensor<'example' | 'head' | 'query' | 'width'>
  declare const perExample: Tensor<'example' | 'key'>
  declare const real: Tensor<'batch' | 'key'>
  export { attention, attentionFilter, capture, alibi, allOf, anyOf, bias, causal, explicit, inOrder, not, padding, prefix, sameDocument, t5Bias, query, key, sequence, slope, ids, real, manyQueries, perExample }
  export type { Mask, Score }
`

test('wrong axes do not compile, and the message names them', () => {
  const wrong: [snippet: string, says: RegExp][] = [
    ['export const a = attention(key, key, key)', /"query"/],
    ['export const a = attention(query, query, key)', /"key"/],
    ['export const a = attention(query, sequence, key)', /"position".*"key"/],
    [`export const a: Tensor<'query'> = attentionFilter(query, key)`, /"key"/],
    ['export const a = attention(query, key, key, { sink: real })', /"batch" \| "key".*"head"/],
    ['export const a: Score = (score, { head }) => score.sub(capture(slope).at({ haed: head }))', /'haed'/],
    ['export const a: Score = (score, { head }) => score.sub(capture(slope).at(head))', /"head"/],
    [
      'export const a: Score = (score, at) => score.add(capture(ids).along(at))',
      /Property 'position' is missing in type 'Positions/,
    ],
    ['export const a: Score = (score, { row }) => score.mul(row)', /'row'.*'Positions/],
    ['export const a: Mask = ({ query, key }) => query.sub(key)', /"integer".*'Condition'/],
    [
      'export const a: Mask = ({ batch, key }) => key.lt(capture(real).at({ batch, key }))',
      /"float".*"integer"/,
    ],
    ['export const a = padding(slope)', /by '(key|position)'/],
    ['export const a = attention(query, key, key, { score: bias(ids) })', /"position"/],
    ['export const a = prefix(real)', /"key"/],
    ['export const a = sameDocument(real, ids)', /"position".*"query"/],
    [
      'export const a = attention(query, key, key, { mask: explicit(perExample) })',
      /"example".*"batch"|Property 'example' is missing/,
    ],
    ['export const a: Mask = ({ example, key }) => key.lt(example)', /'example'.*'Positions/],
    ['export const a = alibi(real)', /"batch" \| "key".*"head"/],
    ['export const a = t5Bias(slope, { bidirectional: true })', /"bucket"/],
  ]
  const right = [
    'export const a = attention(query, key, key, { mask: causal, score: alibi(slope), sink: slope })',
    `export const a: Mask = ({ batch, key }) => key.lt(capture(real, 'integer').at({ batch, key }))`,
    'export const a = sameDocument(real)',
    'export const a = padding(ids)',
    `export const a: Mask<'example'> = ({ example, key }) => key.lt(example)`,
    'export const a = attention(manyQueries, key, key, { mask: ({ example, key }) => key.lt(example), score: bias(perExample) })',
    'export const a = attention(manyQueries, key, key, { mask: allOf(causal, anyOf(padding(real), not(explicit(perExample)))) })',
    'export const a = attentionFilter(manyQueries, key, { score: inOrder(alibi(slope), bias(perExample)) })',
    `export const a: Mask<'example'> = causal`,
  ]
  const found = complaints(prelude, [...wrong.map(([snippet]) => snippet), ...right])
  wrong.forEach(([snippet, says], i) => {
    expect(found[i], snippet).toMatch(/error TS2\d\d\d/)
    expect(found[i], snippet).toMatch(says)
  })
  expect(found.slice(wrong.length)).toEqual(right.map(() => ''))
})
