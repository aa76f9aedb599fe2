import {
  type Builder,
  type Int,
  type Kernel,
  kernel,
  type ParameterTerms,
  type ParameterType,
  type Pointer,
} from '../language/index.js'
import { BackwardBlock, type Block, blockLayout, blockParameters, type RowCenters } from './backward-block.js'
import { CaptureScatter, gradientParameters, hasCenters } from './capture-scatter.js'
import type { AttentionDefinition } from './definition.js'
import { attentionDerivative, type Separable } from './derivative.js'
import { taskRanges } from './ranges.js'
import { headEmitter, leafParameters, type Terms } from './leaves.js'
import { type Tile, writeTileProduct } from './tile.js'
import type { Run } from './truth.js'

/** Bytes of scratch memory that the backward kernels need; those of captured tensors keep a number for each row and each of `accesses`. */
export function backwardScratchBytes(
  definition: AttentionDefinition,
  tile: Tile,
  floatBytes: number,
  accesses = 0,
): number {
  return (blockLayout(definition, tile).total + accesses * tile.queries) * floatBytes
}

const parameters = {
  ...blockParameters,
  /** [matrix ⌈width / panel⌉ key panel] */
  keyRows: 'f32*',
  /** [split head-of-the-launch query (in whole row tiles) width (in whole panels)]: the gradient of the queries from the keys of each split. */
  partial: 'f32*',
  keyGradient: 'f32*',
  keyGradientBatch: 'i32',
  keyGradientHead: 'i32',
  keyGradientRow: 'i32',
  valueGradient: 'f32*',
  valueGradientBatch: 'i32',
  valueGradientHead: 'i32',
  valueGradientRow: 'i32',
  /** How many of batch × kvHeads the launch is for. */
  matrices: 'i32',
  splits: 'i32',
} as const

/**
 * Gradients of query, key and value from those of the output (Dao et al., FlashAttention, 2022, algorithm 4): scores are
 * computed anew, tile by tile. A task has every `splits`-th tile of keys of one key/value head, and alone writes the gradients
 * of these keys and values; those of the queries it leaves in `partial`, for `sumPartials`.
 * Tasks: matrices × splits.
 */
export function attentionBackwardKernel(definition: AttentionDefinition, tile: Tile): Kernel {
  const derivative = attentionDerivative(definition)
  const types: Record<string, ParameterType> = { ...parameters, ...leafParameters(definition) }
  return kernel(
    `attention backward ${Object.values(tile).join(' ')} ${definition.key}`,
    types,
    (k, terms, task) => {
      const p = terms as unknown as ParameterTerms<typeof parameters>
      const block = new BackwardBlock(k, terms as Terms, definition, derivative, tile)
      const { part, padded, valuePadded } = block
      const split = task.rem(p.splits)
      const local = task.div(p.splits)
      const kvMatrix = local.add(p.firstMatrix)
      const batch = kvMatrix.div(p.kvHeads)
      const kvHead = kvMatrix.rem(p.kvHeads)
      const group = p.heads.div(p.kvHeads)
      const rowsPadded = p.queries
        .add(tile.rows - 1)
        .div(tile.rows)
        .mul(tile.rows)
      const partialOf = (member: Int | number): Pointer<'f32'> =>
        p.partial.at(split.mul(p.matrices).add(local).mul(group).add(member).mul(rowsPadded).mul(padded))
      const zero = (pointer: Pointer<'f32'>, count: Int | number): void =>
        k.vectors(count, (i, mask) => k.store(pointer.at(i), k.vector(0), mask))
      zero(partialOf(0), group.mul(rowsPadded).mul(padded))
      k.loop(split.mul(tile.keys), p.keys, p.splits.mul(tile.keys), (key) => {
        const keys = p.keys.sub(key).min(tile.keys)
        zero(part.keyGradient, tile.keys * padded)
        zero(part.valueGradient, tile.keys * valuePadded)
        k.loop(0, group, 1, (member) => {
          const head = kvHead.mul(group).add(member)
          const emitter = headEmitter(k, terms as Terms, definition, derivative.roots, batch, head)
          const keyRows = p.keyRows.at(local.mul(p.keys).mul(padded))
          k.loop(0, p.queries, tile.queries, (firstRow) => {
            const rows = p.queries.sub(firstRow).min(tile.queries)
            const place: Block = { batch, head, emitter, firstRow, rows }
            block.ifPossible(
              place,
              key,
              keys,
              undefined,
              () => block.load(place),
              () => {
                addTransposed(block, part.weights, part.upstream, rows, keys, valuePadded, part.valueGradient)
                addTransposed(block, part.gradients, part.query, rows, keys, padded, part.keyGradient)
                addQueries(
                  block,
                  keyRows,
                  rows,
                  { first: key, count: keys },
                  partialOf(member).at(firstRow.mul(padded)),
                )
              },
            )
          })
        })
        const to = (
          pointer: Pointer<'f32'>,
          batchStride: Int,
          headStride: Int,
          rowStride: Int,
        ): Pointer<'f32'> =>
          pointer.at(batch.mul(batchStride)).at(kvHead.mul(headStride)).at(key.mul(rowStride))
        writeRows(
          k,
          part.keyGradient,
          padded,
          keys,
          definition.width,
          to(p.keyGradient, p.keyGradientBatch, p.keyGradientHead, p.keyGradientRow),
          p.keyGradientRow,
        )
        writeRows(
          k,
          part.valueGradient,
          valuePadded,
          keys,
          definition.valueWidth,
          to(p.valueGradient, p.valueGradientBatch, p.valueGradientHead, p.valueGradientRow),
          p.valueGradientRow,
        )
      })
    },
  )
}

/**
 * Gradients of captured tensors. A task has some batch, head and block of query rows, or all of them along the axes that are
 * not in `axes`, so that no two tasks write to the same element. Tasks: the product of the axes' tasks.
 */
export function captureGradientKernel(
  definition: AttentionDefinition,
  tile: Tile,
  slots: readonly number[],
  axes: readonly Separable[],
): Kernel {
  const derivative = attentionDerivative(definition)
  const types: Record<string, ParameterType> = {
    ...blockParameters,
    batches: 'i32',
    ...gradientParameters(definition, slots),
    ...leafParameters(definition),
  }
  const name = `attention capture gradient ${slots.join(',')} ${axes.join(',')} ${Object.values(tile).join(' ')} ${definition.key}`
  return kernel(name, types, (k, terms, task) => {
    const p = terms as unknown as ParameterTerms<typeof blockParameters & { batches: 'i32' }>
    const block = new BackwardBlock(k, terms as Terms, definition, derivative, tile)
    const scatter = new CaptureScatter(terms as Terms, definition, derivative, slots, block.part.lanes)
    const range = taskRanges(k, task, axes)
    range('batch', p.batches, 1, (batch) => {
      range('head', p.heads, 1, (head) => {
        const emitter = headEmitter(k, terms as Terms, definition, derivative.roots, batch, head)
        range('queryRow', p.queries, tile.queries, (firstRow) => {
          const place: Block = {
            batch,
            head,
            emitter,
            firstRow,
            rows: p.queries.sub(firstRow).min(tile.queries),
          }
          block.load(place)
          const throughKeys = (centers?: RowCenters): void =>
            k.loop(0, p.keys, tile.keys, (key) =>
              block.ifPossible(
                place,
                key,
                p.keys.sub(key).min(tile.keys),
                scatter,
                () => {},
                () => {},
                centers,
              ),
            )
          if (!hasCenters(definition, derivative, slots)) {
            throughKeys()
            return
          }
          const at = k.scratch('f32').at(blockLayout(definition, tile).total)
          const step = tile.queries
          k.vectors(step * scatter.accesses.length, (i, mask) => k.store(at.at(i), k.vector(0), mask))
          throughKeys({ at, step, pass: 'sum' })
          throughKeys({ at, step, pass: 'use' })
        })
      })
    })
  })
}

/** target[key, column] += Σ over the rows of left[row, key] right[row, column] */
function addTransposed(
  block: BackwardBlock,
  left: Pointer<'f32'>,
  right: Pointer<'f32'>,
  rows: Int,
  keys: Int,
  width: number,
  target: Pointer<'f32'>,
): void {
  const { k, tile } = block
  k.loop(0, width, tile.panel, (column) => {
    k.loop(0, keys, tile.rows, (key) => {
      const to = target.at(key.mul(width)).at(column)
      const seen = block.rowsFor(key, rows)
      writeTileProduct(k, {
        rows: tile.rows,
        panel: tile.panel,
        count: seen.count,
        left: left.at(seen.first.mul(tile.keys)).at(key),
        leftRow: 1,
        leftStep: tile.keys,
        right: right.at(seen.first.mul(width)).at(column),
        rightStep: width,
        start: (i, j) => k.load(to.at(i * width + j)),
        finish: (i, j, sum) => k.store(to.at(i * width + j), sum),
      })
    })
  })
}

/** target[row, column] += Σ over the keys of gradients[row, key] keyRows[key, column] */
function addQueries(
  block: BackwardBlock,
  keyRows: Pointer<'f32'>,
  rows: Int,
  keys: Run,
  target: Pointer<'f32'>,
): void {
  const { k, tile, padded: width, p, part } = block
  k.loop(0, width, tile.panel, (column) => {
    const right = keyRows.at(column.mul(p.keys)).at(keys.first.mul(tile.panel))
    k.loop(0, rows, tile.rows, (row) => {
      const to = target.at(row.mul(width)).at(column)
      const seen = block.keysFor(row, keys.count)
      writeTileProduct(k, {
        rows: tile.rows,
        panel: tile.panel,
        count: seen.count,
        left: part.gradients.at(row.mul(tile.keys)).at(seen.first),
        leftRow: tile.keys,
        leftStep: 1,
        right: right.at(seen.first.mul(tile.panel)),
        rightStep: tile.panel,
        start: (i, j) => k.load(to.at(i * width + j)),
        finish: (i, j, sum) => k.store(to.at(i * width + j), sum),
      })
    })
  })
}

function writeRows(
  k: Builder,
  source: Pointer<'f32'>,
  length: number,
  rows: Int,
  width: number,
  target: Pointer<'f32'>,
  stride: Int,
): void {
  k.loop(0, rows, 1, (row) => {
    const [from, to] = [source.at(row.mul(length)), target.at(row.mul(stride))]
    k.vectors(width, (i, mask) => k.store(to.at(i), k.load(from.at(i)), mask))
  })
}
