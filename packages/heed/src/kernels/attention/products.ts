import type { Builder, Int, ParameterTerms, ParameterType, Pointer } from '../language/index.js'
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
