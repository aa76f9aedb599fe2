import type { Data, Frame } from './frames.js'

/** What the reader is looking at. Every view draws from it, and changes it when used. */
export interface State {
  /** Index of the head, counted through all layers. */
  readonly head: number
  /** Heads laid over each other, `head` among them; none: `head` alone. */
  readonly laid: readonly number[]
  readonly query: number
  readonly key: number
  /** The frame asked for. */
  readonly frame: number
  /** The frame shown: its filters, unpacked. */
  readonly shown: Frame
  readonly playing: boolean
  /** Counts changes of colours. */
  readonly theme: number
}

export interface Store {
  get(): State
  set(change: Partial<State>): void
  /** Calls `draw` before the next paint after any of `keys` changed. */
  on(keys: readonly (keyof State)[], draw: (state: State) => void): void
  /** Draws what is due at once. */
  flush(): void
}

/** Heads that may lie over each other at most: as many as have colours of their own. */
export const MOST_LAID = 6

export function createStore(initial: State): Store {
  let state = initial
  const views: { readonly keys: readonly (keyof State)[]; readonly draw: (state: State) => void }[] = []
  const due = new Set<(state: State) => void>()
  let asked = false

  function paint(): void {
    asked = false
    const draws = [...due]
    due.clear()
    for (const draw of draws) draw(state)
  }

  return {
    get: () => state,
    set(change) {
      const changed = (Object.keys(change) as (keyof State)[]).filter((key) => change[key] !== state[key])
      if (changed.length === 0) return
      state = { ...state, ...change }
      for (const view of views) if (view.keys.some((key) => changed.includes(key))) due.add(view.draw)
      if (asked || due.size === 0) return
      asked = true
      requestAnimationFrame(paint)
    },
    on(keys, draw) {
      views.push({ keys, draw })
    },
    flush: paint,
  }
}

/** The heads shown: those that lie over each other, or the one. */
export function shownHeads({ head, laid }: Pick<State, 'head' | 'laid'>): readonly number[] {
  return laid.length > 0 ? laid : [head]
}

/**
 * Shows another head. It takes the place of the one before among those laid over each other; where it attends
 * from or to another text it stands alone, and its last query is chosen.
 */
export function chooseHead(data: Data, store: Store, head: number): void {
  const { head: before, laid, shown } = store.get()
  if (head === before) return
  if (data.sameTexts(head, before)) {
    store.set({ head, laid: laid.includes(head) ? laid : laid.map((one) => (one === before ? head : one)) })
    return
  }
  const query = data.queriesOf(head).length - 1
  store.set({ head, laid: [], query, key: data.mostAttended(shown, head, query) })
}

/** Whether a head may be laid over the one shown. */
export function mayLay(data: Data, { head, laid }: State, other: number): boolean {
  return other !== head && !laid.includes(other) && laid.length < MOST_LAID && data.sameTexts(other, head)
}

/** Lays a head over those shown, or takes it away. */
export function toggleLaid(data: Data, store: Store, other: number): void {
  const state = store.get()
  const { head, laid } = state
  if (laid.includes(other)) {
    const left = laid.filter((one) => one !== other)
    store.set({ laid: left.length > 1 ? left : [], head: other === head ? left[0]! : head })
  } else if (mayLay(data, state, other)) {
    store.set({ laid: [...shownHeads(state), other] })
  }
}
