import type { Machine } from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'
import { backwardBlocksKernel } from './backward-blocks.js'
import { backwardBlocksScratchBytes } from './backward-layout.js'
import {
  dotScratchBytes,
  rowDots,
  rowsPerTask,
  sinkGradient as sinkKernel,
  sumPartials,
  sumScratchBytes,
} from './backward-rows.js'
import { captureGradientKernel, captureScratchBytes } from './capture-gradient.js'
import { gradientValues } from './capture-scatter.js'
import { checkPlaces } from './check.js'
import { type AttentionDefinition, type AttentionSizes, goesTwice } from './definition.js'
import { attentionDerivative, groupByAxes, type Separable } from './derivative.js'
import { filterDotsKernel, filterDotsScratchBytes } from './filter-dots.js'
import { leafValues } from './leaves.js'
import { packTransposed } from './pack.js'
import type { BackwardPlaces, Plan } from './places.js'
import { roundUp, tileFor } from './tile.js'
import { type Chunk, chunksOf, placeValues, sourceValues, workspaceLayout } from './workspace.js'

/** Bytes of all workspace of the backward pass, as near as whole heads come. */
const backwardBytes = 1 << 25

/** Tasks that the backward pass is cut into where there are fewer key/value heads. */
const backwardTasks = 16

/**
 * Gradients of query, key, value, sink, and of the captured tensors in `slots` (float tensors that score or
 * filter read), whose gradients are added to what is there. All kernels of a plan must run on `machine`.
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
  const sumQueries = sumPartials(width, tile)
  const scratchBytes = backwardBlocksScratchBytes(definition, tile, machine.floatBytes)
  return {
    workspaceBytes: total,
    launches(places, workspace) {
      checkPlaces('attention backward', definition, sizes, places)
      const { output, upstream, largest, inverseSum, sink, sinkGradient } = places
      const at = (part: keyof typeof offsets): number => workspace + offsets[part]
      const [dots, partial] = [at('dots'), at('partial')]
      const rowTasks = Math.ceil(queries / rowsPerTask)
      const dotValues = {
        ...placeValues('output', output),
        ...placeValues('upstream', upstream),
        dots,
        heads,
        queries,
      }
      const tileValues = {
        ...sourceValues(places, sizes),
        ...placeValues('upstream', upstream),
        largest,
        inverseSum,
        dots,
        partial,
        ...placeValues('keyGradient', places.keyGradient),
        ...placeValues('valueGradient', places.valueGradient),
        splits,
        ...leafValues(places.parameters, places.captures),
      }
      const sumValues = {
        partial,
        ...placeValues('target', places.queryGradient),
        heads,
        queries,
        splits,
      }
      const chunkLaunches = ({ first, matrices }: Chunk): Launch[] => [
        launchOf(backward, { ...tileValues, firstMatrix: first, matrices }, matrices * splits, scratchBytes),
        launchOf(
          sumQueries,
          { ...sumValues, firstMatrix: first * group, matrices: matrices * group },
          matrices * group * rowTasks,
          sumScratchBytes(machine),
        ),
      ]
      const sinkValues = { largest, inverseSum, dots, batches: batch, heads, queries }
      const packed = captures.launches(places, at('captures'), dots)
      return [
        ...packed.before,
        ...(goesTwice(definition)
          ? []
          : [
              launchOf(
                dotKernel,
                dotValues,
                batch * heads * rowTasks,
                dotScratchBytes(valueWidth, tile, machine),
              ),
            ]),
        ...chunks.flatMap(chunkLaunches),
        ...(sinkGradient === undefined
          ? []
          : [launchOf(sinkKernel(), { ...sinkValues, sink: sink!, gradient: sinkGradient }, heads)]),
        ...packed.after,
      ]
    },
  }
}

interface PackedLaunches {
  /** Packing, and the rows' dots where the function on the filter asks for a pass of their own. */
  readonly before: readonly Launch[]
  readonly after: readonly Launch[]
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
  launches(places: BackwardPlaces, workspace: number, dots: number): PackedLaunches
} {
  const tile = tileFor(machine)
  const { width, valueWidth } = definition
  const kernels = groupByAxes(definition, slots).map(({ slots, axes }) => ({
    slots,
    axes,
    kernel: captureGradientKernel(definition, tile, slots, axes),
  }))
  const dotKernel = goesTwice(definition) ? filterDotsKernel(definition, tile) : undefined
  if (kernels.length === 0 && dotKernel === undefined)
    return { elements: 0, launches: () => ({ before: [], after: [] }) }
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
      const { query, upstream, largest, inverseSum } = places
      const packedValue = packedKey + packedRows * width * machine.floatBytes
      const pack = (part: 'key' | 'value', packed: number, width: number): Launch =>
        launchOf(
          packTransposed(width, tile.panel, definition.stored[part]),
          { ...placeValues('source', places[part]), packed, heads: kvHeads, length: keys },
          panelTasks,
        )
      const values = {
        ...placeValues('query', query),
        ...placeValues('upstream', upstream),
        packedKey,
        packedValue,
        largest,
        inverseSum,
        dots,
        heads,
        kvHeads,
        queries,
        keys,
        batches: batch,
        ...leafValues(places.parameters, places.captures),
      }
      return {
        before: [
          pack('key', packedKey, width),
          pack('value', packedValue, valueWidth),
          ...(dotKernel === undefined
            ? []
            : [
                launchOf(
                  dotKernel,
                  values,
                  batch * heads * extents.queryRow,
                  filterDotsScratchBytes(definition, tile, machine.floatBytes),
                ),
              ]),
        ],
        after: kernels.map(({ slots, axes, kernel }) =>
          launchOf(
            kernel,
            { ...values, ...gradientValues(slots, places.captureGradients ?? []) },
            axes.reduce((tasks, axis) => tasks * extents[axis], 1),
            scratchBytes,
          ),
        ),
      }
    },
  }
}
