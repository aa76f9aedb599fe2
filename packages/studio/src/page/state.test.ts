import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Data, Frame } from './frames.js'
import { chooseHead, createStore, MOST_LAID, mayLay, shownHeads, toggleLaid, type Store } from './state.js'

globalThis.requestAnimationFrame ??= () => 0

/** Twelve heads: the first eight attend within one text, the others from it to another of five tokens. */
const HEADS = 12
const text = (head: number): number => (head < 8 ? 0 : 1)
const data = {
  heads: HEADS,
  sameTexts: (head: number, other: number) => text(head) === text(other),
  queriesOf: () => Array.from({ length: 3 }),
  mostAttended: (_: Frame, head: number, query: number) => (head + query) % 3,
} as unknown as Data

function storeAt(head: number): Store {
  return createStore({
    head,
    laid: [],
    query: 0,
    key: 0,
    frame: 0,
    shown: {} as Frame,
    playing: false,
    theme: 0,
  })
}

test('a head is laid over the one shown, keeps its place, and is taken away again', () => {
  const store = storeAt(2)
  toggleLaid(data, store, 5)
  toggleLaid(data, store, 1)
  expect(store.get()).toMatchObject({ head: 2, laid: [2, 5, 1] })
  chooseHead(data, store, 5)
  expect(store.get()).toMatchObject({ head: 5, laid: [2, 5, 1] })
  chooseHead(data, store, 7)
  expect(store.get()).toMatchObject({ head: 7, laid: [2, 7, 1] })
  toggleLaid(data, store, 7)
  expect(store.get()).toMatchObject({ head: 2, laid: [2, 1] })
  toggleLaid(data, store, 1)
  expect(store.get()).toMatchObject({ head: 2, laid: [] })
})

test('a head of other texts stands alone, at its last query', () => {
  const store = storeAt(2)
  toggleLaid(data, store, 9)
  expect(store.get()).toMatchObject({ head: 2, laid: [] })
  toggleLaid(data, store, 3)
  chooseHead(data, store, 9)
  expect(store.get()).toMatchObject({ head: 9, laid: [], query: 2, key: 2 })
})

test('whatever is chosen and laid, the head shown is among those laid, once each, of the same texts', () => {
  const act = fc.record({ lay: fc.boolean(), head: fc.nat(HEADS - 1) })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const store = storeAt(0)
      for (const { lay, head } of acts) {
        const before = store.get()
        const allowed = mayLay(data, before, head)
        if (lay) toggleLaid(data, store, head)
        else chooseHead(data, store, head)
        const { laid, head: shown } = store.get()
        expect(laid.length === 0 || (laid.length > 1 && laid.includes(shown))).toBe(true)
        expect(new Set(laid).size).toBe(laid.length)
        expect(laid.length).toBeLessThanOrEqual(MOST_LAID)
        expect(shownHeads(store.get()).every((one) => text(one) === text(shown))).toBe(true)
        if (lay && allowed) expect(laid).toContain(head)
        if (!lay) expect(shown).toBe(head)
      }
    }),
  )
})
