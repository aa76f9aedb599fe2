/**
 * The simpler simple recurrent unit, which decoders have in place of self-attention where each step has to be
 * cheap (Kim et al. 2019, "From Research to Production and Back: Ludicrously Fast Neural Machine
 * Translation", section 3).
 */
import { tap } from '../observe/index.js'
import { activate, type AnyTensor, concat, map, slice, type Tensor } from '../tensor/index.js'
import { type LayerCache, refuseGradient } from './cache.js'
import type { Key } from './growing.js'
import { type Linear, linears, type Quantized } from './linear.js'
import type { Rows } from './rows.js'
import { addTo, type Residual, type Sequence } from './sequence.js'

/** The weights of a simple recurrent unit. As many units as the width. */
export interface SimpleRecurrent {
  readonly candidate: Linear<'width', 'unit'>
  readonly forget: Linear<'width', 'unit'>
}

/** What `simpleRecurrent` may be told. */
export interface SimpleRecurrentOptions extends Residual {
  /** The cells of the positions so far; `x` follows them. */
  readonly cache?: LayerCache | undefined
  /** Several texts of lengths of their own, one after the other in a batch of 1, each with its own cache. */
  readonly rows?: Rows | undefined
}

type Units = Tensor<'batch' | 'position' | 'unit'>

/**
 * At each position forget = σ(x · forget), cell = forget × the cell before + (1 − forget) × (x · candidate),
 * from a cell of 0 on; and gives relu(cell). Names: candidate, forget, cell, output.
 *
 * @throws ShapeError where sizes do not fit; StateError where a gradient is wanted through a cache
 */
export function simpleRecurrent(
  parameters: Quantized<SimpleRecurrent>,
  x: Sequence,
  { cache, rows, residual, dropout }: SimpleRecurrentOptions = {},
): Sequence {
  const [candidates, opened] = linears([parameters.candidate, parameters.forget], x, 'width')
  const candidate = tap('candidate', candidates as Units)
  const forget = tap('forget', activate(opened as Units, 'sigmoid'))
  const added = map((f, c) => c.sub(f.mul(c)), forget, candidate) as Units
  let start = 0
  const cells =
    rows === undefined
      ? cellsAfter(forget, added, cache)
      : joined(
          rows.lengths.flatMap((length, row) => {
            if (length === 0) return []
            const [from, to] = [start, (start += length)]
            const part = (all: Units): Units => slice(all, 'position', from, to)
            return [cellsAfter(part(forget), part(added), rows.caches?.[row])]
          }),
        )
  const output = activate(tap('cell', cells), 'relu').rename({ unit: 'width' }) as AnyTensor as Sequence
  return addTo(residual, tap('output', output), dropout)
}

/** The cell at each position, after what the cache holds; the cache then holds these, too. */
function cellsAfter(forget: Units, added: Units, cache: LayerCache | undefined): Units {
  const at = (all: Units, position: number): Units => slice(all, 'position', position, position + 1)
  let cell = cache && lastCell(cache)
  const cells = Array.from({ length: added.size('position') }, (_, position) => {
    const own = at(added, position)
    cell =
      cell === undefined ? own : (map((f, c, a) => f.mul(c).add(a), at(forget, position), cell, own) as Units)
    return cell
  })
  const all = joined(cells)
  if (cache !== undefined) {
    const width = all.size('unit')
    const states = all.rename({ position: 'key' }).split('unit', { head: 1, width }) as AnyTensor as Key
    refuseGradient(states, states)
    cache.appendStates(states)
  }
  return all
}

function lastCell(cache: LayerCache): Units | undefined {
  const last = cache.lastState()
  return last?.at('head', 0).rename({ key: 'position', width: 'unit' }) as Units | undefined
}

function joined(parts: readonly Units[]): Units {
  return parts.length === 1 ? parts[0]! : (concat(parts, 'position') as Units)
}
