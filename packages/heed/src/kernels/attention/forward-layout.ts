import { type AttentionDefinition, goesTwice } from './definition.js'
import type { Tile } from './tile.js'
import { type ScratchLayout, scratchLayout } from './workspace.js'

/** What a task of the forward pass over blocks of rows keeps in its scratch memory. */
export type ForwardPart =
  | 'query'
  | 'output'
  | 'scores'
  | 'key'
  | 'value'
  | 'largest'
  | 'sum'
  | 'weighted'
  | 'largestKey'
  | 'top'
  | 'inverseSum'
  | 'factor'

/** Of tasks of `panels` panels. */
export function forwardBlocksLayout(
  definition: AttentionDefinition,
  { panel, keys }: Tile,
  panels: number,
): ScratchLayout<ForwardPart> {
  const { width, valueWidth } = definition
  const rows = panels * panel
  return scratchLayout({
    scores: keys * panel,
    factor: panel,
    key: keys * width,
    value: keys * valueWidth,
    query: rows * width,
    output: rows * valueWidth,
    largest: rows,
    sum: rows,
    weighted: rows,
    largestKey: rows,
    top: goesTwice(definition) ? rows : 0,
    inverseSum: goesTwice(definition) ? rows : 0,
  })
}

/**
 * Panels of queries that a task has at most: so often are keys and values of a round used once they are in a
 * near cache.
 */
export const mostPanels = 4

/** Bytes of scratch memory that the kernel needs. */
export function forwardBlocksScratchBytes(
  definition: AttentionDefinition,
  tile: Tile,
  floatBytes: number,
): number {
  return forwardBlocksLayout(definition, tile, mostPanels).total * floatBytes
}

/** What a walk through the keys is for: the rows' sums, mixing values, or both at once. */
export type Pass = 'both' | 'sum' | 'mix'
