import type { AttentionDefinition } from './definition.js'
import type { Tile } from './tile.js'
import { roundUp } from './tile.js'
import { type ScratchLayout, scratchLayout } from './workspace.js'

/** What a task of the backward pass keeps in its scratch memory. */
export type BackwardPart =
  | 'query'
  | 'upstream'
  | 'queryColumns'
  | 'upstreamColumns'
  | 'weights'
  | 'gradients'
  | 'key'
  | 'value'
  | 'keyGradient'
  | 'valueGradient'

export function backwardBlocksLayout(
  { width, valueWidth }: AttentionDefinition,
  { queries, keys, panel }: Tile,
): ScratchLayout<BackwardPart> {
  const [padded, valuePadded] = [roundUp(width, panel), roundUp(valueWidth, panel)]
  return scratchLayout({
    query: queries * padded,
    upstream: queries * valuePadded,
    queryColumns: panel * width,
    upstreamColumns: panel * valueWidth,
    weights: keys * queries,
    gradients: keys * queries,
    key: keys * width,
    value: keys * valueWidth,
    keyGradient: keys * padded,
    valueGradient: keys * valuePadded,
  })
}

/** Bytes of scratch memory that the kernel needs. */
export function backwardBlocksScratchBytes(
  definition: AttentionDefinition,
  tile: Tile,
  floatBytes: number,
): number {
  return backwardBlocksLayout(definition, tile).total * floatBytes
}
