import { type Emitter, spread } from '../expression/index.js'
import {
  decay,
  type Builder,
  type Int,
  type Kernel,
  kernel,
  type Mask,
  type ParameterTerms,
  type Pointer,
  type Variable,
  type Vector,
} from '../language/index.js'
import { type AttentionDefinition, goesTwice } from './definition.js'
import { weightSlot } from './filter.js'
import type { Pass } from './forward-layout.js'
import { headEmitter, leafEnvironment, leafParameters, type LeafParameters, type Terms } from './leaves.js'
import { type PartParameters, partParameters, storePart } from './parts.js'
import { resultParameters, type ResultParameters, rowEnd, type RowState, writeResult } from './result.js'
import { type Round, writeRowOutput, writeRowScores } from './row-products.js'
import { roundUp, type Tile } from './tile.js'
import { possibleKeys, regionTruth } from './truth.js'
import { hidesKeys, untilFinite, withCare } from './unseen.js'
import { scratchLayout, scratchParts, sourceParameters, type SourceParameters } from './workspace.js'

type SplitParameters = PartParameters & {
  /** Keys of each part but the last, which has the rest: whole rounds. */
  readonly partKeys: 'i32'
}

type RowsParameters = SourceParameters & LeafParameters & Partial<SplitParameters & ResultParameters>

type Part = keyof ReturnType<typeof layoutOf>['starts']

function layoutOf(definition: AttentionDefinition, tile: Tile) {
  const { width, valueWidth } = definition
  return scratchLayout({
    query: tile.queries * width,
    output: tile.queries * roundUp(valueWidth, tile.panel),
    scores: tile.rows * tile.keys,
    largest: tile.queries,
    sum: tile.queries,
    weighted: tile.queries,
    largestKey: tile.queries,
    top: goesTwice(definition) ? tile.queries : 0,
    inverseSum: goesTwice(definition) ? tile.queries : 0,
    // Of a tile's rows in a round:
    round: tile.rows,
    before: tile.rows,
    base: tile.rows,
    factor: tile.rows,
    roundSum: tile.rows,
    roundWeighted: tile.rows,
    roundLargestKey: tile.rows,
  })
}

/** Bytes of scratch memory that the kernel needs. */
export function forwardRowsScratchBytes(
  definition: AttentionDefinition,
  tile: Tile,
  floatBytes: number,
): number {
  return layoutOf(definition, tile).total * floatBytes
}

/** What a kernel for few rows is specialized for. */
export interface RowsForm {
  readonly tile: Tile
  readonly statistics: boolean
  /** Several query heads share a key/value head. */
  readonly grouped: boolean
  /** A task has a part of the keys and leaves the state of its rows to be combined. */
  readonly split: boolean
}

/**
 * Attention for few query rows, as `forwardBlocksKernel` has it for many, with the keys and the columns of
 * the values along the lanes. A task has the rows of all query heads that share a key/value head, at most
 * `tile.queries`, so that keys and values come from memory once for all of them. Tasks: batch × kvHeads,
 * times the parts of the keys where split (Flash-Decoding, Dao et al., 2023).
 */
export function forwardRowsKernel(definition: AttentionDefinition, form: RowsForm): Kernel<RowsParameters> {
  const { tile, statistics, grouped, split } = form
  const types: RowsParameters = {
    ...sourceParameters(definition),
    ...(split ? { ...partParameters, partKeys: 'i32' as const } : resultParameters(definition, statistics)),
    ...leafParameters(definition),
  }
  const name = `attention forward of few rows ${Object.values(tile).join(' ')}${grouped ? ' grouped' : ''}${split ? ' split' : ''}${statistics ? ' statistics' : ''} ${definition.key}`
  return kernel(name, types, (k, terms, task) =>
    new ForwardRows(k, terms as unknown as Terms, task, definition, form).write(),
  )
}

class ForwardRows {
  readonly k: Builder
  readonly terms: Terms
  readonly p: ParameterTerms<SourceParameters & SplitParameters>
  readonly definition: AttentionDefinition
  readonly form: RowsForm
  readonly batch: Int
  readonly kvHead: Int
  /** The first head, and the last, which is the same unless grouped. */
  readonly head: Int
  readonly lastHead: Int
  readonly rows: Int
  /** Which part of the keys, and its keys. */
  readonly keyPart: Int
  readonly firstKey: Int
  readonly endKey: Int
  readonly part: Readonly<Record<Part, Pointer<'f32'>>>
  /** For the one head; each row makes its own where grouped. */
  readonly emitter: Emitter | undefined
  /**
   * 1 where weights of 0 are told from others, because the output was not finite without; absent where
   * nothing can be hidden.
   */
  readonly careful: Variable<'i32'> | undefined

  constructor(k: Builder, terms: Terms, task: Int, definition: AttentionDefinition, form: RowsForm) {
    const { tile, grouped, split } = form
    this.k = k
    this.terms = terms
    this.p = terms as unknown as ParameterTerms<SourceParameters & SplitParameters>
    this.definition = definition
    this.form = form
    const { heads, kvHeads, queries, keys, parts, partKeys } = this.p
    this.keyPart = split ? task.rem(parts) : k.int(0)
    this.firstKey = split ? this.keyPart.mul(partKeys) : k.int(0)
    this.endKey = split ? this.firstKey.add(partKeys).min(keys) : keys
    const matrix = split ? task.div(parts) : task
    this.batch = matrix.div(kvHeads)
    this.kvHead = matrix.rem(kvHeads)
    const group = grouped ? heads.div(kvHeads) : k.int(1)
    this.head = grouped ? this.kvHead.mul(group) : this.kvHead
    this.lastHead = grouped ? this.head.add(group).sub(1) : this.head
    this.rows = grouped ? group.mul(queries) : queries
    this.part = scratchParts(k, layoutOf(definition, tile))
    this.careful = hidesKeys(definition) ? k.variable(k.int(0)) : undefined
    this.emitter = grouped ? undefined : this.#emitterFor(this.head)
  }

  #emitterFor(head: Int): Emitter {
    return headEmitter(this.k, this.terms, this.definition, this.definition.roots, this.batch, head)
  }

  /** Head and query row of a row of this task. */
  #placeOf(row: Int): { head: Int; queryRow: Int } {
    const { queries } = this.p
    return this.form.grouped
      ? { head: this.head.add(row.div(queries)), queryRow: row.rem(queries) }
      : { head: this.head, queryRow: row }
  }

  write(): void {
    const { k } = this
    const { tile } = this.form
    const rowTiles = this.rows.add(tile.rows - 1).div(tile.rows)
    const output = this.rows.mul(roundUp(this.definition.valueWidth, tile.panel))
    const throughKeys = (pass: Pass): void =>
      k.loop(this.firstKey, this.endKey, tile.keys, (key) => {
        k.loop(0, rowTiles, 1, (rowTile) => this.#round(key, rowTile.mul(tile.rows), pass))
      })
    untilFinite(k, this.careful, this.part.output, output, () => {
      this.#begin()
      if (!goesTwice(this.definition)) return throughKeys('both')
      throughKeys('sum')
      this.#normalize()
      throughKeys('mix')
    })
    this.#end()
  }

  /** What makes weights of scores, once the sums are known; the output is not rescaled any more. */
  #normalize(): void {
    const { k, part } = this
    k.loop(0, this.rows, 1, (row) => {
      const [largest, sum] = [k.loadScalar(part.largest.at(row)), k.loadScalar(part.sum.at(row))]
      const end = rowEnd<'f32'>(k, this.terms, this.definition, this.#placeOf(row).head, largest, sum)
      k.store(part.top.at(row), end.top.gt(-Infinity).select(end.top, 0))
      k.store(part.inverseSum.at(row), end.inverseSum)
    })
    k.vectors(this.form.tile.rows, (i, mask) => k.store(part.factor.at(i), k.vector(1), mask))
  }

  /** Copies the queries, rows without a query as zeros, and starts the rows. */
  #begin(): void {
    const {
      k,
      p,
      part,
      form: { tile, statistics },
      definition: { width, valueWidth },
    } = this
    const source = p.query.at(this.batch.mul(p.queryBatch))
    k.loop(0, this.rows, 1, (row) => {
      const { head, queryRow } = this.#placeOf(row)
      const line = source.at(head.mul(p.queryHead)).at(queryRow.mul(p.queryRow))
      const target = part.query.at(row.mul(width))
      k.vectors(width, (i, mask) => k.store(target.at(i), k.load(line.at(i), mask), mask))
    })
    const tail = this.rows.rem(tile.rows)
    k.if(tail.ne(0), () => {
      k.vectors(k.int(tile.rows).sub(tail).mul(width), (i, mask) =>
        k.store(part.query.at(this.rows.mul(width)).at(i), k.vector(0), mask),
      )
    })
    k.vectors(tile.queries * roundUp(valueWidth, tile.panel), (i, mask) =>
      k.store(part.output.at(i), k.vector(0), mask),
    )
    k.vectors(tile.queries, (row, mask) => {
      k.store(part.largest.at(row), k.vector(-Infinity), mask)
      k.store(part.sum.at(row), k.vector(0), mask)
      if (!statistics) return
      k.store(part.weighted.at(row), k.vector(0), mask)
      k.store(part.largestKey.as('i32').at(row), k.intVector(-1), mask)
    })
  }

  /** `tile.rows` query rows from `row` on (in the block) against `tile.keys` keys from `key` on. */
  #round(key: Int, row: Int, pass: Pass): void {
    const {
      k,
      p,
      part,
      form: { tile, grouped },
      definition: { width, valueWidth },
    } = this
    const firstRow = grouped ? k.int(0) : row
    const rows = this.rows.sub(row).min(tile.rows)
    const region = {
      batch: this.batch,
      head: this.head,
      lastHead: this.lastHead,
      firstRow,
      lastRow: (grouped ? p.queries : firstRow.add(tile.rows).min(p.queries)).sub(1),
      firstKey: key,
      keys: this.endKey.sub(key).min(tile.keys),
    }
    const { possible, certain } = regionTruth(k, this.terms, this.definition, {
      ...region,
      tileKeys: tile.keys,
    })
    k.if(possible, () => {
      const seen = possibleKeys(k, this.terms, this.definition, region, tile.panel)
      const [first, keys] = [seen.first, seen.count]
      const round: Round = {
        k,
        terms: this.terms,
        definition: this.definition,
        tile,
        batch: this.batch,
        kvHead: this.kvHead,
        key: first,
        keys,
        rows,
        query: part.query.at(row.mul(width)),
        scores: part.scores,
        output: part.output.at(row.mul(roundUp(valueWidth, tile.panel))),
        factors: part.factor,
      }
      writeRowScores(round)
      k.if(
        certain,
        () => this.#scores(first, keys, row, rows, false),
        () => this.#scores(first, keys, row, rows, true),
      )
      if (pass === 'mix') k.loop(0, rows, 1, (i) => this.#filtered(first, keys, row, i))
      else {
        this.#renew(row)
        k.loop(0, rows, 1, (i) => this.#exponentials(first, keys, row, i))
        this.#add(row)
      }
      if (pass === 'sum') return
      withCare(k, this.careful, (weighted) => writeRowOutput(round, weighted))
    })
  }

  /** Knows the positions of a row. */
  #rowEmitter(row: Int): Emitter {
    const { p } = this
    const { head, queryRow } = this.#placeOf(row)
    const emitter = (this.emitter ?? this.#emitterFor(head)).within({
      index: (axis) =>
        axis === 'query' ? queryRow.add(p.keys).sub(p.queries) : axis === 'queryRow' ? queryRow : undefined,
    })
    emitter.hoist(this.definition.roots)
    return emitter
  }

  /** Knows also the positions of a vector of keys, of which those beyond the last are not read. */
  #keysEmitter(emitter: Emitter, first: Int): Emitter {
    const { k } = this
    const index = k.laneIndex().add(first)
    return emitter.within({
      ...leafEnvironment(k, this.terms, this.definition, {
        axis: 'key',
        first,
        mask: index.lt(this.p.keys),
      }),
      index: (axis) => (axis === 'key' ? index : undefined),
    })
  }

  /** Scores -> normalized weights -> what the function on the filter makes of them. */
  #filtered(key: Int, keys: Int, row: Int, i: Int): void {
    const { k, part, form } = this
    const filter = this.definition.filter!
    const emitter = this.#rowEmitter(row.add(i))
    const [top, inverseSum] = [part.top, part.inverseSum].map((each) => k.loadBroadcast(each.at(row.add(i))))
    const line = part.scores.at(i.mul(form.tile.keys))
    k.loop(0, keys, k.lanes, (j) => {
      const score = k.load(line.at(j))
      const inner = this.#keysEmitter(emitter, key.add(j)).within({
        input: (slot) => (slot === weightSlot ? decay(k, score.sub(top!)).mul(inverseSum!) : undefined),
      })
      const weight = spread(inner.emit(filter)) as Vector
      k.store(line.at(j), score.eq(-Infinity).select(k.vector(0), weight))
    })
  }

  /** Products -> scores, −infinity where masked; the largest of each row to `round`. */
  #scores(key: Int, keys: Int, row: Int, rows: Int, masked: boolean): void {
    const {
      k,
      p,
      part,
      form: { tile },
      definition: { score, mask },
    } = this
    const lane = k.laneIndex()
    k.loop(0, rows, 1, (i) => {
      const emitter = this.#rowEmitter(row.add(i))
      const line = part.scores.at(i.mul(tile.keys))
      const largest = k.variable(k.vector(-Infinity))
      k.loop(0, keys, k.lanes, (j) => {
        const first = key.add(j)
        const index = lane.add(first)
        const inside = masked ? index.lt(p.keys) : undefined
        const inner = emitter.within({
          ...leafEnvironment(k, this.terms, this.definition, { axis: 'key', first, mask: inside }),
          input: () => k.load(line.at(j)),
          index: (axis) => (axis === 'key' ? index : undefined),
        })
        let value = spread(inner.emit(score)) as Vector
        if (inside !== undefined) {
          const allowed = mask === undefined ? inside : inside.and(spread(inner.emit(mask)) as Mask)
          value = allowed.select(value, k.vector(-Infinity))
        }
        // A NaN shows in the sum of the exponentials: `decay` keeps it.
        largest.set(largest.get().maxIgnoringNaN(value))
        k.store(line.at(j), value)
      })
      k.store(part.round.at(i), largest.get().largestIgnoringNaN())
    })
  }

  /**
   * The largest scores so far, and what the rows' output so far is multiplied with; all rows of a tile
   * together.
   */
  #renew(row: Int): void {
    const { k, part, form } = this
    k.vectors(form.tile.rows, (i, mask) => {
      const place = part.largest.at(row).at(i)
      const before = k.load(place, mask)
      const largest = before.maxIgnoringNaN(k.load(part.round.at(i), mask))
      // A row that has seen nothing yet has largest = −infinity: 0 keeps the differences from being NaN.
      const base = largest.gt(-Infinity).select(largest, k.vector(0))
      k.store(part.before.at(i), before, mask)
      k.store(part.base.at(i), base, mask)
      k.store(part.factor.at(i), decay(k, before.sub(base)), mask)
      k.store(place, largest, mask)
    })
  }

  /**
   * Scores -> exp(score − largest), and their sums over the round; what meets values is multiplied with the
   * factor of the filter.
   */
  #exponentials(key: Int, keys: Int, row: Int, i: Int): void {
    const { k, part, form } = this
    const { factor } = this.definition
    const emitter = factor && this.#rowEmitter(row.add(i))
    const base = k.loadBroadcast(part.base.at(i))
    const round = form.statistics ? k.loadBroadcast(part.round.at(i)) : undefined
    const line = part.scores.at(i.mul(form.tile.keys))
    const sum = k.variable(k.vector(0))
    const weighted = round && k.variable(k.vector(0))
    const largestKey = round && k.variable(k.intVector(0x7fffffff))
    k.loop(0, keys, k.lanes, (j) => {
      const value = k.load(line.at(j))
      const difference = value.sub(base)
      const weight = decay(k, difference)
      sum.set(sum.get().add(weight))
      weighted?.set(weight.fma(difference.max(-1e30), weighted.get()))
      largestKey?.set(
        value.eq(round!).select(k.laneIndex().add(key.add(j)).min(largestKey.get()), largestKey.get()),
      )
      if (emitter === undefined) k.store(line.at(j), weight)
      else {
        const product = weight.mul(spread(this.#keysEmitter(emitter, key.add(j)).emit(factor!)) as Vector)
        k.store(line.at(j), weight.eq(0).select(k.vector(0), product))
      }
    })
    k.store(part.roundSum.at(i), sum.get().sum())
    if (weighted !== undefined) k.store(part.roundWeighted.at(i), weighted.get().sum())
    if (largestKey !== undefined) k.store(part.roundLargestKey.as('i32').at(i), largestKey.get().least())
  }

  /** Adds the round's sums to those so far; all rows of a tile together. */
  #add(row: Int): void {
    const { k, part, form } = this
    k.vectors(form.tile.rows, (i, mask) => {
      const own = (name: 'before' | 'base' | 'factor' | 'round' | 'roundSum' | 'roundWeighted'): Vector =>
        k.load(part[name].at(i), mask)
      const [sum, factor] = [part.sum.at(row).at(i), own('factor')]
      const sumBefore = k.load(sum, mask)
      k.store(sum, factor.fma(sumBefore, own('roundSum')), mask)
      if (!form.statistics) return
      const before = own('before')
      const shift = before.gt(-Infinity).select(before.sub(own('base')), k.vector(0))
      const weighted = part.weighted.at(row).at(i)
      k.store(weighted, factor.fma(shift.fma(sumBefore, k.load(weighted, mask)), own('roundWeighted')), mask)
      const place = part.largestKey.as('i32').at(row).at(i)
      const newer = own('round').gt(before)
      k.store(
        place,
        newer.select(k.load(part.roundLargestKey.as('i32').at(i), mask), k.load(place, mask)),
        mask,
      )
    })
  }

  /** Divides by the sums and writes what was asked for; of a part of the keys writes the rows' state. */
  #end(): void {
    const { k, p, part, definition } = this
    const { tile, statistics, split } = this.form
    const { valueWidth } = definition
    k.loop(0, this.rows, 1, (row) => {
      const { head, queryRow } = this.#placeOf(row)
      const from = part.output.at(row.mul(roundUp(valueWidth, tile.panel)))
      const state: RowState = {
        batch: this.batch,
        head,
        heads: p.heads,
        queryRow,
        queries: p.queries,
        largest: k.loadScalar(part.largest.at(row)),
        sum: k.loadScalar(part.sum.at(row)),
        weighted: () => k.loadScalar(part.weighted.at(row)),
        largestKey: () => k.loadScalar(part.largestKey.as('i32').at(row)),
        output: (i, mask) => k.load(from.at(i), mask),
      }
      if (split) storePart(k, this.p, this.keyPart, definition, statistics, state)
      else writeResult(k, this.terms, definition, statistics, state)
    })
  }
}
