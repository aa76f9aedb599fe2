import { type Emitter, spread } from '../expression/index.js'
import {
  type Builder,
  decay,
  type Int,
  type Mask,
  type ParameterTerms,
  type Pointer,
  type Vector,
} from '../language/index.js'
import type { CaptureScatter, Centers } from './capture-scatter.js'
import { copyPadded } from './columns.js'
import type { AttentionDefinition } from './definition.js'
import type { AttentionDerivative } from './derivative.js'
import { type Lanes, leafEnvironment, type Terms } from './leaves.js'
import { roundUp, type Tile, writeTileProduct } from './tile.js'
import { throughFilter, visible } from './through-filter.js'
import { possibleKeys, possibleRows, type Region, regionTruth } from './truth.js'
import {
  type PlaceParameters,
  placeParameters,
  type StoredParameters,
  storedParameters,
  type ScratchLayout,
  scratchLayout,
  scratchParts,
} from './workspace.js'

/** The parameters that the kernels of captured tensors' gradients start with. */
export type BlockParameters = StoredParameters<'query'> &
  PlaceParameters<'upstream'> & {
    /** [batch kvHead ⌈key / panel⌉ width panel] */
    readonly packedKey: 'f32*'
    /** [batch kvHead ⌈key / panel⌉ valueWidth panel] */
    readonly packedValue: 'f32*'
    /**
     * [batch head query], as the forward pass left them: weights are exp(score − largest) × inverseSum, and
     * sum to 1 as they did there.
     */
    readonly largest: 'f32*'
    readonly inverseSum: 'f32*'
    /** [batch head query]: Σ over the width of upstream × output. */
    readonly dots: 'f32*'
    readonly heads: 'i32'
    readonly kvHeads: 'i32'
    readonly queries: 'i32'
    readonly keys: 'i32'
  }

export const blockParameters = ({ stored }: AttentionDefinition): BlockParameters => ({
  ...storedParameters('query', stored.query),
  ...placeParameters('upstream'),
  packedKey: 'f32*',
  packedValue: 'f32*',
  largest: 'f32*',
  inverseSum: 'f32*',
  dots: 'f32*',
  heads: 'i32',
  kvHeads: 'i32',
  queries: 'i32',
  keys: 'i32',
})

export type BlockParts = 'query' | 'upstream' | 'weights' | 'gradients' | 'lanes'

export function blockLayout(
  { width, valueWidth }: AttentionDefinition,
  { queries, keys, panel }: Tile,
): ScratchLayout<BlockParts> {
  return scratchLayout({
    query: queries * roundUp(width, panel),
    upstream: queries * roundUp(valueWidth, panel),
    weights: queries * keys,
    gradients: queries * keys,
    lanes: 64,
  })
}

/** One block of query rows of one head. */
export interface Block {
  readonly batch: Int
  readonly head: Int
  /** Knows batch and head. */
  readonly emitter: Emitter
  readonly firstRow: Int
  /** How many rows. */
  readonly rows: Int
}

/** The centers of all rows of a block; see `Centers`. */
export type RowCenters = Centers

/** For each row of a block a sum over the keys of weight × gradient of the weight. */
export interface RowDots {
  readonly dots: Pointer<'f32'>
}

/** A block of query rows against tiles of keys: weights and score gradients, computed anew. */
export class CaptureBlock {
  readonly k: Builder
  readonly terms: Terms
  readonly p: ParameterTerms<BlockParameters>
  readonly definition: AttentionDefinition
  readonly derivative: AttentionDerivative
  readonly tile: Tile
  /** Width and value width, padded to whole panels: row lengths in scratch memory. */
  readonly padded: number
  readonly valuePadded: number
  readonly part: Readonly<Record<BlockParts, Pointer<'f32'>>>

  constructor(
    k: Builder,
    terms: Terms,
    definition: AttentionDefinition,
    derivative: AttentionDerivative,
    tile: Tile,
  ) {
    this.k = k
    this.terms = terms
    this.p = terms as unknown as ParameterTerms<BlockParameters>
    this.definition = definition
    this.derivative = derivative
    this.tile = tile
    this.padded = roundUp(definition.width, tile.panel)
    this.valuePadded = roundUp(definition.valueWidth, tile.panel)
    this.part = scratchParts(k, blockLayout(definition, tile))
  }

  /** Which of batch × heads. */
  matrix({ batch, head }: Block): Int {
    return batch.mul(this.p.heads).add(head)
  }
  /** Which of batch × kvHeads. */
  kvMatrix({ batch, head }: Block): Int {
    const { heads, kvHeads } = this.p
    return batch.mul(kvHeads).add(head.div(heads.div(kvHeads)))
  }

  /** Copies the block's queries and output gradients; columns beyond the width become 0. */
  load({ batch, head, firstRow, rows }: Block): void {
    const { k, p, part, definition } = this
    const query = p.query.at(batch.mul(p.queryBatch)).at(head.mul(p.queryHead)).at(firstRow.mul(p.queryRow))
    const upstream = p.upstream
      .at(batch.mul(p.upstreamBatch))
      .at(head.mul(p.upstreamHead))
      .at(firstRow.mul(p.upstreamRow))
    copyPadded(k, rows, part.query, this.padded, query, p.queryRow, definition.width)
    copyPadded(k, rows, part.upstream, this.valuePadded, upstream, p.upstreamRow, definition.valueWidth)
  }

  /**
   * For tiles where some of the rows may attend to some of the keys. It fills part `weights` with the filter,
   * and part `gradients` with the gradients of q·k, both [row key] with rows of `tile.keys`. Then it adds
   * what `scatter` has to. For `RowDots` it sums weight × its gradient, and nothing else.
   */
  pass(block: Block, key: Int, keys: Int, scatter: CaptureScatter | RowDots, centers?: RowCenters): void {
    const { k, p, tile } = this
    const region = this.#region(block, key, keys)
    const { possible, certain } = regionTruth(k, this.terms, this.definition, {
      ...region,
      tileKeys: tile.keys,
    })
    k.if(possible, () => {
      const panels = p.keys.add(tile.panel - 1).div(tile.panel)
      const first = this.kvMatrix(block).mul(panels).mul(tile.panel).add(key)
      this.#products(
        region,
        this.part.query,
        this.padded,
        this.definition.width,
        p.packedKey.at(first.mul(this.definition.width)),
        this.part.weights,
      )
      if (centers?.pass !== 'sum') {
        this.#products(
          region,
          this.part.upstream,
          this.valuePadded,
          this.definition.valueWidth,
          p.packedValue.at(first.mul(this.definition.valueWidth)),
          this.part.gradients,
        )
      }
      k.if(
        certain,
        () => this.#weights(block, region, scatter, false, centers),
        () => this.#weights(block, region, scatter, true, centers),
      )
    })
  }

  #region({ batch, head, firstRow, rows }: Block, firstKey: Int, keys: Int): Region {
    return { batch, head, firstRow, lastRow: firstRow.add(rows).sub(1), firstKey, keys }
  }

  /** target[row, key] = Σ left[row, t] right[t, key] */
  #products(
    region: Region,
    left: Pointer<'f32'>,
    leftRow: number,
    count: number,
    right: Pointer<'f32'>,
    target: Pointer<'f32'>,
  ): void {
    const { k, tile } = this
    k.loop(0, region.keys, tile.panel, (column) => {
      const panel = right.at(column.mul(count))
      const some = {
        ...region,
        firstKey: region.firstKey.add(column),
        keys: region.keys.sub(column).min(tile.panel),
      }
      const seen = possibleRows(k, this.terms, this.definition, some, tile.rows)
      const first = seen.first.sub(region.firstRow)
      k.loop(first, first.add(seen.count), tile.rows, (row) => {
        const to = target.at(row.mul(tile.keys)).at(column)
        writeTileProduct(k, {
          rows: tile.rows,
          panel: tile.panel,
          count,
          left: left.at(row.mul(leftRow)),
          leftRow,
          leftStep: 1,
          right: panel,
          rightStep: tile.panel,
          start: () => k.vector(0),
          finish: (i, j, sum) => k.store(to.at(i * tile.keys + j), sum),
        })
      })
    })
  }

  /** weights: q·k -> filter; gradients: gradient of the filter -> gradient of q·k. */
  #weights(
    block: Block,
    region: Region,
    scatter: CaptureScatter | RowDots,
    masked: boolean,
    centers: RowCenters | undefined,
  ): void {
    const {
      k,
      p,
      tile,
      part,
      derivative: { score, mask, product, roots },
    } = this
    const lane = k.laneIndex()
    k.loop(0, block.rows, 1, (i) => {
      const queryRow = block.firstRow.add(i)
      const at = this.matrix(block).mul(p.queries).add(queryRow)
      const largest = k.loadScalar(p.largest.at(at))
      // Where nothing may be attended it is −infinity; +infinity makes all weights 0.
      const base = largest.gt(-Infinity).select(largest, Infinity)
      const inverseSum = k.loadScalar(p.inverseSum.at(at))
      const dot = 'dots' in scatter ? k.float(0) : k.loadScalar(p.dots.at(at))
      const emitter = block.emitter.within({
        index: (axis) =>
          axis === 'query' ? queryRow.add(p.keys).sub(p.queries) : axis === 'queryRow' ? queryRow : undefined,
      })
      emitter.hoist(roots)
      const weights = part.weights.at(i.mul(tile.keys))
      const gradients = part.gradients.at(i.mul(tile.keys))
      const row =
        'dots' in scatter
          ? undefined
          : scatter.beginRow(k, emitter, centers && { ...centers, at: centers.at.at(i) })
      const dots = 'dots' in scatter ? k.variable(k.vector(0)) : undefined
      const { firstKey, keys } = region
      const here = { ...region, firstRow: queryRow, lastRow: queryRow }
      const seen = masked
        ? possibleKeys(k, this.terms, this.definition, here, tile.panel)
        : { first: firstKey, count: keys }
      const start = seen.first.sub(firstKey)
      const end = start.add(seen.count)
      if (masked && mask !== undefined) {
        // Products that were left out: nobody sees these keys.
        const clear = (from: Int, to: Int): void =>
          k.loop(from, to, k.lanes, (j) => {
            k.store(weights.at(j), k.vector(0))
            k.store(gradients.at(j), k.vector(0))
          })
        clear(k.int(0), start)
        clear(
          start.add(
            seen.count
              .add(k.lanes - 1)
              .div(k.lanes)
              .mul(k.lanes),
          ),
          keys,
        )
      }
      k.loop(start, end, k.lanes, (j) => {
        const first = firstKey.add(j)
        const index = lane.add(first)
        const inside = masked ? index.lt(p.keys) : undefined
        let seed: Vector | undefined = undefined
        const inner = emitter.within({
          ...leafEnvironment(k, this.terms, this.definition, { axis: 'key', first, mask: inside }),
          input: (slot) => (slot === 0 ? k.load(weights.at(j)) : seed),
          index: (axis) => (axis === 'key' ? index : undefined),
        })
        const value = spread(inner.emit(score)) as Vector
        const allowed = visible(
          this.derivative,
          inside === undefined || mask === undefined ? inside : inside.and(spread(inner.emit(mask)) as Mask),
          value,
        )
        const keep = (value: Vector): Vector =>
          allowed === undefined ? value : allowed.select(value, k.vector(0))
        const weight = keep(decay(k, value.sub(base)).mul(inverseSum))
        const lanes: Lanes = { axis: 'key', first, mask: inside }
        // A center is of the score alone.
        const given = (): Vector => (centers?.pass === 'sum' ? k.vector(0) : k.load(gradients.at(j)))
        const through = throughFilter(k, this.derivative, inner, weight, given, keep)
        if (dots !== undefined) {
          const product = weight.ne(0).select(weight.mul(through.gradient), 0)
          dots.set(dots.get().add(product))
          return
        }
        if (centers?.pass === 'sum') {
          seed = weight
          row!.add(through.emitter, lanes, p.keys, keep)
          return
        }
        // −infinity in a captured tensor hides a value, as a mask does.
        seed = weight.mul(weight.ne(0).select(through.gradient.sub(dot), 0))
        k.store(
          gradients.at(j),
          product === undefined ? k.vector(0) : keep(spread(through.emitter.emit(product)) as Vector),
        )
        k.store(weights.at(j), through.filtered)
        row!.add(through.emitter, lanes, p.keys, keep, seed)
      })
      row?.end()
      if (dots === undefined || !('dots' in scatter)) return
      const place = scatter.dots.at(i)
      k.store(place, k.loadScalar(place).add(dots.get().sum()))
    })
  }
}
