import type { Frame } from './frames.js'

/** What the reader is looking at. Every view draws from it, and changes it when used. */
export interface State {
  /** Index of the head, counted through all layers. */
  readonly head: number
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
}

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
  }
}
