import type { Machine } from '../language/index.js'
import type { Launch } from '../launch.js'
import { attentionBackwardKernel, backwardScratchBytes, captureGradientKernel } from './backward.js'
import { rowDots, rowsPerTask, sinkGradient, sumPartials } from './backward-rows.js'
import { gradientValues } from './capture-scatter.js'
import { checkPlaces } from './check.js'
import type { AttentionDefinition, AttentionSizes } from './definition.js'
import { attentionDerivative, groupByAxes, type Separable } from './derivative.js'
import { leafValues } from './leaves.js'
import { packRows, packRowsPerTask, packTransposed } from './pack.js'
import type { BackwardPlaces, Plan } from './places.js'
import { roundUp, tileFor } from './tile.js'
import { type Chunk, chunksOf, packParameters, placeValues, workspaceLayout } from './workspace.js'

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
  const keysPadded = roundUp(keys, tile.panel)
  const group = kvHeads === 0 ? 0 : heads / kvHeads
  const each = {
    key: keysPadded * width,
    value: keysPadded * valueWidth,
    keyRows: keys * roundUp(width, tile.panel),
    partial: group * roundUp(queries, tile.rows) * roundUp(width, tile.panel),
  }
  const captureKernels = groupByAxes(definition, slots).map(({ slots, axes }) => ({
    slots,
    axes,
    kernel: captureGradientKernel(definition, tile, slots, axes),
  }))
  const captureScratchBytes = backwardScratchBytes(
    definition,
    tile,
    machine.floatBytes,
    captureKernels.length === 0 ? 0 : attentionDerivative(definition).captures.length,
  )
  const bytesEach = (each.key + each.value + each.keyRows + each.partial) * machine.floatBytes
  // A captured tensor may be shared by all heads: its gradient needs all keys and values.
  const chunks = chunksOf(batch * kvHeads, bytesEach, captureKernels.length > 0 ? Infinity : limit)
  const most = chunks[0]?.matrices ?? 0
  const splits = Math.max(
    1,
    Math.min(
      Math.ceil(backwardTasks / most),
      Math.ceil(keys / tile.keys),
      Math.floor(limit / (most * each.partial * machine.floatBytes)),
    ),
  )
  const { offsets, total } = workspaceLayout(machine, {
    key: most * each.key,
    value: most * each.value,
    keyRows: most * each.keyRows,
    partial: splits * most * each.partial,
    dots: batch * heads * queries,
  })
  const keyPack = packTransposed(width, tile.panel)
  const valuePack = packTransposed(valueWidth, tile.panel)
  const keyRowPack = packRows(width, tile.panel)
  const dotKernel = rowDots(valueWidth)
  const backward = attentionBackwardKernel(definition, tile)
  const sum = sumPartials(width, tile)
  return {
    workspaceBytes: total,
    launches(places, workspace) {
      checkPlaces('attention backward', definition, sizes, places)
      const { query, key, value, output, upstream, largest, scale } = places
      const at = (part: keyof typeof offsets): number => workspace + offsets[part]
      const rowTasks = Math.ceil(queries / rowsPerTask)
      const scratchBytes = backwardScratchBytes(definition, tile, machine.floatBytes)
      const block = (first: number): number[] => [
        ...placeValues(query),
        ...placeValues(upstream),
        at('key'),
        at('value'),
        largest,
        scale,
        at('dots'),
        heads,
        kvHeads,
        queries,
        keys,
        first,
      ]
      const leaves = leafValues(places.parameters, places.captures)
      const extents: Readonly<Record<Separable, number>> = {
        batch,
        head: heads,
        queryRow: Math.ceil(queries / tile.queries),
      }
      const chunkLaunches = ({ first, matrices }: Chunk): Launch[] => {
        const panelTasks = matrices * Math.ceil(keys / tile.panel)
        return [
          {
            kernel: keyPack,
            tasks: panelTasks,
            parameters: packParameters(key, at('key'), kvHeads, keys, first),
          },
          {
            kernel: valuePack,
            tasks: panelTasks,
            parameters: packParameters(value, at('value'), kvHeads, keys, first),
          },
          {
            kernel: keyRowPack,
            tasks: matrices * Math.ceil(keys / packRowsPerTask),
            parameters: packParameters(key, at('keyRows'), kvHeads, keys, first),
          },
          {
            kernel: backward,
            tasks: matrices * splits,
            scratchBytes,
            parameters: [
              ...block(first),
              at('keyRows'),
              at('partial'),
              ...placeValues(places.keyGradient),
              ...placeValues(places.valueGradient),
              matrices,
              splits,
              ...leaves,
            ],
          },
          {
            kernel: sum,
            tasks: matrices * group * rowTasks,
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
      }
      return [
        {
          kernel: dotKernel,
          tasks: batch * heads * rowTasks,
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
        ...captureKernels.map(({ slots, axes, kernel }) => ({
          kernel,
          scratchBytes: captureScratchBytes,
          tasks: axes.reduce((tasks, axis) => tasks * extents[axis], 1),
          parameters: [
            ...block(0),
            batch,
            ...gradientValues(slots, places.captureGradients ?? []),
            ...leaves,
          ],
        })),
      ]
    },
  }
}
