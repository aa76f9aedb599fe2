/**
 * Finds the head of a model of reactions that learned which atom becomes which: by the table of all its
 * heads, without being told which one it is.
 */
import { collect, encoderStates, headScores, type HeadScores, type LoadedEncoder, scope, tensor } from 'heed'
import { atomMap, type AtomMap, keptBonds } from './atom-map.js'
import { readReaction, type Reaction } from './smiles.js'

/** A reaction, and what is known of its atoms. */
export interface KnownReaction {
  readonly text: string
  /** The reactant atom of each product atom. */
  readonly mapping: readonly number[]
}

/** What one head does with all reactions: a row of the table. */
export interface HeadRow extends HeadScores {
  readonly layer: number
  readonly head: number
  /** See `keptBonds`: nobody's map is needed for it. */
  readonly keptBonds: number
  /** The map that it gives of each reaction. */
  readonly maps: readonly AtomMap[]
}

/** A reaction's tokens as the model reads them. */
export function tokensOf(
  { tokenizer }: LoadedEncoder,
  text: string,
): { ids: Int32Array; reaction: Reaction } {
  const { ids, spans, specialTokensMask } = tokenizer.encode(text, { truncation: null, padding: null })
  const tokens = Array.from(ids, (_, i) =>
    specialTokensMask[i] === 1 ? '' : text.slice(spans[2 * i], spans[2 * i + 1]),
  )
  return { ids: Int32Array.from(ids), reaction: readReaction(tokens) }
}

/** Every head's row, layer by layer: means over these reactions. */
export function headTable(loaded: LoadedEncoder, texts: readonly string[]): HeadRow[] {
  const { model, config, attentions } = loaded
  const rows = attentions.flatMap((_, layer) =>
    Array.from({ length: config.heads }, (__, head) => ({
      layer,
      head,
      entropy: 0,
      previous: 0,
      first: 0,
      induction: 0,
      keptBonds: 0,
      maps: [] as AtomMap[],
    })),
  )
  for (const text of texts) {
    const { ids, reaction } = tokensOf(loaded, text)
    scope(() => {
      const input = tensor(ids, { batch: 1, position: ids.length }, { dtype: 'i32' })
      const names = attentions.map(({ name }) => name)
      const { values } = collect(names, () => encoderStates(model, config, input))
      for (const row of rows) {
        const filters = values.get(names[row.layer]!)!.withAxes('batch', 'head', 'query', 'key')
        const filter = filters.at('batch', 0).at('head', row.head).values(['query', 'key'])
        const scores = { ...headScores(filter, ids), keptBonds: keptBonds(reaction, filter) }
        for (const name of Object.keys(scores) as (keyof typeof scores)[])
          row[name] += scores[name] / texts.length
        row.maps.push(atomMap(reaction, filter))
      }
    })
  }
  return rows
}

/** The head that keeps most bonds, over all layers: heads of one number share their weights in ALBERT. */
export function likeliestHead(rows: readonly HeadRow[]): number {
  const heads = [...new Set(rows.map(({ head }) => head))]
  const kept = (head: number): number =>
    rows.reduce((sum, row) => sum + (row.head === head ? row.keptBonds : 0), 0)
  return heads.reduce((best, head) => (kept(head) > kept(best) ? head : best))
}

/** How many atoms, and how many whole reactions, a row's maps have right. */
export function rightMaps(
  { maps }: HeadRow,
  known: readonly KnownReaction[],
): { readonly atoms: number; readonly reactions: number } {
  let [atoms, reactions] = [0, 0]
  known.forEach(({ mapping }, i) => {
    const right = mapping.filter((atom, at) => atom === maps[i]!.mapping[at]).length
    atoms += right
    if (right === mapping.length) reactions++
  })
  return { atoms, reactions }
}

/** The row that has most atoms right; of equals the first. */
export function bestRow(rows: readonly HeadRow[], known: readonly KnownReaction[]): HeadRow {
  const atoms = (row: HeadRow): number => rightMaps(row, known).atoms
  return rows.reduce((best, row) => (atoms(row) > atoms(best) ? row : best))
}

/** How many reactions are right where each is mapped by the row that is best for the others. */
export function rightWithoutOwn(rows: readonly HeadRow[], known: readonly KnownReaction[]): number {
  const without = <T>(list: readonly T[], left: number): T[] => list.filter((_, i) => i !== left)
  return known.filter(({ mapping }, left) => {
    const others = rows.map((row) => ({ ...row, maps: without(row.maps, left) }))
    const { layer, head } = bestRow(others, without(known, left))
    const chosen = rows.find((row) => row.layer === layer && row.head === head)!
    return chosen.maps[left]!.mapping.join() === mapping.join()
  }).length
}
