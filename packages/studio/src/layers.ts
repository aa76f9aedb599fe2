import type { AttendResult, LayerView, Token } from './types.js'

/** What a layer attends from and to, with what it is called. */
export interface PlacedLayer {
  readonly view: LayerView
  readonly queries: readonly Token[]
  readonly keys: readonly Token[]
  /** `layer 3`, or the layer's own name. */
  readonly name: string
  /** `L3`, or the layer's own name. */
  readonly short: string
}

/** The layers of a result, each with its tokens and its name. */
export function layersOf({ layers, tokens }: Pick<AttendResult, 'layers' | 'tokens'>): PlacedLayer[] {
  return layers.map((view, index) => {
    const queries = view.queries ?? tokens
    const name = view.name ?? `${index}`
    const numbered = /^\d+$/.test(name)
    return {
      view,
      queries,
      keys: view.keys ?? queries,
      name: numbered ? `layer ${name}` : name,
      short: numbered ? `L${name}` : name,
    }
  })
}

/** Whether a layer attends from a text to the same text, and no query to a later key. */
export function isCausal({ view: { heads }, queries, keys }: PlacedLayer): boolean {
  return (
    queries === keys &&
    heads.every(({ filter }) =>
      filter.every((row, query) => row.every((weight, key) => key <= query || weight === 0)),
    )
  )
}
