import type { Builder, Int, ParameterTerms, ParameterType, Pointer, Vector } from '../language/index.js'
import type { AttentionDefinition } from './definition.js'
import type { Terms } from './leaves.js'
import { roundUp, type Tile, writeTileProduct } from './tile.js'

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

/** Where the two products of attention take key and value from. */
export interface Products {
  readonly name: string
  readonly parameters: Readonly<Record<string, ParameterType>>
  /** scores[row, key] = q·k */
  writeScores(round: Round): void
  /** output[row, …] = factors[row] × output[row, …] + Σ over the keys of scores[row, key] × value[key, …] */
  writeOutput(round: Round): void
}

const packedParameters = {
  /** [matrix ⌈key / panel⌉ width panel], with the matrices (batch × kvHeads) of the launch */
  packedKey: 'f32*',
  /** [matrix ⌈valueWidth / panel⌉ key panel] */
  packedValue: 'f32*',
} as const

/** From packed copies, in register tiles: for many rows. */
export const packedProducts: Products = {
  name: 'packed',
  parameters: packedParameters,
  writeScores({ k, terms, definition: { width }, tile, batch, kvHead, key, keys, query, scores }) {
    const { packedKey } = terms as unknown as ParameterTerms<typeof packedParameters>
    const [length, kvHeads] = [terms['keys'] as Int, terms['kvHeads'] as Int]
    const firstKey = batch
      .mul(kvHeads)
      .add(kvHead)
      .sub(terms['firstMatrix'] as Int)
      .mul(
        length
          .add(tile.panel - 1)
          .div(tile.panel)
          .mul(tile.panel),
      )
      .add(key)
    k.loop(0, keys, tile.panel, (column) => {
      writeTileProduct(k, {
        rows: tile.rows,
        panel: tile.panel,
        count: width,
        left: query,
        leftRow: width,
        leftStep: 1,
        right: packedKey.at(firstKey.add(column).mul(width)),
        rightStep: tile.panel,
        start: () => k.vector(0),
        finish: (i, j, sum) => k.store(scores.at(column).at(i * tile.keys + j), sum),
      })
    })
  },
  writeOutput({
    k,
    terms,
    definition: { valueWidth },
    tile,
    batch,
    kvHead,
    key,
    keys,
    scores,
    output,
    factors,
  }) {
    const { packedValue } = terms as unknown as ParameterTerms<typeof packedParameters>
    const [length, kvHeads] = [terms['keys'] as Int, terms['kvHeads'] as Int]
    const stride = roundUp(valueWidth, tile.panel)
    const values = packedValue
      .at(
        batch
          .mul(kvHeads)
          .add(kvHead)
          .sub(terms['firstMatrix'] as Int)
          .mul(length)
          .mul(stride),
      )
      .at(key.mul(tile.panel))
    k.loop(0, stride, tile.panel, (column) => {
      const to = output.at(column)
      writeTileProduct(k, {
        rows: tile.rows,
        panel: tile.panel,
        count: keys,
        left: scores,
        leftRow: tile.keys,
        leftStep: 1,
        right: values.at(column.mul(length)),
        rightStep: tile.panel,
        start: (i, j) => k.load(to.at(i * stride + j)).mul(k.loadBroadcast(factors.at(i))),
        finish: (i, j, sum) => k.store(to.at(i * stride + j), sum),
      })
    })
  },
}

const directParameters = {
  key: 'f32*',
  keyBatch: 'i32',
  keyHead: 'i32',
  keyRow: 'i32',
  value: 'f32*',
  valueBatch: 'i32',
  valueHead: 'i32',
  valueRow: 'i32',
} as const

/** Keys whose products are summed at once: hides the latency of the sums. */
const keysAtOnce = 4

/** From where they lie, each element once a row: for few rows, where packing would cost more than it saves. */
export const directProducts: Products = {
  name: 'direct',
  parameters: directParameters,
  writeScores({ k, terms, definition: { width }, tile, batch, kvHead, key, keys, rows, query, scores }) {
    const p = terms as unknown as ParameterTerms<typeof directParameters>
    const first = p.key.at(batch.mul(p.keyBatch)).at(kvHead.mul(p.keyHead)).at(key.mul(p.keyRow))
    /** Products of row i with `count` keys from j on. */
    const write = (i: Int, j: Int, count: number): void => {
      const left = query.at(i.mul(width))
      const lines = Array.from({ length: count }, (_, n) => first.at(j.add(n).mul(p.keyRow)))
      const sums = lines.map(() => k.variable<'vector'>(k.vector(0)))
      k.vectors(width, (w, mask) => {
        const factor = k.load(left.at(w), mask)
        lines.forEach((line, n) => sums[n]!.set(factor.fma(k.load(line.at(w), mask), sums[n]!.get())))
      })
      sums.forEach((sum, n) => k.store(scores.at(i.mul(tile.keys)).at(j).at(n), sum.get().sum()))
    }
    k.loop(0, rows, 1, (i) => {
      const whole = keys.and(-keysAtOnce)
      k.loop(0, whole, keysAtOnce, (j) => write(i, j, keysAtOnce))
      k.loop(whole, keys, 1, (j) => write(i, j, 1))
      // A round works in whole vectors: what lies behind the last key must be a number.
      k.loop(keys, keys.add(k.lanes - 1).and(-k.lanes), 1, (j) =>
        k.store(scores.at(i.mul(tile.keys)).at(j), k.float(0)),
      )
    })
  },
  writeOutput({
    k,
    terms,
    definition: { valueWidth },
    tile,
    batch,
    kvHead,
    key,
    keys,
    rows,
    scores,
    output,
    factors,
  }) {
    const p = terms as unknown as ParameterTerms<typeof directParameters>
    const first = p.value.at(batch.mul(p.valueBatch)).at(kvHead.mul(p.valueHead)).at(key.mul(p.valueRow))
    const stride = roundUp(valueWidth, tile.panel)
    const write = (i: Int, column: Int | number, columns: number): void => {
      const to = output.at(i.mul(stride)).at(column)
      const factor = k.loadBroadcast(factors.at(i))
      const weights = scores.at(i.mul(tile.keys))
      const starts = Array.from({ length: Math.ceil(columns / k.lanes) }, (_, v) => v * k.lanes)
      const sums = starts.map((start) => k.variable<'vector'>(k.load(to.at(start)).mul(factor)))
      k.loop(0, keys, 1, (j) => {
        const weight = k.loadBroadcast(weights.at(j))
        const line = first.at(j.mul(p.valueRow)).at(column)
        starts.forEach((start, v) => {
          const value: Vector =
            columns - start < k.lanes
              ? k.load(line.at(start), k.tail(columns - start))
              : k.load(line.at(start))
          sums[v]!.set(weight.fma(value, sums[v]!.get()))
        })
      })
      starts.forEach((start, v) => k.store(to.at(start), sums[v]!.get()))
    }
    const whole = valueWidth - (valueWidth % tile.panel)
    k.loop(0, rows, 1, (i) => {
      k.loop(0, whole, tile.panel, (column) => write(i, column, tile.panel))
      if (whole < valueWidth) write(i, whole, valueWidth - whole)
    })
  },
}
