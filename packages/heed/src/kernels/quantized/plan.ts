import { type Launch, launchOf } from '../launch.js'
import type { Machine } from '../language/index.js'
import { addendOf, type Epilogue } from '../matmul/epilogue.js'
import type { MatmulActivation } from '../matmul/request.js'
import { blockSize } from './block-layout.js'
import { blocksKernel } from './blocks-kernel.js'
import {
  type BlockFormat,
  type Multiplication,
  multiplicationFor,
  type PackedFormat,
  packedShape,
  type PackedShape,
  packings,
  scaleElement,
  type WeightFormat,
} from './format.js'
import { quantizedProductKernel } from './product-kernel.js'
import { rowsKernel } from './rows-kernel.js'
import { quantizedTile } from './tile.js'
import { unpackKernel } from './unpack-kernel.js'
import { weightsKernel } from './weights-kernel.js'

/** Packed weights: where they begin; what they have lies as `packedShape` says. */
export interface PackedWeights {
  readonly machine: Machine
  readonly format: PackedFormat
  readonly address: number
  readonly columns: number
  readonly depth: number
}

/**
 * Packs an f32 matrix, whose element at (place, column) lies `place × depthStep + column × columnStep`
 * elements after `source`.
 */
export function planPackWeights(
  weights: PackedWeights & { readonly format: WeightFormat },
  source: number,
  depthStep: number,
  columnStep: number,
): Launch[] {
  const { machine, format, address, columns, depth } = weights
  const { words, groups, panels, scalesAt } = packedShape(format, machine, columns, depth)
  const values = {
    source,
    target: address,
    scales: address + scalesAt,
    columns,
    depth,
    columnStep,
    depthStep,
    words,
    groups,
  }
  const kernel = weightsKernel({ format, contiguous: columnStep === 1 })
  return [launchOf(kernel, values, depth === 0 ? 0 : panels)]
}

/**
 * Packs columns from `firstColumn` on, a multiple of the lanes, that lie one after the other at `source`,
 * each in blocks of the format. Their number is a multiple of the lanes, too, but for the last ones.
 */
export function planPackBlocks(
  weights: PackedWeights & { readonly format: BlockFormat },
  source: number,
  firstColumn: number,
  count: number,
): Launch[] {
  const { machine, format, address, columns, depth } = weights
  const { lanes, floatBytes } = machine
  const { weights: blockWeights } = blockSize(format)
  const shape = packedShape(format, machine, columns, depth)
  const panel = firstColumn / lanes
  const kinds = packings[format].minimum ? 2 : 1
  const scaleBytes = scaleElement(packings[format], machine) === 'f32' ? floatBytes : 2
  const values = {
    source,
    words: address + firstColumn * shape.words * shape.wordBytes,
    scales: address + shape.scalesAt + panel * shape.scales * kinds * lanes * scaleBytes,
    factors: address + shape.factorsAt + panel * shape.groups * kinds * lanes,
    columns: count,
    blocks: depth / blockWeights,
  }
  return [launchOf(blocksKernel(format), values, Math.ceil(count / lanes))]
}

/** Writes columns as rows of f32: the ones whose numbers lie at `numbers`, i32. */
export function planUnpackColumns(
  weights: PackedWeights,
  numbers: number,
  count: number,
  target: number,
): Launch[] {
  const { machine, format, address, columns, depth } = weights
  const { words, groups, scales, scalesAt, factorsAt } = packedShape(format, machine, columns, depth)
  const values = {
    w: address,
    scales: address + scalesAt,
    factors: address + factorsAt,
    columns: numbers,
    target,
    depth,
    words,
    groups,
    scaleCount: scales,
  }
  return [launchOf(unpackKernel(format), values, count)]
}

/** C = activation(scale · A·W + bias) + residual; C's rows are runs of memory, `cRow` elements apart. */
export interface QuantizedProductRequest {
  readonly weights: PackedWeights
  /** Address of m rows of f32, each a run of memory, `aRow` elements apart. */
  readonly a: number
  readonly aRow: number
  readonly m: number
  readonly c: number
  readonly cRow: number
  readonly scale?: number
  readonly bias?: Addend
  readonly activation?: MatmulActivation
  readonly residual?: Addend
  /** The rows of A where they stand already as weights do: as halves in panels. `a` is not read then. */
  readonly panels?: number
}

export interface Addend {
  readonly address: number
  readonly row: number
  readonly column: number
}

/** Products of a task where there are many rows: a tenth of a millisecond or two. */
const taskProducts = 2 ** 23
/** Bytes of weights of a task where there are few: so many are read in one run. */
const taskBytes = 2 ** 17
const blockHeight = 96
const fewestTasks = 12

/** The launches that compute such a product; workspace is freed by the caller after they ran. */
export function planQuantizedProduct(
  request: QuantizedProductRequest,
  allocate: (bytes: number) => number,
): Launch[] {
  const { weights, m, c, cRow, scale = 1, bias, activation = 'none', residual } = request
  const { machine, format, columns, depth } = weights
  if (m === 0 || columns === 0) return []
  const shape = packedShape(format, machine, columns, depth)
  const { words, groups, panels: panelCount } = shape
  const multiplication = multiplicationFor(format, machine)
  const launches: Launch[] = []
  const rows =
    request.panels === undefined
      ? planRows(request, multiplication, shape, allocate, launches)
      : { address: request.panels, step: 0, scales: 0, starts: 0 }
  const tile = quantizedTile(machine, format, multiplication, m)
  const epilogue: Epilogue = {
    scaled: scale !== 1,
    bias: addendOf(bias?.address, bias?.column ?? 0),
    activation,
    residual: addendOf(residual?.address, residual?.column ?? 0),
  }
  const blockRows =
    Math.min(Math.ceil(m / tile.rows), Math.max(1, Math.round(blockHeight / tile.rows))) * tile.rows
  const blocksM = Math.ceil(m / blockRows)
  const perPanel = Math.max(1, shape.pitch * machine.lanes * Math.min(m, blockRows))
  const wanted = Math.min(
    taskProducts / perPanel,
    m > tile.rows ? Infinity : taskBytes / (words * machine.lanes * shape.wordBytes),
  )
  const few = Math.ceil((panelCount * blocksM) / fewestTasks)
  const blockPanels = Math.max(1, Math.ceil(Math.min(wanted, few) / tile.panels)) * tile.panels
  const left = request.panels === undefined ? 'runs' : 'panels'
  const kernel = quantizedProductKernel({ format, multiplication, ...tile, left, epilogue })
  const values = {
    a: rows.address,
    aScales: rows.scales,
    aStarts: rows.starts,
    w: weights.address,
    scales: weights.address + shape.scalesAt,
    factors: weights.address + shape.factorsAt,
    c,
    m,
    n: columns,
    aRow: rows.step,
    words,
    groups,
    scaleCount: shape.scales,
    cRow,
    panelCount,
    blocksM,
    blockRows,
    blockPanels,
    scale,
    bias: bias?.address ?? 0,
    biasRow: bias?.row ?? 0,
    biasColumn: bias?.column ?? 0,
    residual: residual?.address ?? 0,
    residualRow: residual?.row ?? 0,
    residualColumn: residual?.column ?? 0,
  }
  launches.push(launchOf(kernel, values, blocksM * Math.ceil(panelCount / blockPanels)))
  return launches
}

/** The rows of A in the form that they are multiplied in: as they lie where that is it, else written anew. */
function planRows(
  { weights, a, aRow, m }: QuantizedProductRequest,
  multiplication: Multiplication,
  { pitch, groups }: PackedShape,
  allocate: (bytes: number) => number,
  launches: Launch[],
): { readonly address: number; readonly step: number; readonly scales: number; readonly starts: number } {
  const { machine, format, depth } = weights
  if (multiplication === 'floats' && pitch === depth) return { address: a, step: aRow, scales: 0, starts: 0 }
  const { group, zero, minimum } = packings[format]
  const bytes = { bytes: 1, shorts: 2, halves: 2, floats: machine.floatBytes }[multiplication]
  const integers = multiplication === 'bytes' || multiplication === 'shorts'
  // One block: to ask for each by itself would take as long as to launch a small kernel.
  const align = (count: number): number => Math.ceil(count / 64) * 64
  const ofRows = align(m * pitch * bytes)
  const ofScales = align(m * groups * machine.floatBytes)
  const address = allocate(ofRows + (integers ? 2 * ofScales : 0))
  const scales = integers ? address + ofRows : 0
  const starts = integers ? scales + ofScales : 0
  const values = {
    source: a,
    target: address,
    scales,
    starts,
    depth,
    rowStep: aRow,
    pitch,
    group: group === 'column' ? pitch : group,
    groups,
    zero,
  }
  launches.push(launchOf(rowsKernel(multiplication, minimum), values, m))
  return { address, step: multiplication === 'floats' ? pitch : (pitch * bytes) / 4, scales, starts }
}
