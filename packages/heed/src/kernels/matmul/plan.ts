import { type Launch, launchOf } from '../launch.js'
import type { Machine } from '../language/index.js'
import { type Axis, collapse, sizeOf, transposed, unitAxis } from './axes.js'
import { chooseBlocks, streamedBlock } from './blocks.js'
import { dotKernel } from './dot-kernel.js'
import { addendOf, type Epilogue } from './epilogue.js'
import { outerValues } from './outer.js'
import { packKernel, packOperands } from './pack-kernel.js'
import {
  type Left,
  lineElements,
  panelPitch,
  type ProductForm,
  productKernel,
  productOperands,
  type Right,
  scratchElements,
} from './product-kernel.js'
import type { MatmulRequest } from './request.js'
import { type Tile, tileFor } from './tile.js'

/** A product with one axis a role, whatever else there is as outer axes, and how it is to be computed. */
interface Problem {
  readonly swapped: boolean
  readonly outer: readonly Axis[]
  readonly m: Axis
  readonly n: Axis
  readonly k: readonly Axis[]
  readonly depth: number
  readonly steady: boolean
}

/**
 * Elements between two columns of A up to which they are read where they lie: farther apart, a block of them
 * falls on few sets of the second cache.
 */
const nearColumns = 768
/**
 * Panels that are read side by side where nothing of B is met twice: as fast as three, and more even shares
 * for threads.
 */
const streamedPanels = 2
/** Up to so many rows, whoever reads a block of B copies it himself: it then is fetched once. */
const copiedRows = 384

/**
 * The launches that compute a matrix product; see `MatmulRequest`. `allocate` gives workspace, which the
 * caller frees after the launches ran.
 */
export function planMatmul(
  request: MatmulRequest & { readonly allocate: (bytes: number) => number },
): Launch[] {
  const problem = orient(request)
  const { outer, m, n, depth, steady } = problem
  const count = sizeOf(outer) * m.size * n.size
  if (count === 0) return []
  const tile = tileFor(request.machine, problem.n.size)
  const launches: Launch[] = []
  const way = request.packedB !== undefined && !problem.swapped ? 'panels' : chooseWay(problem, tile)
  if (way === 'dot') return [planDot(request, problem)]

  let [a, b] = problem.swapped ? [request.b, request.a] : [request.a, request.b]
  let places = outer
  let aRow = m.a,
    aDepth = problem.k[0]?.a ?? 0,
    bPanel = tile.columns,
    bDepth = problem.k[0]?.b ?? 0
  // Nothing of B is met twice: what counts is how fast it comes.
  const streamed = way === 'panels' && m.size <= tile.rows
  const chosen = chooseRows(tile, m.size, n.size)
  const { rows } = chosen
  const panels = streamed ? Math.min(chosen.panels, streamedPanels) : chosen.panels
  const left = chooseLeft(problem, tile)
  if (left === 'panels') {
    const pitch = panelPitch(request.machine, rows)
    const packing = planPack(request, problem, 'a', a, rows, pitch, undefined)
    a = packing.target
    places = withStrides(places, 'a', packing.strides)
    ;[aRow, aDepth] = [depth * pitch, pitch]
    launches.push(...packing.launches)
  }
  if (way === 'panels') {
    const packing = planPack(
      request,
      problem,
      'b',
      b,
      tile.columns,
      tile.columns,
      problem.swapped ? undefined : request.packedB,
    )
    b = packing.target
    places = withStrides(places, 'b', packing.strides)
    ;[bPanel, bDepth] = [depth * tile.columns, tile.columns]
    launches.push(...packing.launches)
  }
  places = collapse(places)
  const panelCount = Math.ceil(n.size / tile.columns)
  const blocks = streamed
    ? streamedBlock(tile, rows, panels, m.size, depth, steady)
    : chooseBlocks(
        tile,
        rows,
        panels,
        m.size,
        panelCount,
        sizeOf(places),
        depth,
        way === 'copied',
        left,
        steady,
      )
  const epilogue = epilogueOf(request, n)
  const form: ProductForm = {
    rows,
    panels,
    vectors: tile.vectors,
    left,
    right: way,
    streamed,
    next:
      way === 'panels' && !streamed
        ? linesAhead(tile, panels, Math.ceil(Math.min(m.size, blocks.rows) / rows))
        : 0,
    contiguous: n.c === 1,
    rank: places.length,
    epilogue,
  }
  const kernel = productKernel(form)
  const [blocksM, blocksN] = [Math.ceil(m.size / blocks.rows), Math.ceil(panelCount / blocks.panels)]
  const values = {
    a,
    b,
    c: request.c,
    m: m.size,
    n: n.size,
    k: depth,
    aRow,
    aDepth,
    bPanel,
    bDepth,
    cRow: m.c,
    cColumn: n.c,
    blocksM,
    blocksN,
    blockRows: blocks.rows,
    blockPanels: blocks.panels,
    blockDepth: blocks.depth,
    ...epilogueValues(request, m, n),
    ...outerValues(places, productOperands),
  }
  const scratchBytes =
    scratchElements(form, tile.columns, blocks.rows, blocks.depth, blocks.panels) * request.machine.floatBytes
  launches.push(launchOf(kernel, values, blocksM * blocksN * sizeOf(places), scratchBytes))
  return launches
}

/** Names a form of packed B, and the bytes that it takes. */
export interface PackedB {
  readonly key: string
  readonly bytes: number
}

/**
 * The form in which this product reads a packed B, or `undefined` where packing ahead is of no use to it.
 * Requests with the same key and the same B share one packed copy; A, C and m may differ.
 */
export function matmulPackedB(request: MatmulRequest): PackedB | undefined {
  const problem = orient(request)
  const tile = tileFor(request.machine, problem.n.size)
  if (problem.swapped || chooseWay(problem, tile) === 'dot') return undefined
  const { sizes, elements } = packedShape(problem, 'b', tile.columns, tile.columns)
  const { n, k } = problem
  return {
    key: `${tile.columns}:${sizes.join('x')}:${n.size}/${n.b}:${k.map((axis) => `${axis.size}/${axis.b}`).join('x')}`,
    bytes: elements * request.machine.floatBytes,
  }
}

/**
 * Writes B in the form that `matmulPackedB(request)` names to `target`; pass that address as `packedB` from
 * then on.
 */
export function planPackB(request: MatmulRequest, target: number): readonly Launch[] {
  const problem = orient(request)
  const { columns } = tileFor(request.machine, problem.n.size)
  return planPack(
    { machine: request.machine, allocate: () => target },
    problem,
    'b',
    request.b,
    columns,
    columns,
    undefined,
  ).launches
}

/**
 * Collapses the axes; transposes the problem where that makes C's rows runs of memory, or puts the only row
 * first.
 */
function orient(request: MatmulRequest): Problem {
  const [ms, ns, k] = [collapse(request.m), collapse(request.n), collapse(request.k)]
  const [m, n] = [ms[ms.length - 1] ?? unitAxis, ns[ns.length - 1] ?? unitAxis]
  const rest = ms.length > 1 || ns.length > 1
  const outer = rest
    ? collapse([...request.batch, ...ms.slice(0, -1), ...ns.slice(0, -1)])
    : collapse(request.batch)
  const depth = sizeOf(k)
  const { steady = false } = request
  const swapped = steady || m.size === 1 ? false : n.size === 1 ? true : n.c !== 1 && m.c === 1
  if (!swapped) return { swapped, outer, m, n: n.size === 1 ? { ...n, b: 1, c: 1 } : n, k, depth, steady }
  return {
    swapped,
    outer: outer.map(transposed),
    m: transposed(n),
    n: transposed(m),
    k: k.map(transposed),
    depth,
    steady,
  }
}

type Way = 'dot' | Right

/** Packing B costs a pass over it: the fewer rows, the less it is repaid. */
function chooseWay({ outer, m, n, k, depth, steady }: Problem, tile: Tile): Way {
  if (k.length > 1) return 'panels'
  const few = m.size <= 2 * tile.rows || m.size * n.size * depth <= 32 ** 3
  const step = k[0] ?? unitAxis
  if (few && n.b === 1) return 'rows'
  // The lanes of 'dot' lie along k: its sums go in another order.
  if (few && step.a === 1 && step.b === 1 && !steady) return 'dot'
  if (n.b === 1 && m.size <= copiedRows && outer.every((axis) => axis.b !== 0)) return 'copied'
  return 'panels'
}

/** The tile that covers m rows in the least time. */
function chooseRows({ variants, columns }: Tile, m: number, n: number): { rows: number; panels: number } {
  let best = variants[0]!
  let least = Infinity
  for (const variant of variants) {
    // A row of B is fetched for each tile of rows.
    const time = (Math.ceil(m / variant.rows) * (variant.rows + 0.15)) / variant.speed
    if (time <= least) [best, least] = [variant, time]
  }
  return { rows: best.rows, panels: Math.min(best.panels, Math.ceil(n / columns)) }
}

/** Reading A where it lies is free, unless a tile's steps along k are far apart. */
function chooseLeft({ m, n, k, depth }: Problem, tile: Tile): Left {
  if (k.length > 1) return 'panels'
  if ((k[0] ?? unitAxis).a === 1) return 'runs'
  if (n.size <= 4 * tile.columns || depth <= 1) return 'rows'
  if (m.a !== 1) return 'panels'
  // A high tile uses half a line of A at each step: no worse than a copy, which a task with few panels would
  // hardly repay.
  return tile.rows >= 8 && k[0]!.a <= nearColumns ? 'columns' : 'copied'
}

/**
 * Lines that each turn of the innermost loop must ask for, lest one of the next panel be missing after
 * `tiles` tiles: 1, 2 or 4.
 */
function linesAhead({ unroll, columns }: Tile, panels: number, tiles: number): number {
  if (unroll === 1) return 0
  const lines = (unroll * panels * columns) / lineElements / tiles
  return lines <= 1 ? 1 : lines <= 2 ? 2 : 4
}

function planDot(request: MatmulRequest, { swapped, outer, m, n, depth }: Problem): Launch {
  const [a, b] = swapped ? [request.b, request.a] : [request.a, request.b]
  const rows = m.size === 1 ? 1 : m.size <= 2 ? 2 : 4
  // One row: one column at a time, so that memory is read in long runs.
  const [columns, unroll] = m.size === 1 ? [1, 4] : [8 / rows, 1]
  const kernel = dotKernel({
    rows,
    columns,
    unroll,
    contiguous: n.c === 1,
    rank: outer.length,
    epilogue: epilogueOf(request, n),
  })
  const blockColumns = Math.max(1, Math.round(2 ** 17 / (m.size * Math.max(1, depth)) / columns)) * columns
  const blocksN = Math.ceil(n.size / blockColumns)
  const values = {
    a,
    b,
    c: request.c,
    m: m.size,
    n: n.size,
    k: depth,
    aRow: m.a,
    bColumn: n.b,
    cRow: m.c,
    cColumn: n.c,
    blocksN,
    blockColumns,
    ...epilogueValues(request, m, n),
    ...outerValues(outer, productOperands),
  }
  return launchOf(kernel, values, blocksN * sizeOf(outer))
}

interface Packing {
  readonly target: number
  readonly strides: readonly number[]
  readonly launches: readonly Launch[]
}

/**
 * Packs one operand into panels of `width` lines over all of k, once for each place where the operand
 * differs.
 */
function planPack(
  request: { readonly machine: Machine; readonly allocate: (bytes: number) => number },
  problem: Problem,
  operand: 'a' | 'b',
  source: number,
  width: number,
  pitch: number,
  packed: number | undefined,
): Packing {
  const { outer, k, depth } = problem
  const line = operand === 'a' ? problem.m : problem.n
  const { strides, elements } = packedShape(problem, operand, width, pitch)
  if (packed !== undefined) return { target: packed, strides, launches: [] }
  const target = request.allocate(elements * request.machine.floatBytes)
  const inner = k[k.length - 1] ?? unitAxis
  const places: { size: number; source: number; target: number }[] = []
  outer.forEach((axis, index) => {
    if (strides[index] !== 0) places.push({ size: axis.size, source: axis[operand], target: strides[index]! })
  })
  let run = inner.size
  const steps = k
    .slice(0, -1)
    .reverse()
    .map((axis) => {
      const place = { size: axis.size, source: axis[operand], target: run * pitch }
      run *= axis.size
      return place
    })
  places.push(...steps.reverse())
  const panels = Math.ceil(line.size / width)
  const kernel = packKernel({ width, pitch, vectors: line[operand] === 1, rank: places.length })
  const values = {
    source,
    target,
    count: line.size,
    k: inner.size,
    line: line[operand],
    depth: inner[operand],
    panels,
    panelStep: depth * pitch,
    ...outerValues(places, packOperands),
  }
  const launches = depth === 0 ? [] : [launchOf(kernel, values, panels * sizeOf(places))]
  return { target, strides, launches }
}

/**
 * Where the packed operand of each outer place lies: strides by outer axis, 0 where the operand is the same
 * all along it.
 */
function packedShape(
  { outer, m, n, depth }: Problem,
  operand: 'a' | 'b',
  width: number,
  pitch: number,
): { sizes: number[]; strides: number[]; elements: number } {
  let elements = Math.ceil((operand === 'a' ? m : n).size / width) * depth * pitch
  const strides = outer.map(() => 0)
  const sizes: number[] = []
  for (let i = outer.length - 1; i >= 0; i--) {
    if (outer[i]![operand] === 0) continue
    strides[i] = elements
    sizes.unshift(outer[i]!.size)
    elements *= outer[i]!.size
  }
  return { sizes, strides, elements }
}

function withStrides(
  outer: readonly Axis[],
  operand: 'a' | 'b',
  strides: readonly number[],
): readonly Axis[] {
  return outer.map((axis, index) => ({ ...axis, [operand]: strides[index]! }))
}

function epilogueOf({ scale, bias, activation, residual }: MatmulRequest, n: Axis): Epilogue {
  return {
    scaled: scale !== undefined && scale !== 1,
    bias: addendOf(bias, n.bias),
    activation: activation ?? 'none',
    residual: addendOf(residual, n.residual),
  }
}

interface EpilogueValues {
  readonly scale: number
  readonly bias: number
  readonly biasRow: number
  readonly biasColumn: number
  readonly residual: number
  readonly residualRow: number
  readonly residualColumn: number
}

function epilogueValues({ scale, bias, residual }: MatmulRequest, m: Axis, n: Axis): EpilogueValues {
  return {
    scale: scale ?? 1,
    bias: bias ?? 0,
    biasRow: m.bias,
    biasColumn: n.bias,
    residual: residual ?? 0,
    residualRow: m.residual,
    residualColumn: n.residual,
  }
}
