import { type Emitter, spread } from '../expression/index.js'
import {
  decay,
  type Builder,
  type Int,
  type IntVector,
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
  eachElement,
  endToEnd,
  joined,
  roundUpTerm,
  writePanel,
  writeRowsOf,
} from './columns.js'
import { type AttentionDefinition, goesTwice } from './definition.js'
import { weightSlot } from './filter.js'
import { forwardBlocksLayout, type ForwardPart, mostPanels, type Pass } from './forward-layout.js'
import { headEmitter, leafEnvironment, leafParameters, type LeafParameters, type Terms } from './leaves.js'
import {
  outputLine,
  resultParameters,
  type ResultParameters,
  rowEnd,
  type RowPlace,
  writeRow,
} from './result.js'
import { type Tile, writeTileProduct } from './tile.js'
import { possibleKeys, type Region, regionTruth } from './truth.js'
import { hidesKeys, untilFinite, withCare } from './unseen.js'
import { scratchParts, sourceParameters, type SourceParameters } from './workspace.js'

type Parameters = SourceParameters & {
  /** Panels of queries that a task has, at most. */
  readonly panels: 'i32'
}
type BlocksParameters = Parameters & ResultParameters & LeafParameters
/**
 * Attention for blocks of query rows with the online softmax (Milakov and Gimelshein, 2018; Dao et al.,
 * FlashAttention, 2022). The keys go by in rounds. Each row keeps its largest score, the sum of exp(score −
 * largest), and its output so far. Sum and output are rescaled when a larger score comes.
 *
 * A factor of the filter is taken into the weights that meet values, and not into the sums. For any other
 * function on the filter the keys go by twice: once for the rows' sums, and again with normalized weights.
 *
 * Queries lie along the lanes: scores are K·Qᵀ, and the output is Vᵀ·Pᵀ. So keys and values are read where
 * they lie, element by element, and what belongs to a row belongs to a lane. Tasks: batch × heads × blocks of
 * `panels` panels of queries.
 */
export function forwardBlocksKernel(
  definition: AttentionDefinition,
  tile: Tile,
  statistics: boolean,
): Kernel<BlocksParameters> {
  const types: BlocksParameters = {
    ...sourceParameters(definition),
    panels: 'i32',
    ...resultParameters(definition, statistics),
    ...leafParameters(definition),
  }
  const name = `attention forward ${tile.rows}x${tile.panel} ${tile.keys}${statistics ? ' statistics' : ''} ${definition.key}`
  return kernel(name, types, (k, terms, task) =>
    new ForwardBlock(k, terms as unknown as Terms, task, definition, tile, statistics).write(),
  )
}

class ForwardBlock {
  readonly k: Builder
  readonly terms: Terms
  readonly p: ParameterTerms<Parameters>
  readonly definition: AttentionDefinition
  readonly tile: Tile
  readonly statistics: boolean
  readonly batch: Int
  readonly head: Int
  readonly kvHead: Int
  readonly firstRow: Int
  readonly rows: Int
  readonly part: Readonly<Record<ForwardPart, Pointer<'f32'>>>
  readonly emitter: Emitter
  /**
   * 1 where weights of 0 are told from others, because the output was not finite without; absent where
   * nothing can be hidden.
   */
  readonly careful: Variable<'i32'> | undefined

  constructor(
    k: Builder,
    terms: Terms,
    task: Int,
    definition: AttentionDefinition,
    tile: Tile,
    statistics: boolean,
  ) {
    this.k = k
    this.terms = terms
    this.p = terms as unknown as ParameterTerms<Parameters>
    this.definition = definition
    this.tile = tile
    this.statistics = statistics
    const { heads, kvHeads, queries, panels } = this.p
    const most = panels.mul(tile.panel)
    const blocks = queries.add(most).sub(1).div(most)
    const matrix = task.div(blocks)
    this.batch = matrix.div(heads)
    this.head = matrix.rem(heads)
    this.kvHead = this.head.div(heads.div(kvHeads))
    // The last block first: where a mask hides the future it has most to do, and whoever takes the last task
    // has little.
    this.firstRow = blocks.sub(1).sub(task.rem(blocks)).mul(most)
    this.rows = queries.sub(this.firstRow).min(most)
    this.part = scratchParts(k, forwardBlocksLayout(definition, tile, mostPanels))
    this.careful = hidesKeys(definition) ? k.variable(k.int(0)) : undefined
    this.emitter = headEmitter(k, terms, definition, this.definition.roots, this.batch, this.head)
  }

  write(): void {
    const { k, p, tile } = this
    const eachPanel = (body: (row: Int) => void): void => k.loop(0, this.rows, tile.panel, body)
    const output = roundUpTerm(this.rows, tile.panel).mul(this.definition.valueWidth)
    const throughKeys = (pass: Pass): void =>
      k.loop(0, p.keys, tile.keys, (key) => {
        const keys = p.keys.sub(key).min(tile.keys)
        k.if(this.#truth(this.firstRow, this.rows, key, keys).possible, () => {
          const sources = this.#sources(key, keys, pass)
          eachPanel((row) => this.#round(row, key, keys, sources, pass))
        })
      })
    untilFinite(k, this.careful, this.part.output, output, () => {
      this.#begin(eachPanel)
      if (!goesTwice(this.definition)) return throughKeys('both')
      throughKeys('sum')
      this.#normalize()
      throughKeys('mix')
    })
    eachPanel((row) => this.#end(row))
  }

  #truth(firstRow: Int, rows: Int, firstKey: Int, keys: Int): ReturnType<typeof regionTruth> {
    return regionTruth(this.k, this.terms, this.definition, this.#region(firstRow, rows, firstKey, keys))
  }

  #region(firstRow: Int, rows: Int, firstKey: Int, keys: Int): Region {
    const { batch, head } = this
    return { batch, head, firstRow, lastRow: firstRow.add(rows).sub(1), firstKey, keys }
  }

  /** Copies the queries, panel by panel, lanes without a query as zeros, and starts the rows. */
  #begin(eachPanel: (body: (row: Int) => void) => void): void {
    const { k, p, part, tile, definition } = this
    const { width, valueWidth } = definition
    const source = p.query.at(this.batch.mul(p.queryBatch)).at(this.head.mul(p.queryHead))
    eachPanel((row) =>
      writePanel(
        k,
        source.at(this.firstRow.add(row).mul(p.queryRow)),
        p.queryRow,
        part.query.at(row.mul(width)),
        width,
        tile.panel,
        this.rows.sub(row).min(tile.panel),
      ),
    )
    const rows = roundUpTerm(this.rows, tile.panel)
    k.loop(0, rows.mul(valueWidth), k.lanes, (i) => k.store(part.output.at(i), k.vector(0)))
    k.loop(0, rows, k.lanes, (i) => {
      k.store(part.largest.at(i), k.vector(-Infinity))
      k.store(part.sum.at(i), k.vector(0))
      if (!this.statistics) return
      k.store(part.weighted.at(i), k.vector(0))
      k.store(part.largestKey.as('i32').at(i), k.intVector(-1))
    })
  }

  /** What makes weights of scores, once the sums are known. */
  #normalize(): void {
    const { k, part } = this
    k.loop(0, roundUpTerm(this.rows, this.tile.panel), k.lanes, (row) => {
      const [largest, sum] = [k.load(part.largest.at(row)), k.load(part.sum.at(row))]
      const end = rowEnd<'vector'>(k, this.terms, this.definition, this.head, largest, sum)
      k.store(part.top.at(row), end.top.gt(-Infinity).select(end.top, k.vector(0)))
      k.store(part.inverseSum.at(row), end.inverseSum)
    })
  }

  /** The round's rows of key and, where values are mixed, of value. */
  #sources(key: Int, keys: Int, pass: Pass): Sources {
    const { k, p, part, batch, kvHead, tile } = this
    const { width, valueWidth } = this.definition
    const keyFrom = p.key.at(batch.mul(p.keyBatch)).at(kvHead.mul(p.keyHead)).at(key.mul(p.keyRow))
    const valueFrom = p.value.at(batch.mul(p.valueBatch)).at(kvHead.mul(p.valueHead)).at(key.mul(p.valueRow))
    return {
      key: endToEnd(k, keyFrom, p.keyRow, width, keys, part.key, tile.rows),
      value: pass === 'sum' ? part.value : endToEnd(k, valueFrom, p.valueRow, valueWidth, keys, part.value),
    }
  }

  /** The panel of queries at `row` (in the block) against the round's keys. */
  #round(row: Int, key: Int, keys: Int, sources: Sources, pass: Pass): void {
    const { k, part, tile, definition } = this
    const { width, valueWidth, mask } = definition
    const [firstRow, rows] = [this.firstRow.add(row), this.rows.sub(row).min(tile.panel)]
    const { possible, certain } = this.#truth(firstRow, rows, key, keys)
    k.if(possible, () => {
      const region = this.#region(firstRow, rows, key, keys)
      const seen = possibleKeys(k, this.terms, definition, region, tile.rows)
      const skipped = seen.first.sub(key)
      this.#products(sources.key.at(skipped.mul(width)), part.query.at(row.mul(width)), seen.count)
      k.loop(0, tile.panel, k.lanes, (lane) => {
        const state = { row: row.add(lane), lane, key: seen.first, keys: seen.count }
        const largest = k.variable(k.vector(-Infinity))
        const emitter = this.#rowsEmitter(state, rows)
        const scores = (masked: boolean) => (): void => this.#scores(state, emitter, largest, masked)
        if (mask === undefined) scores(false)()
        else k.if(certain, scores(false), scores(true))
        if (pass === 'mix') this.#filtered(state, emitter)
        else this.#weights(state, emitter, largest.get())
      })
      if (pass === 'sum') return
      withCare(k, this.careful, (weighted) =>
        addOverKeys(k, tile, {
          left: sources.value.at(skipped.mul(valueWidth)),
          width: valueWidth,
          right: part.scores,
          rightStep: tile.panel,
          keys: seen.count,
          to: part.output.at(row.mul(valueWidth)),
          ...(pass === 'both' && { factor: (column) => k.load(part.factor.at(column)) }),
          weighted,
        }),
      )
    })
  }

  /** scores[key query] = k·q */
  #products(from: Pointer<'f32'>, queries: Pointer<'f32'>, keys: Int): void {
    const { k, tile, part } = this
    const { width } = this.definition
    k.loop(0, keys, tile.rows, (first) =>
      writeTileProduct(k, {
        rows: tile.rows,
        panel: tile.panel,
        count: width,
        left: from.at(first.mul(width)),
        leftRow: width,
        leftStep: 1,
        right: queries,
        rightStep: tile.panel,
        start: () => k.vector(0),
        finish: (i, j, sum) => k.store(part.scores.at(first.mul(tile.panel)).at(i * tile.panel + j), sum),
      }),
    )
  }

  /** Knows the positions of a vector of rows. */
  #rowsEmitter({ row, lane }: Lane, rows: Int): Emitter {
    const { k, p, definition } = this
    const first = this.firstRow.add(row)
    const queries = k.laneIndex().add(first)
    const position = queries.add(p.keys.sub(p.queries))
    const emitter = this.emitter.within({
      ...(definition.captures.length > 0 &&
        leafEnvironment(k, this.terms, definition, {
          axis: 'queryRow',
          first,
          mask: k.tail(rows.sub(lane)),
        })),
      index: (axis) => (axis === 'query' ? position : axis === 'queryRow' ? queries : undefined),
    })
    emitter.hoist(definition.roots)
    emitter.widen(definition.roots)
    return emitter
  }

  /** Products -> scores, −infinity where masked; the largest of each row. */
  #scores({ lane, key, keys }: Lane, emitter: Emitter, largest: Variable<'vector'>, masked: boolean): void {
    const { k, part, tile, definition } = this
    const column = part.scores.at(lane)
    eachElement(k, keys, [column], tile.panel, 4, (elements) => {
      const values = elements.map(({ j, places: [place] }) => {
        const inner = emitter.within({
          input: () => k.load(place!),
          index: (axis) => (axis === 'key' ? key.add(j) : undefined),
        })
        let value = spread(inner.emit(definition.score)) as Vector
        if (masked) {
          const allowed = spread(inner.emit(definition.mask!)) as Mask
          value = allowed.select(value, k.vector(-Infinity))
        }
        k.store(place!, value)
        return value
      })
      largest.set(joined([...values, largest.get()], (a, b) => a.maxIgnoringNaN(b)))
    })
  }

  /** Scores -> normalized weights -> what the function on the filter makes of them. */
  #filtered({ row, lane, key, keys }: Lane, emitter: Emitter): void {
    const { k, part, tile } = this
    const filter = this.definition.filter!
    const [top, inverseSum] = [k.load(part.top.at(row)), k.load(part.inverseSum.at(row))]
    eachElement(k, keys, [part.scores.at(lane)], tile.panel, 4, (elements) => {
      for (const { j, places } of elements) {
        const place = places[0]!
        const score = k.load(place)
        const inner = emitter.within({
          input: (slot) => (slot === weightSlot ? decay(k, score.sub(top)).mul(inverseSum) : undefined),
          index: (axis) => (axis === 'key' ? key.add(j) : undefined),
        })
        const weight = spread(inner.emit(filter)) as Vector
        k.store(place, score.eq(-Infinity).select(k.vector(0), weight))
      }
    })
  }

  /**
   * Scores -> exp(score − largest), and the rows' state; what meets values is multiplied with the factor of
   * the filter.
   */
  #weights({ row, lane, key, keys }: Lane, emitter: Emitter, round: Vector): void {
    const { k, part, tile, statistics } = this
    const { factor: filterFactor } = this.definition
    const [largest, sum] = [part.largest.at(row), part.sum.at(row)]
    const before = k.load(largest)
    const top = before.maxIgnoringNaN(round)
    // A row that has seen nothing yet has top = −infinity: 0 keeps the differences from being NaN.
    const base = top.gt(-Infinity).select(top, k.vector(0))
    const factor = decay(k, before.sub(base))
    k.store(largest, top)
    k.store(part.factor.at(lane), factor)
    const roundSum = k.variable(k.vector(0))
    const weighted = statistics ? k.variable(k.vector(0)) : undefined
    const largestKey = statistics ? k.variable(k.intVector(0x7fffffff)) : undefined
    const column = part.scores.at(lane)
    eachElement(k, keys, [column], tile.panel, 4, (elements) => {
      const weights = elements.map(({ j, places: [place] }) => {
        const value = k.load(place!)
        const difference = value.sub(base)
        const weight = decay(k, difference)
        let kept = weight
        if (filterFactor !== undefined) {
          const inner = emitter.within({ index: (axis) => (axis === 'key' ? key.add(j) : undefined) })
          const product = weight.mul(spread(inner.emit(filterFactor)) as Vector)
          kept = weight.eq(0).select(k.vector(0), product)
        }
        k.store(place!, kept)
        weighted?.set(weight.fma(difference.max(-1e30), weighted.get()))
        largestKey?.set(
          value
            .eq(round)
            .select((k.operand('ivector', key.add(j)) as IntVector).min(largestKey.get()), largestKey.get()),
        )
        return weight
      })
      roundSum.set(joined([...weights, roundSum.get()], (a, b) => a.add(b)))
    })
    const sumBefore = k.load(sum)
    k.store(sum, factor.fma(sumBefore, roundSum.get()))
    if (weighted === undefined || largestKey === undefined) return
    const place = part.weighted.at(row)
    const shift = before.gt(-Infinity).select(before.sub(base), k.vector(0))
    k.store(place, factor.fma(shift.fma(sumBefore, k.load(place)), weighted.get()))
    const keyPlace = part.largestKey.as('i32').at(row)
    k.store(keyPlace, round.gt(before).select(largestKey.get(), k.load(keyPlace)))
  }

  /** Divides by the sums and writes what was asked for, of the panel at `row`. */
  #end(row: Int): void {
    const { k, p, part, tile, definition } = this
    const { valueWidth } = definition
    k.loop(0, this.rows.sub(row).min(tile.panel), k.lanes, (lane) => {
      const at = row.add(lane)
      const count = this.rows.sub(at).min(k.lanes)
      const { batch, head } = this
      const queryRow = this.firstRow.add(at)
      const place: RowPlace = { batch, head, heads: p.heads, queryRow, queries: p.queries }
      const weight = writeRow<'vector'>(
        k,
        this.terms,
        definition,
        this.statistics,
        place,
        {
          largest: k.load(part.largest.at(at)),
          sum: k.load(part.sum.at(at)),
          weighted: () => k.load(part.weighted.at(at)),
          largestKey: () => k.load(part.largestKey.as('i32').at(at)),
        },
        k.tail(count),
      )
      const from = part.output.at(row.mul(valueWidth)).at(lane)
      writeRowsOf(
        k,
        valueWidth,
        (first, columns) => {
          const source = from.at(first.mul(tile.panel))
          return Array.from({ length: columns }, (_, i) => {
            const sum = k.load(source.at(i * tile.panel))
            return goesTwice(definition) ? sum : sum.mul(weight)
          })
        },
        outputLine(this.terms, place),
        this.terms['outputRow'] as Int,
        count,
        part.scores,
      )
    })
  }
}

/** [key width] and [key valueWidth] of a round, end to end. */
interface Sources {
  readonly key: Pointer<'f32'>
  readonly value: Pointer<'f32'>
}

/** A vector of rows against the keys of a round. */
interface Lane {
  /** In the block. */
  readonly row: Int
  /** In the panel. */
  readonly lane: Int
  readonly key: Int
  readonly keys: Int
}
