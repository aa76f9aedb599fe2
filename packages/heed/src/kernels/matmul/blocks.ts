import type { Left } from './product-kernel.js'
import type { Tile } from './tile.js'

/** Rows of a block: its part of A, over the steps of k above, stays in the second cache. */
const blockHeight = 96
/**
 * Panels of a block, where there are so many: the cost of fetching, and maybe copying, its part of A is
 * spread over them.
 */
const leastPanels = 16
/** The same where A is read where it lies, in one go over k: fetching it costs less. */
const fewPanels = 8
/** Products of a task: a tenth of a millisecond or two. */
const taskProducts = 2 ** 21
/** So that threads end at about the same time, even where that costs a little. */
const fewestTasks = 12
/** Bytes of B that a task has at least where it is read once. */
const streamedBytes = 2 ** 17

/**
 * Blocks of C, by sizes alone. Over `depth` steps a panel of B stays in the nearest cache, and the block's
 * part of A in the second. A block has enough panels to pay for fetching A. It has enough work for a task,
 * and leaves several tasks.
 */
export function chooseBlocks(
  tile: Tile,
  rows: number,
  panels: number,
  m: number,
  panelCount: number,
  places: number,
  depth: number,
  copiedB: boolean,
  left: Left,
  steady: boolean,
): { rows: number; panels: number; depth: number } {
  const whole = Math.ceil(m / rows) * rows
  // Of equal heights, so that threads end at about the same time.
  const tiles = whole / rows
  const rowBlocks = copiedB ? 1 : Math.ceil(tiles / Math.max(1, Math.round(blockHeight / rows)))
  const blockRows = Math.ceil(tiles / rowBlocks) * rows
  // With one tile of rows nothing of B is met twice.
  const undivided = m <= rows && !steady
  const most = undivided ? Math.max(1, depth) : mostDepth(tile)
  const blockDepth = evenDepth(depth, most)
  const perPanel = Math.max(1, Math.min(m, blockRows) * tile.columns * Math.max(1, depth))
  const least = (left === 'rows' || left === 'runs') && !copiedB && depth <= most ? fewPanels : leastPanels
  const wanted = Math.max(least, Math.round(taskProducts / perPanel / panels) * panels)
  let blocks = Math.ceil(panelCount / wanted)
  const perTask = (): number => Math.ceil(panelCount / blocks / panels) * panels
  const others = places * Math.ceil(m / blockRows)
  // Down to two panels where a task copies its part of A, else to what a tile spans, as long as they are work
  // enough.
  const few = Math.max(panels, left === 'copied' ? 2 : 1)
  const divisible = (): boolean => perTask() > few && (perTask() > 4 || perTask() * perPanel > taskProducts)
  while (blocks * others < fewestTasks && divisible()) blocks *= 2
  return { rows: blockRows, panels: perTask(), depth: blockDepth }
}

/** Steps along k of a panel of B that stays near. */
function mostDepth({ panelBytes, columns }: Tile): number {
  return Math.max(1, Math.floor(panelBytes / (4 * columns)))
}

/** Steps of a block, at most `most`, so that all have about as many. */
function evenDepth(depth: number, most: number): number {
  return Math.ceil(depth / Math.ceil(Math.max(1, depth) / most)) || 1
}

/**
 * The same where nothing of B is met twice: all rows and steps, and few panels, so that threads end at about
 * the same time.
 */
export function streamedBlock(
  tile: Tile,
  rows: number,
  panels: number,
  m: number,
  depth: number,
  steady: boolean,
): ReturnType<typeof chooseBlocks> {
  const bytes = 4 * panels * tile.columns * Math.max(1, depth)
  const several = Math.ceil(streamedBytes / bytes)
  return {
    rows: Math.ceil(m / rows) * rows,
    panels: several * panels,
    depth: evenDepth(depth, steady ? mostDepth(tile) : Math.max(1, depth)),
  }
}
