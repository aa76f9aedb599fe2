import { type Emitter, type Expression, spread } from '../expression/index.js'
import {
  type Builder,
  decay,
  type Int,
  type Kernel,
  kernel,
  type Mask,
  type ParameterTerms,
  type Pointer,
  type Variable,
  type Vector,
} from '../language/index.js'
import {
  addOverKeys,
  copyPadded,
  eachElement,
  endToEnd,
  roundUpTerm,
  weightedRows,
  writePanel,
} from './columns.js'
import { backwardBlocksLayout, type BackwardPart } from './backward-layout.js'
import type { AttentionDefinition } from './definition.js'
import { type AttentionDerivative, attentionDerivative } from './derivative.js'
import { headEmitter, leafEnvironment, leafParameters, type LeafParameters, type Terms } from './leaves.js'
import { roundUp, type Tile, writeTileProduct } from './tile.js'
import { throughFilter, visible } from './through-filter.js'
import { possibleKeys, possibleRows, type Region, regionTruth, type Run } from './truth.js'
import { allFinite, hidesByTensor, hidesKeys, withCare } from './unseen.js'
import {
  type PlaceParameters,
  placeParameters,
  scratchParts,
  sourceParameters,
  type SourceParameters,
} from './workspace.js'

type Parameters = SourceParameters &
  PlaceParameters<'upstream' | 'keyGradient' | 'valueGradient'> & {
    /**
     * [batch head query], as the forward pass left them: weights are exp(score − largest) × inverseSum, and
     * sum to 1 as they did there.
     */
    readonly largest: 'f32*'
    readonly inverseSum: 'f32*'
    /** [batch head query]: Σ over the width of upstream × output. */
    readonly dots: 'f32*'
    /**
     * [split head-of-the-launch ⌈query / panel⌉ width panel]: the gradient of the queries from the keys of
     * each split.
     */
    readonly partial: 'f32*'
    /** The first of batch × kvHeads that the launch is for, and how many there are. */
    readonly firstMatrix: 'i32'
    readonly matrices: 'i32'
    readonly splits: 'i32'
  }
type BackwardParameters = Parameters & LeafParameters

/**
 * Gradients of query, key and value from those of the output (Dao et al., FlashAttention, 2022, algorithm 4).
 * Scores are computed anew, tile by tile, with the queries along the lanes as in `forwardBlocksKernel`. A
 * task has every `splits`-th tile of keys of one key/value head, and alone writes the gradients of these keys
 * and values. The gradients of the queries it leaves in `partial`, for `sumPartials`. Tasks: matrices ×
 * splits.
 */
export function backwardBlocksKernel(
  definition: AttentionDefinition,
  tile: Tile,
): Kernel<BackwardParameters> {
  const types: BackwardParameters = {
    ...sourceParameters(definition),
    ...placeParameters('upstream'),
    largest: 'f32*',
    inverseSum: 'f32*',
    dots: 'f32*',
    partial: 'f32*',
    ...placeParameters('keyGradient'),
    ...placeParameters('valueGradient'),
    firstMatrix: 'i32',
    matrices: 'i32',
    splits: 'i32',
    ...leafParameters(definition),
  }
  const name = `attention backward ${tile.rows}x${tile.panel} ${tile.queries} ${tile.keys} ${definition.key}`
  return kernel(name, types, (k, terms, task) =>
    new BackwardBlocks(k, terms as unknown as Terms, definition, tile).write(task),
  )
}

/** A tile of keys of one key/value head: where the task is at. */
interface KeyTile {
  readonly batch: Int
  readonly first: Int
  readonly keys: Int
  /** [key width] and [key valueWidth], end to end. */
  readonly key: Pointer<'f32'>
  readonly value: Pointer<'f32'>
  /** 1 where a key is not finite. */
  readonly spoiled: Variable<'i32'> | undefined
}

/** A block of query rows of one head. */
interface Rows {
  readonly head: Int
  readonly emitter: Emitter
  readonly first: Int
  readonly rows: Int
  /** [panel width panel], from the block's first on. */
  readonly partial: Pointer<'f32'>
  /** 1 where weights of 0 are to be told from others; absent where nothing can be hidden. */
  readonly careful: Variable<'i32'> | undefined
}

class BackwardBlocks {
  readonly k: Builder
  readonly terms: Terms
  readonly p: ParameterTerms<Parameters>
  readonly definition: AttentionDefinition
  readonly derivative: AttentionDerivative
  readonly tile: Tile
  /** Width and value width in whole panels: row lengths of what the lanes of columns run over. */
  readonly padded: number
  readonly valuePadded: number
  readonly part: Readonly<Record<BackwardPart, Pointer<'f32'>>>

  constructor(k: Builder, terms: Terms, definition: AttentionDefinition, tile: Tile) {
    this.k = k
    this.terms = terms
    this.p = terms as unknown as ParameterTerms<Parameters>
    this.definition = definition
    this.derivative = attentionDerivative(definition)
    this.tile = tile
    this.padded = roundUp(definition.width, tile.panel)
    this.valuePadded = roundUp(definition.valueWidth, tile.panel)
    this.part = scratchParts(k, backwardBlocksLayout(definition, tile))
  }

  write(task: Int): void {
    const { k, p, part, tile, padded, valuePadded } = this
    const { width, valueWidth } = this.definition
    const [split, local] = [task.rem(p.splits), task.div(p.splits)]
    const matrix = local.add(p.firstMatrix)
    const [batch, kvHead] = [matrix.div(p.kvHeads), matrix.rem(p.kvHeads)]
    const group = p.heads.div(p.kvHeads)
    const rowsPadded = roundUpTerm(p.queries, tile.panel)
    const partials = p.partial.at(split.mul(p.matrices).add(local).mul(group).mul(rowsPadded).mul(width))
    this.#zero(partials, group.mul(rowsPadded).mul(width))
    const keyFrom = p.key.at(batch.mul(p.keyBatch)).at(kvHead.mul(p.keyHead))
    const valueFrom = p.value.at(batch.mul(p.valueBatch)).at(kvHead.mul(p.valueHead))
    k.loop(split.mul(tile.keys), p.keys, p.splits.mul(tile.keys), (first) => {
      const keys = p.keys.sub(first).min(tile.keys)
      const key = endToEnd(k, keyFrom.at(first.mul(p.keyRow)), p.keyRow, width, keys, part.key, tile.rows)
      const tileOfKeys: KeyTile = {
        batch,
        first,
        keys,
        key,
        spoiled: hidesKeys(this.definition)
          ? k.variable(allFinite(k, key, keys.mul(width)).select(k.int(0), 1))
          : undefined,
        value: endToEnd(
          k,
          valueFrom.at(first.mul(p.valueRow)),
          p.valueRow,
          valueWidth,
          keys,
          part.value,
          tile.rows,
        ),
      }
      this.#zero(part.keyGradient, tile.keys * padded)
      this.#zero(part.valueGradient, tile.keys * valuePadded)
      k.loop(0, group, 1, (member) => {
        const head = kvHead.mul(group).add(member)
        const emitter = headEmitter(k, this.terms, this.definition, this.derivative.roots, batch, head)
        k.loop(0, p.queries, tile.queries, (row) => {
          const rows = p.queries.sub(row).min(tile.queries)
          const partial = partials.at(member.mul(rowsPadded).add(row).mul(width))
          const careful = tileOfKeys.spoiled && k.variable(tileOfKeys.spoiled.get())
          this.#block(tileOfKeys, { head, emitter, first: row, rows, partial, careful })
        })
      })
      const { keyGradient, keyGradientRow: keyRow, valueGradient, valueGradientRow: valueRow } = p
      const keyTo = keyGradient.at(batch.mul(p.keyGradientBatch)).at(kvHead.mul(p.keyGradientHead))
      const valueTo = valueGradient.at(batch.mul(p.valueGradientBatch)).at(kvHead.mul(p.valueGradientHead))
      this.#writeRows(part.keyGradient, padded, keys, width, keyTo.at(first.mul(keyRow)), keyRow)
      this.#writeRows(
        part.valueGradient,
        valuePadded,
        keys,
        valueWidth,
        valueTo.at(first.mul(valueRow)),
        valueRow,
      )
    })
  }

  #zero(pointer: Pointer<'f32'>, count: Int | number): void {
    const { k } = this
    k.vectors(count, (i, mask) => k.store(pointer.at(i), k.vector(0), mask))
  }

  #writeRows(
    source: Pointer<'f32'>,
    length: number,
    rows: Int,
    width: number,
    target: Pointer<'f32'>,
    stride: Int,
  ): void {
    const { k } = this
    k.loop(0, rows, 1, (row) => {
      const [from, to] = [source.at(row.mul(length)), target.at(row.mul(stride))]
      k.vectors(width, (i, mask) => k.store(to.at(i), k.load(from.at(i)), mask))
    })
  }

  #region({ batch, first: firstKey, keys }: KeyTile, { head }: Rows, firstRow: Int, rows: Int): Region {
    return { batch, head, firstRow, lastRow: firstRow.add(rows).sub(1), firstKey, keys }
  }

  /** A block of query rows against a tile of keys. */
  #block(keys: KeyTile, rows: Rows): void {
    const { k, tile, part, padded, valuePadded, terms, definition } = this
    const region = this.#region(keys, rows, rows.first, rows.rows)
    const { possible, certain } = regionTruth(k, terms, definition, region)
    k.if(possible, () => {
      this.#load(keys, rows)
      // What a row that may not see a key holds must not reach the key's gradients.
      if (rows.careful !== undefined && (definition.mask ?? definition.filter) !== undefined)
        k.if(definition.filter === undefined ? certain.not() : k.bool(true), () => {
          const finite = allFinite(k, part.query, rows.rows.mul(padded)).and(
            allFinite(k, part.upstream, rows.rows.mul(valuePadded)),
          )
          k.if(finite.not(), () => rows.careful!.set(1))
        })
      k.loop(0, rows.rows, tile.panel, (row) => this.#panel(keys, rows, row))
      // The gradients of values and keys: for each tile of keys, over the rows that may see some of them.
      k.loop(0, keys.keys, tile.rows, (key) => {
        const some = {
          ...region,
          firstKey: keys.first.add(key),
          keys: keys.keys.sub(key).min(tile.rows),
        }
        const seen = possibleRows(k, terms, definition, some, tile.panel)
        const run = { first: seen.first.sub(rows.first), count: seen.count }
        withCare(k, rows.careful, (weighted) => {
          this.#addOverRows(part.weights, part.upstream, valuePadded, key, run, part.valueGradient, weighted)
          this.#addOverRows(part.gradients, part.query, padded, key, run, part.keyGradient, weighted)
        })
      })
    })
  }

  /** Copies the block's queries and output gradients; columns beyond the width become 0. */
  #load({ batch }: KeyTile, { head, first, rows }: Rows): void {
    const { k, p, part, definition } = this
    const query = p.query.at(batch.mul(p.queryBatch)).at(head.mul(p.queryHead)).at(first.mul(p.queryRow))
    const upstream = p.upstream.at(batch.mul(p.upstreamBatch)).at(head.mul(p.upstreamHead))
    copyPadded(k, rows, part.query, this.padded, query, p.queryRow, definition.width)
    copyPadded(
      k,
      rows,
      part.upstream,
      this.valuePadded,
      upstream.at(first.mul(p.upstreamRow)),
      p.upstreamRow,
      definition.valueWidth,
    )
  }

  /**
   * The panel of queries at `row` (in the block): its columns of `weights` and `gradients`, all of them, and
   * the gradient of its queries.
   */
  #panel(tileOfKeys: KeyTile, rows: Rows, row: Int): void {
    const { k, tile, part, padded, valuePadded, terms, definition } = this
    const { width, valueWidth, mask } = definition
    const { first, keys } = tileOfKeys
    const valid = rows.rows.sub(row).min(tile.panel)
    const region = this.#region(tileOfKeys, rows, rows.first.add(row), valid)
    const { possible, certain } = regionTruth(k, terms, definition, region)
    const clear = (from: Int, to: Int): void => {
      if (mask === undefined) return
      k.loop(from, to, 1, (j) => {
        const at = j.mul(tile.queries).add(row)
        for (let lane = 0; lane < tile.panel; lane += k.lanes) {
          k.store(part.weights.at(at).at(lane), k.vector(0))
          k.store(part.gradients.at(at).at(lane), k.vector(0))
        }
      })
    }
    k.if(
      possible,
      () => {
        const seen = possibleKeys(k, terms, definition, region, tile.rows)
        const start = seen.first.sub(first)
        const end = start.add(seen.count)
        clear(k.int(0), start)
        clear(end, keys)
        const products = (
          left: Pointer<'f32'>,
          given: Pointer<'f32'>,
          length: number,
          count: number,
          columns: Pointer<'f32'>,
          to: Pointer<'f32'>,
        ): void => {
          writePanel(k, given.at(row.mul(length)), k.int(length), columns, count, tile.panel, valid)
          this.#products(left, count, columns, start, end, to.at(row))
        }
        products(tileOfKeys.key, part.query, padded, width, part.queryColumns, part.weights)
        products(
          tileOfKeys.value,
          part.upstream,
          valuePadded,
          valueWidth,
          part.upstreamColumns,
          part.gradients,
        )
        k.loop(0, valid, k.lanes, (lane) => {
          const weights = (masked: boolean) => (): void =>
            this.#weights(tileOfKeys, rows, row.add(lane), valid.sub(lane), start, seen.count, masked)
          if (mask === undefined) weights(false)()
          else k.if(certain, weights(false), weights(true))
        })
        withCare(k, rows.careful, (weighted) =>
          addOverKeys(k, tile, {
            left: tileOfKeys.key.at(start.mul(width)),
            width,
            right: part.gradients.at(start.mul(tile.queries).add(row)),
            rightStep: tile.queries,
            keys: seen.count,
            to: rows.partial.at(row.mul(width)),
            weighted,
          }),
        )
      },
      () => clear(k.int(0), keys),
    )
  }

  /** to[key row] = Σ over t of left[key t] × right[t row], keys from `start` to `end`. */
  #products(
    left: Pointer<'f32'>,
    count: number,
    right: Pointer<'f32'>,
    start: Int,
    end: Int,
    to: Pointer<'f32'>,
  ): void {
    const { k, tile } = this
    k.loop(start, end, tile.rows, (key) => {
      const target = to.at(key.mul(tile.queries))
      writeTileProduct(k, {
        rows: tile.rows,
        panel: tile.panel,
        count,
        left: left.at(key.mul(count)),
        leftRow: count,
        leftStep: 1,
        right,
        rightStep: tile.panel,
        start: () => k.vector(0),
        finish: (i, j, sum) => k.store(target.at(i * tile.queries + j), sum),
      })
    })
  }

  /**
   * A vector of rows. weights: q·k -> filter, as it meets values; gradients: gradient of that -> gradient of
   * q·k.
   */
  #weights(
    { batch, first }: KeyTile,
    rows: Rows,
    row: Int,
    valid: Int,
    start: Int,
    count: Int,
    masked: boolean,
  ): void {
    const { k, p, part, tile, terms, definition } = this
    const { score, mask, product, filter, weight: ofWeight, roots } = this.derivative
    const firstRow = rows.first.add(row)
    const at = batch.mul(p.heads).add(rows.head).mul(p.queries).add(firstRow)
    const largest = k.load(p.largest.at(at))
    // Where nothing may be attended it is −infinity; +infinity makes all weights 0.
    const base = largest.gt(-Infinity).select(largest, k.vector(Infinity))
    const [inverseSum, dot] = [k.load(p.inverseSum.at(at)), k.load(p.dots.at(at))]
    const queries = k.laneIndex().add(firstRow)
    const position = queries.add(p.keys.sub(p.queries))
    const emitter = rows.emitter.within({
      ...(definition.captures.length > 0 &&
        leafEnvironment(k, terms, definition, {
          axis: 'queryRow',
          first: firstRow,
          mask: k.tail(valid),
        })),
      index: (axis) => (axis === 'query' ? position : axis === 'queryRow' ? queries : undefined),
    })
    emitter.hoist(roots)
    const wanted: (Expression | undefined)[] = [score, mask, product, filter, ofWeight]
    emitter.widen(wanted.filter((root) => root !== undefined))
    const hidden = hidesByTensor(definition) || filter !== undefined
    const offset = start.mul(tile.queries).add(row)
    const columns = [part.weights.at(offset), part.gradients.at(offset)]
    eachElement(k, count, columns, tile.queries, 2, (elements) => {
      for (const { j, places } of elements) {
        const [weightPlace, gradientPlace] = places as [Pointer<'f32'>, Pointer<'f32'>]
        let seed: Vector | undefined = undefined
        const inner = emitter.within({
          input: (slot) => (slot === 0 ? k.load(weightPlace) : seed),
          index: (axis) => (axis === 'key' ? first.add(start).add(j) : undefined),
        })
        const value = spread(inner.emit(score)) as Vector
        const allowed = visible(
          this.derivative,
          masked && mask ? (spread(inner.emit(mask)) as Mask) : undefined,
          value,
        )
        const keep = (kept: Vector): Vector => allowed?.select(kept, k.vector(0)) ?? kept
        const weight = keep(decay(k, value.sub(base)).mul(inverseSum))
        const through = throughFilter(k, this.derivative, inner, weight, () => k.load(gradientPlace), keep)
        const excess = through.gradient.sub(dot)
        // Under a mask `keep` takes away what a hidden value gave.
        seed = weight.mul(hidden ? weight.ne(0).select(excess, 0) : excess)
        k.store(
          gradientPlace,
          product === undefined ? k.vector(0) : keep(spread(inner.emit(product)) as Vector),
        )
        k.store(weightPlace, through.filtered)
      }
    })
  }

  /**
   * target[key column] += Σ over the rows of the run of left[key row] × right[row column], for the tile of
   * keys at `key`. `weighted`: `left` are weights of which one of 0 takes nothing of `right`, whatever that
   * holds.
   */
  #addOverRows(
    left: Pointer<'f32'>,
    right: Pointer<'f32'>,
    width: number,
    key: Int,
    run: Run,
    target: Pointer<'f32'>,
    weighted: boolean,
  ): void {
    const { k, tile } = this
    const product = (key: Int, rows: number): void =>
      k.loop(0, width, tile.panel, (column) => {
        const to = target.at(key.mul(width)).at(column)
        writeTileProduct(k, {
          rows,
          panel: tile.panel,
          count: run.count,
          left: left.at(key.mul(tile.queries)).at(run.first),
          leftRow: tile.queries,
          leftStep: 1,
          right: right.at(run.first.mul(width)).at(column),
          rightStep: width,
          weights: weighted ? 'left' : undefined,
          start: (i, j) => k.load(to.at(i * width + j)),
          finish: (i, j, sum) => k.store(to.at(i * width + j), sum),
        })
      })
    if (!weighted) product(key, tile.rows)
    else k.loop(key, key.add(tile.rows), weightedRows, (some) => product(some, weightedRows))
  }
}
