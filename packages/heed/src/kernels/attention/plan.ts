import type { Machine } from '../language/index.js'
import type { Launch } from '../launch.js'
import { attentionBackwardKernel, backwardScratchBytes, captureGradientKernel } from './backward.js'
import { rowDots, rowsPerTask, sinkGradient, sumPartials } from './backward-rows.js'
import { gradientValues } from './capture-scatter.js'
import { checkPlaces } from './check.js'
import type { AttentionDefinition, AttentionSizes } from './definition.js'
import { groupByAxes, type Separable } from './derivative.js'
import { attentionForwardKernel, forwardScratchBytes } from './forward.js'
import { leafValues } from './leaves.js'
import { packRows, packRowsPerTask, packTransposed } from './pack.js'
import type { BackwardPlaces, ForwardPlaces, Place, Plan } from './places.js'
import { directProducts, packedProducts } from './products.js'
import { directTileFor, roundUp, tileFor } from './tile.js'

/**
 * output = softmax over the keys of score(q·k), masked, times value, never holding query × key numbers; and the
 * log-sum-exp of each row, which the backward pass needs. All kernels of a plan must run on `machine`.
 */
export function attentionForward(
  machine: Machine,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  statistics = false,
): Plan<ForwardPlaces> {
  const { batch, heads, kvHeads, queries, keys } = sizes
  // Packing reads all keys and values and writes them once more: not for a few rows.
  const direct = queries * (heads / kvHeads) <= directRows
  const tile = direct ? directTileFor(machine) : tileFor(machine)
  const { width, valueWidth } = definition
  const matrices = batch * kvHeads
  const { offsets, total } = workspaceLayout(machine, {
    key: direct ? 0 : matrices * roundUp(keys, tile.panel) * width,
    value: direct ? 0 : matrices * keys * roundUp(valueWidth, tile.panel),
  })
  const keyPack = packTransposed(width, tile.panel)
  const valuePack = packRows(valueWidth, tile.panel)
  const forward = attentionForwardKernel(
    definition,
    tile,
    direct ? directProducts : packedProducts,
    statistics,
  )
  return {
    workspaceBytes: total,
    launches(places, workspace) {
      checkPlaces('attention', definition, sizes, places)
      const { query, key, value, output, logSumExp, logSumExpRest } = places
      const [packedKey, packedValue] = [workspace + offsets.key, workspace + offsets.value]
      const packing: Launch[] = [
        {
          kernel: keyPack,
          tasks: matrices * Math.ceil(keys / tile.panel),
          parameters: packParameters(key, packedKey, kvHeads, keys),
        },
        {
          kernel: valuePack,
          tasks: matrices * Math.ceil(keys / packRowsPerTask),
          parameters: packParameters(value, packedValue, kvHeads, keys),
        },
      ]
      return [
        ...(direct ? [] : packing),
        {
          kernel: forward,
          tasks: batch * heads * Math.ceil(queries / tile.queries),
          scratchBytes: forwardScratchBytes(definition, tile, machine.floatBytes),
          parameters: [
            ...placeValues(query),
            ...placeValues(output),
            logSumExp,
            logSumExpRest,
            heads,
            kvHeads,
            queries,
            keys,
            ...(direct ? [...placeValues(key), ...placeValues(value)] : [packedKey, packedValue]),
            ...(statistics
              ? [places.statistics!.entropy, places.statistics!.largestWeight, places.statistics!.largestKey]
              : []),
            ...(definition.sink ? [places.sink!] : []),
            ...leafValues(places.parameters, places.captures),
          ],
        },
      ]
    },
  }
}

/** Query rows a key/value head up to which key and value are read where they lie. */
const directRows = 4

/** Tasks that the backward pass is cut into where there are fewer key/value heads, and the most memory that this may take. */
const backwardTasks = 16
const partialBytesLimit = 1 << 26

/**
 * Gradients of query, key, value, sink, and of the captured tensors in `slots` (float tensors that the score reads), whose
 * gradients are added to what is there. All kernels of a plan must run on `machine`.
 */
export function attentionBackward(
  machine: Machine,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  slots: readonly number[] = [],
): Plan<BackwardPlaces> {
  const tile = tileFor(machine)
  const { width, valueWidth } = definition
  const { batch, heads, kvHeads, queries, keys } = sizes
  const matrices = batch * kvHeads
  const keysPadded = roundUp(keys, tile.panel)
  const partialElements = batch * heads * roundUp(queries, tile.rows) * roundUp(width, tile.panel)
  const splits = Math.max(
    1,
    Math.min(
      Math.ceil(backwardTasks / matrices),
      Math.ceil(keys / tile.keys),
      Math.floor(partialBytesLimit / (partialElements * machine.floatBytes)),
    ),
  )
  const { offsets, total } = workspaceLayout(machine, {
    key: matrices * keysPadded * width,
    value: matrices * keysPadded * valueWidth,
    keyRows: matrices * keys * roundUp(width, tile.panel),
    dots: batch * heads * queries,
    partial: splits * partialElements,
  })
  const keyPack = packTransposed(width, tile.panel)
  const valuePack = packTransposed(valueWidth, tile.panel)
  const keyRowPack = packRows(width, tile.panel)
  const dotKernel = rowDots(valueWidth)
  const backward = attentionBackwardKernel(definition, tile)
  const sum = sumPartials(width, tile)
  const captureKernels = groupByAxes(definition, slots).map(({ slots, axes }) => ({
    slots,
    axes,
    kernel: captureGradientKernel(definition, tile, slots, axes),
  }))
  return {
    workspaceBytes: total,
    launches(places, workspace) {
      checkPlaces('attention backward', definition, sizes, places)
      const {
        query,
        key,
        value,
        output,
        upstream,
        logSumExp,
        logSumExpRest,
        queryGradient,
        keyGradient,
        valueGradient,
      } = places
      const at = (part: keyof typeof offsets): number => workspace + offsets[part]
      const rowTasks = batch * heads * Math.ceil(queries / rowsPerTask)
      const panelTasks = matrices * Math.ceil(keys / tile.panel)
      const scratchBytes = backwardScratchBytes(definition, tile, machine.floatBytes)
      const block = [
        ...placeValues(query),
        ...placeValues(upstream),
        at('key'),
        at('value'),
        logSumExp,
        logSumExpRest,
        at('dots'),
        heads,
        kvHeads,
        queries,
        keys,
      ]
      const leaves = leafValues(places.parameters, places.captures)
      const extents: Readonly<Record<Separable, number>> = {
        batch,
        head: heads,
        queryRow: Math.ceil(queries / tile.queries),
      }
      return [
        { kernel: keyPack, tasks: panelTasks, parameters: packParameters(key, at('key'), kvHeads, keys) },
        {
          kernel: valuePack,
          tasks: panelTasks,
          parameters: packParameters(value, at('value'), kvHeads, keys),
        },
        {
          kernel: keyRowPack,
          tasks: matrices * Math.ceil(keys / packRowsPerTask),
          parameters: packParameters(key, at('keyRows'), kvHeads, keys),
        },
        {
          kernel: dotKernel,
          tasks: rowTasks,
          parameters: [...placeValues(output), ...placeValues(upstream), at('dots'), heads, queries],
        },
        {
          kernel: backward,
          tasks: matrices * splits,
          scratchBytes,
          parameters: [
            ...block,
            at('keyRows'),
            at('partial'),
            ...placeValues(keyGradient),
            ...placeValues(valueGradient),
            batch,
            splits,
            ...leaves,
          ],
        },
        {
          kernel: sum,
          tasks: rowTasks,
          parameters: [at('partial'), ...placeValues(queryGradient), batch, heads, queries, splits],
        },
        ...(places.sinkGradient === undefined
          ? []
          : [
              {
                kernel: sinkGradient(),
                tasks: heads,
                parameters: [logSumExp, at('dots'), places.sink!, places.sinkGradient, batch, heads, queries],
              },
            ]),
        ...captureKernels.map(({ slots, axes, kernel }) => ({
          kernel,
          scratchBytes,
          tasks: axes.reduce((tasks, axis) => tasks * extents[axis], 1),
          parameters: [...block, batch, ...gradientValues(slots, places.captureGradients ?? []), ...leaves],
        })),
      ]
    },
  }
}

/** Byte offsets of the parts, 64-byte aligned, for numbers of float elements. */
function workspaceLayout<P extends string>(
  { floatBytes }: Machine,
  elements: Readonly<Record<P, number>>,
): { offsets: Record<P, number>; total: number } {
  const offsets = {} as Record<P, number>
  let total = 0
  for (const part of Object.keys(elements) as P[]) {
    offsets[part] = total
    total = roundUp(total + elements[part] * floatBytes, 64)
  }
  return { offsets, total }
}

function placeValues({ address, batch, head, row }: Place): number[] {
  return [address, batch, head, row]
}

function packParameters(
  { address, batch, head, row }: Place,
  packed: number,
  heads: number,
  length: number,
): number[] {
  return [address, packed, batch, head, row, heads, length]
}
