import type { Machine } from '../language/index.js'
import type { Launch } from '../launch.js'
import { backwardBlocksKernel, backwardBlocksScratchBytes } from './backward-blocks.js'
import {
  dotScratchBytes,
  rowDots,
  rowsPerTask,
  sinkGradient,
  sumPartials,
  sumScratchBytes,
} from './backward-rows.js'
import { captureGradientKernel, captureScratchBytes } from './capture-gradient.js'
import { gradientValues } from './capture-scatter.js'
import { checkPlaces } from './check.js'
import type { AttentionDefinition, AttentionSizes } from './definition.js'
import { attentionDerivative, groupByAxes, type Separable } from './derivative.js'
import { leafValues } from './leaves.js'
import { packTransposed } from './pack.js'
import type { BackwardPlaces, Plan } from './places.js'
import { roundUp, tileFor } from './tile.js'
import {
  type Chunk,
  chunksOf,
  packParameters,
  placeValues,
  sourceValues,
  workspaceLayout,
} from './workspace.js'

/** Bytes of all workspace of the backward pass, as near as whole heads come. */
const backwardBytes = 1 << 25

/** Tasks that the backward pass is cut into where there are fewer key/value heads. */
const backwardTasks = 16

/**
 * Gradients of query, key, value, sink, and of the captured tensors in `slots` (float tensors that the score reads), whose
 * gradients are added to what is there. All kernels of a plan must run on `machine`.
 */
export function attentionBackward(
  machine: Machine,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  slots: readonly number[] = [],
  limit: number = backwardBytes,
): Plan<BackwardPlaces> {
  const tile = tileFor(machine)
  const { width, valueWidth } = definition
  const { batch, heads, kvHeads, queries, keys } = sizes
  const group = kvHeads === 0 ? 0 : heads / kvHeads
  const partial = group * roundUp(queries, tile.panel) * width
  const partialBytes = partial * machine.floatBytes
  const captures = captureGradientPlan(machine, definition, sizes, slots)
  const chunks = chunksOf(batch * kvHeads, partialBytes, limit)
  const most = chunks[0]?.matrices ?? 0
  const splits = Math.max(
    1,
    Math.min(
      Math.ceil(backwardTasks / most),
      Math.ceil(keys / tile.keys),
      Math.floor(limit / (most * partialBytes)),
    ),
  )
  const { offsets, total } = workspaceLayout(machine, {
    partial: splits * most * partial,
    dots: batch * heads * queries,
    captures: captures.elements,
  })
  const dotKernel = rowDots(valueWidth, tile)
  const backward = backwardBlocksKernel(definition, tile)
  const sum = sumPartials(width, tile)
  const scratchBytes = backwardBlocksScratchBytes(definition, tile, machine.floatBytes)
  return {
    workspaceBytes: total,
    launches(places, workspace) {
      checkPlaces('attention backward', definition, sizes, places)
      const { output, upstream, largest, scale } = places
      const at = (part: keyof typeof offsets): number => workspace + offsets[part]
      const rowTasks = Math.ceil(queries / rowsPerTask)
      const leaves = leafValues(places.parameters, places.captures)
      const chunkLaunches = ({ first, matrices }: Chunk): Launch[] => [
        {
          kernel: backward,
          tasks: matrices * splits,
          scratchBytes,
          parameters: [
            ...sourceValues(places, sizes),
            ...placeValues(upstream),
            largest,
            scale,
            at('dots'),
            at('partial'),
            ...placeValues(places.keyGradient),
            ...placeValues(places.valueGradient),
            first,
            matrices,
            splits,
            ...leaves,
          ],
        },
        {
          kernel: sum,
          tasks: matrices * group * rowTasks,
          scratchBytes: sumScratchBytes(machine),
          parameters: [
            at('partial'),
            ...placeValues(places.queryGradient),
            heads,
            queries,
            splits,
            first * group,
            matrices * group,
          ],
        },
      ]
      return [
        {
          kernel: dotKernel,
          tasks: batch * heads * rowTasks,
          scratchBytes: dotScratchBytes(valueWidth, tile, machine),
          parameters: [...placeValues(output), ...placeValues(upstream), at('dots'), heads, queries],
        },
        ...chunks.flatMap(chunkLaunches),
        ...(places.sinkGradient === undefined
          ? []
          : [
              {
                kernel: sinkGradient(),
                tasks: heads,
                parameters: [
                  largest,
                  scale,
                  at('dots'),
                  places.sink!,
                  places.sinkGradient,
                  batch,
                  heads,
                  queries,
                ],
              },
            ]),
        ...captures.launches(places, at('captures'), at('dots')),
      ]
    },
  }
}

/** Gradients of captured tensors: passes of their own over packed keys and values. */
function captureGradientPlan(
  machine: Machine,
  definition: AttentionDefinition,
  { batch, heads, kvHeads, queries, keys }: AttentionSizes,
  slots: readonly number[],
): {
  /** Of workspace. */
  readonly elements: number
  launches(places: BackwardPlaces, workspace: number, dots: number): Launch[]
} {
  const tile = tileFor(machine)
  const { width, valueWidth } = definition
  const kernels = groupByAxes(definition, slots).map(({ slots, axes }) => ({
    slots,
    axes,
    kernel: captureGradientKernel(definition, tile, slots, axes),
  }))
  if (kernels.length === 0) return { elements: 0, launches: () => [] }
  // A captured tensor may be shared by all heads: its gradient needs all keys and values.
  const matrices = batch * kvHeads
  const packedRows = matrices * roundUp(keys, tile.panel)
  const scratchBytes = captureScratchBytes(
    definition,
    tile,
    machine.floatBytes,
    attentionDerivative(definition).captures.length,
  )
  const panelTasks = matrices * Math.ceil(keys / tile.panel)
  const extents: Readonly<Record<Separable, number>> = {
    batch,
    head: heads,
    queryRow: Math.ceil(queries / tile.queries),
  }
  return {
    elements: packedRows * (width + valueWidth),
    launches(places, packedKey, dots) {
      const { query, key, value, upstream, largest, scale } = places
      const packedValue = packedKey + packedRows * width * machine.floatBytes
      return [
        {
          kernel: packTransposed(width, tile.panel),
          tasks: panelTasks,
          parameters: packParameters(key, packedKey, kvHeads, keys),
        },
        {
          kernel: packTransposed(valueWidth, tile.panel),
          tasks: panelTasks,
          parameters: packParameters(value, packedValue, kvHeads, keys),
        },
        ...kernels.map(({ slots, axes, kernel }) => ({
          kernel,
          scratchBytes,
          tasks: axes.reduce((tasks, axis) => tasks * extents[axis], 1),
          parameters: [
            ...placeValues(query),
            ...placeValues(upstream),
            packedKey,
            packedValue,
            largest,
            scale,
            dots,
            heads,
            kvHeads,
            queries,
            keys,
            batch,
            ...gradientValues(slots, places.captureGradients ?? []),
            ...leafValues(places.parameters, places.captures),
          ],
        })),
      ]
    },
  }
}
