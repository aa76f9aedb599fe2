/** Which patches of a picture were attended to, by each word that was written, or by the picture itself. */
import type { HeatPart } from '@heed/studio'
import type { Attention, AttendedPatches } from 'heed'
import { labelsOf } from './attended.js'

/**
 * How much each patch was attended to: the mean of all heads and layers. Nothing where there is no picture.
 */
export function patchesAttended(attention: Attention): readonly HeatPart[] {
  const { patches } = attention
  if (patches === undefined) return []
  const { picture, rows, columns, patch } = patches
  const asked = Object.keys(attention.filters).filter((name) => patches.keys.includes(name))
  const written = asked.filter((name) => !patches.queries.includes(name))
  const names = written.length > 0 ? written : asked
  if (names.length === 0) return []
  const means = meanRows(attention, names, patches)
  const words = written.length > 0 ? ofWords(attention, names[0]!, means) : ofPicture(means, patches)
  const name =
    written.length > 0
      ? 'which patches each word attended to when it was written'
      : patches.before > 0
        ? 'which patches the picture’s own token attended to'
        : 'which patches were attended to'
  return [{ kind: 'heat', name: `${name} (mean of all heads)`, picture, rows, columns, patch, words }]
}

/** The weights of the patches in each row of filters. */
function meanRows(
  { filters }: Attention,
  names: readonly string[],
  { before, rows, columns }: AttendedPatches,
): number[][] {
  const count = rows * columns
  const width = before + count
  const means: number[][] = []
  let seen = 0
  for (const name of names) {
    const filter = filters[name]!
    const values = filter.values(['head', 'query', 'key'])
    const queries = filter.size('query')
    const heads = values.length / (queries * width)
    seen += heads
    for (let head = 0; head < heads; head++)
      for (let row = 0; row < queries; row++) {
        const own = (means[row] ??= Array<number>(count).fill(0))
        const from = (head * queries + row) * width + before
        for (let i = 0; i < count; i++) own[i]! += values[from + i]!
      }
  }
  return means.map((row) => row.map((weight) => weight / seen))
}

/** A token is written by the row before its own; the last row's is not there. The mean of all comes first. */
function ofWords(attention: Attention, name: string, means: readonly number[][]): HeatPart['words'] {
  const { query } = labelsOf(attention, name)
  const words = query.slice(1).map((text, i) => ({ text, weights: means[i]! }))
  const all = means.slice(0, Math.max(1, words.length))
  return [{ text: 'all', weights: meanOf(all) }, ...words]
}

function ofPicture(means: readonly number[][], { before }: AttendedPatches): HeatPart['words'] {
  return [{ text: 'picture', weights: before > 0 ? means[0]! : meanOf(means) }]
}

function meanOf(rows: readonly (readonly number[])[]): number[] {
  const [first = []] = rows
  return first.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length)
}
