import { type Builder, type Int, type Mask, type ParameterTerms, Pointer } from '../language/index.js'
import type { AttentionDefinition, StoredFloat } from './definition.js'
import type { Terms } from './leaves.js'
import { roundUp, sumsOfRow, type Tile } from './tile.js'
import type { SourceParameters } from './workspace.js'

/** Some query rows against some keys, in scratch memory. */
export interface Round {
  readonly k: Builder
  readonly terms: Terms
  readonly definition: AttentionDefinition
  readonly tile: Tile
  readonly batch: Int
  readonly kvHead: Int
  readonly key: Int
  /** How many keys, at most `tile.keys`. */
  readonly keys: Int
  /** How many rows, at most `tile.rows`. */
  readonly rows: Int
  /** [row width] */
  readonly query: Pointer<'f32'>
  /** [row key], rows of `tile.keys` */
  readonly scores: Pointer<'f32'>
  /** [row valueWidth], rows padded to whole panels */
  readonly output: Pointer<'f32'>
  /** [row]: what the output so far is multiplied with. */
  readonly factors: Pointer<'f32'>
}

/** Keys or values that come from memory are asked for so many rows ahead. */
const rowsAhead = 16
/**
 * Vectors of a row that one turn of the loop over a long row takes. V8 puts off multiply-adds until all of a
 * turn is loaded, and runs out of registers.
 */
const vectorsAtOnce = ({ machine }: Builder): number => (machine.name === 'x64' ? 8 : 1)
/** Values that one turn of the loop over values takes. */
const valuesAtOnce = ({ machine }: Builder): number => (machine.name === 'x64' ? 4 : 1)

/** scores[row, key] = q·k */
export function writeRowScores({
  k,
  terms,
  definition: { width },
  tile,
  batch,
  kvHead,
  key,
  keys,
  query,
  scores,
}: Round): void {
  const p = terms as unknown as ParameterTerms<SourceParameters>
  const first = p.key.at(batch.mul(p.keyBatch)).at(kvHead.mul(p.keyHead)).at(key.mul(p.keyRow))
  const atOnce = sumsOfRow(k.machine, tile.rows)
  const steps = rowSteps(k, first.element, p.keyRow, atOnce)
  const write = (j: Int, count: number): void => {
    const lines = steps.lines(first.at(j.mul(p.keyRow)), count)
    const sums = Array.from({ length: tile.rows * count }, () => k.variable(k.vector(0)))
    alongRow(k, width, [query, ...lines, ...lines.map(steps.ahead)], ([left, ...right], mask) => {
      const factors = Array.from({ length: tile.rows }, (_, i) => k.load(left!.at(i * width), mask))
      right.slice(0, count).forEach((line, n) => {
        const element = k.load(line, mask)
        factors.forEach((factor, i) => {
          const sum = sums[i * count + n]!
          sum.set(factor.fma(element, sum.get()))
        })
        k.prefetch(right[count + n]!)
      })
    })
    sums.forEach((sum, place) => {
      const [i, n] = [Math.floor(place / count), place % count]
      k.store(scores.at(j).at(i * tile.keys + n), sum.get().sum())
    })
  }
  const whole = keys.and(-atOnce)
  k.loop(0, whole, atOnce, (j) => write(j, atOnce))
  k.loop(whole, keys, 1, (j) => write(j, 1))
  // A round works in whole vectors: what lies behind the last key must be a number.
  k.loop(keys, keys.add(k.lanes - 1).and(-k.lanes), 1, (j) =>
    k.unroll(tile.rows, (i) => k.store(scores.at(j).at(i * tile.keys), k.float(0))),
  )
}

/**
 * output[row, …] = factors[row] × output[row, …] + Σ over the keys of scores[row, key] × value[key, …].
 * `weighted`: scores are weights of which one of 0 takes nothing of a value, whatever that holds.
 */
export function writeRowOutput(
  { k, terms, definition: { valueWidth }, tile, batch, kvHead, key, keys, scores, output, factors }: Round,
  weighted: boolean,
): void {
  const p = terms as unknown as ParameterTerms<SourceParameters>
  const first = p.value.at(batch.mul(p.valueBatch)).at(kvHead.mul(p.valueHead)).at(key.mul(p.valueRow))
  const atOnce = weighted ? 1 : valuesAtOnce(k)
  const steps = rowSteps(k, first.element, p.valueRow, atOnce)
  const stride = roundUp(valueWidth, tile.panel)
  const write = (column: Int | number, columns: number): void => {
    const starts = Array.from({ length: Math.ceil(columns / k.lanes) }, (_, v) => v * k.lanes)
    const place = (i: number, v: number): Pointer<'f32'> => output.at(column).at(i * stride + starts[v]!)
    const sums = Array.from({ length: tile.rows }, (_, i) => {
      const factor = k.loadBroadcast(factors.at(i))
      return starts.map((_, v) => k.variable(k.load(place(i, v)).mul(factor)))
    })
    const add = (line: Pointer<StoredFloat>, weights: Pointer<'f32'>): void => {
      const values = starts.map((start) =>
        columns - start < k.lanes ? k.load(line.at(start), k.tail(columns - start)) : k.load(line.at(start)),
      )
      sums.forEach((row, i) => {
        const weight = k.loadBroadcast(weights.at(i * tile.keys))
        const takes = weighted ? weight.ne(0) : undefined
        row.forEach((sum, v) => sum.set(weight.fma(takes?.select(values[v]!, 0) ?? values[v]!, sum.get())))
      })
      starts.forEach((start) => k.prefetch(steps.ahead(line).at(start)))
    }
    const turn = (j: Int, count: number): void => {
      const lines = steps.lines(first.at(j.mul(p.valueRow)).at(column), count)
      lines.forEach((line, n) => add(line, scores.at(j).at(n)))
    }
    const whole = keys.and(-atOnce)
    k.loop(0, whole, atOnce, (j) => turn(j, atOnce))
    if (atOnce > 1) k.loop(whole, keys, 1, (j) => turn(j, 1))
    sums.forEach((row, i) => row.forEach((sum, v) => k.store(place(i, v), sum.get())))
  }
  const whole = valueWidth - (valueWidth % tile.panel)
  k.loop(0, whole, tile.panel, (column) => write(column, tile.panel))
  if (whole < valueWidth) write(whole, valueWidth - whole)
}

/**
 * `step` for each vector of rows that are `width` long, with where it starts in each: one after the other, in
 * a loop where there are many.
 */
function alongRow(
  k: Builder,
  width: number,
  rows: readonly Pointer<StoredFloat>[],
  step: (rows: readonly Pointer<StoredFloat>[], mask?: Mask) => void,
): void {
  const vectors = Math.floor(width / k.lanes)
  const together = vectorsAtOnce(k)
  const looped = vectors > together ? vectors - (vectors % together) : 0
  const some = (starts: readonly Pointer<StoredFloat>[], count: number): void =>
    k.unroll(count, (v) => step(starts.map((start) => start.at(v * k.lanes))))
  if (looped > 0)
    k.loop(0, looped * k.lanes, together * k.lanes, (at) =>
      some(
        rows.map((row) => row.at(at)),
        together,
      ),
    )
  const rest = rows.map((row) => row.at(looped * k.lanes))
  some(rest, vectors - looped)
  const left = width - vectors * k.lanes
  if (left > 0)
    step(
      rest.map((row) => row.at((vectors - looped) * k.lanes)),
      k.tail(left),
    )
}

interface RowSteps {
  /** `count` rows from one on. */
  lines(from: Pointer<StoredFloat>, count: number): readonly Pointer<StoredFloat>[]
  /** `rowsAhead` rows further on. */
  readonly ahead: (from: Pointer<StoredFloat>) => Pointer<StoredFloat>
}

/** Distances between rows in bytes, computed once. */
function rowSteps(k: Builder, element: StoredFloat, row: Int, most: number): RowSteps {
  const bytes = row.mul(k.elementBytes(element))
  const distances = Array.from({ length: most }, (_, n) => (n === 0 ? k.int(0) : bytes.mul(n)))
  const far = bytes.mul(rowsAhead)
  const move = ({ address, offset }: Pointer<StoredFloat>, by: Int): Pointer<StoredFloat> =>
    new Pointer(k, element, address.add(by), offset)
  return {
    lines: (from, count) => distances.slice(0, count).map((by) => move(from, by)),
    ahead: (from) => move(from, far),
  }
}
