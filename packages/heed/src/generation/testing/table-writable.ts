import { tensor, type Tensor } from '../../tensor/index.js'
import type { Decoding, Writable } from '../decoding.js'

/** What a model of this kind was asked for. */
export interface Asked {
  /** Calls of `step`. */
  steps: number
  /** Ids that were given, over all rows. */
  positions: number
  /** Decodings that were begun or forked and not freed. */
  open: number
}

/** A model in plain JavaScript: the logits of what follows some ids, from a function. */
export function tableWritable(
  vocabulary: number,
  logitsAfter: (ids: readonly number[]) => ArrayLike<number>,
  context: number = 1000,
): Writable & { readonly asked: Asked } {
  const asked: Asked = { steps: 0, positions: 0, open: 0 }
  const decoding = (begun: readonly (readonly number[])[]): Decoding => {
    asked.open++
    let rows = begun.map((ids) => [...ids])
    return {
      context,
      vocabulary,
      get rows() {
        return rows.length
      },
      get lengths() {
        return rows.map(({ length }) => length)
      },
      step(ids, { all = false } = {}): Tensor<'row' | 'vocabulary'> {
        if (ids.length !== rows.length) throw new Error(`${ids.length} lists for ${rows.length} rows`)
        asked.steps++
        const found: number[] = []
        ids.forEach((list, row) => {
          const text = rows[row]!
          Array.from(list).forEach((id, place) => {
            asked.positions++
            text.push(id)
            if (all || place === list.length - 1) found.push(...Array.from(logitsAfter(text)))
          })
          if (text.length > context) throw new Error(`${text.length} positions in a context of ${context}`)
        })
        return tensor(found, { row: found.length / vocabulary, vocabulary })
      },
      keep(places) {
        rows = places.map((place) => [...rows[place]!])
      },
      truncate(row, length) {
        if (length > rows[row]!.length) throw new Error(`${length} of ${rows[row]!.length} positions`)
        rows[row]!.length = length
      },
      fork: () => decoding(rows),
      dispose() {
        asked.open--
      },
    }
  }
  return { context, vocabulary, asked, begin: (rows) => decoding(Array.from({ length: rows }, () => [])) }
}

/** A model whose logits follow from the last two ids alone, in no order that a test could rely on. */
export function scatteredWritable(vocabulary: number, context?: number): ReturnType<typeof tableWritable> {
  const logits = (ids: readonly number[]): number[] =>
    Array.from({ length: vocabulary }, (_, id) => {
      const [before = 0, last = 0] = ids.slice(-2)
      return 3 * Math.sin(before * 12.9898 + last * 78.233 + id * 37.719 + ids.length * 0.01)
    })
  return tableWritable(vocabulary, logits, context)
}

/** Always goes on with id + 1, and is next fondest of id + 2. */
export function counting(vocabulary: number = 10, context?: number): ReturnType<typeof tableWritable> {
  return tableWritable(
    vocabulary,
    (ids) =>
      Array.from({ length: vocabulary }, (_, id) => {
        const ahead = (id - ids.at(-1)! + vocabulary) % vocabulary
        return ahead === 1 ? 3 : ahead === 2 ? 2 : -ahead
      }),
    context,
  )
}
