import type { Machine } from '../language/index.js'
import { launchOf } from '../launch.js'
import { checkPlaces } from './check.js'
import type { AttentionDefinition, AttentionSizes } from './definition.js'
import { forwardRowsKernel, forwardRowsScratchBytes } from './forward-rows.js'
import { forwardBlocksKernel, forwardBlocksScratchBytes, mostPanels } from './forward-blocks.js'
import { leafValues } from './leaves.js'
import { combineParts, partElements } from './parts.js'
import type { ForwardPlaces, Plan } from './places.js'
import { resultValues } from './result.js'
import { blockTileFor, rowsTileFor, roundUp } from './tile.js'
import { sourceValues } from './workspace.js'

/**
 * Query rows a key/value head up to which they are taken together, with the lanes along keys and widths, as
 * long as they would leave half the lanes of a panel of queries empty.
 */
const fewRows = 16

/**
 * output = softmax over the keys of score(q·k), masked, times value. No query × key numbers are held. The
 * plan also gives the largest score and the inverse sum of each row, which the backward pass needs. All
 * kernels of a plan must run on `machine`.
 */
export function attentionForward(
  machine: Machine,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  statistics = false,
): Plan<ForwardPlaces> {
  const half = machine.lanes === 1 ? fewRows : blockTileFor(machine).panel / 2
  return sizes.queries <= half && sizes.queries * groupOf(sizes) <= fewRows
    ? rowsForward(machine, definition, sizes, statistics)
    : blocksForward(machine, definition, sizes, statistics)
}

/** Query heads that share a key/value head. */
function groupOf({ heads, kvHeads }: AttentionSizes): number {
  return kvHeads === 0 ? 1 : heads / kvHeads
}

/**
 * Tasks that queries are cut for where there are few heads: enough that threads end at about the same time.
 */
const fewestTasks = 24

function blocksForward(
  machine: Machine,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  statistics: boolean,
): Plan<ForwardPlaces> {
  const { batch, heads, queries } = sizes
  const tile = blockTileFor(machine)
  const panels = Math.ceil(queries / tile.panel)
  const cuts = Math.max(Math.ceil(panels / mostPanels), Math.ceil(fewestTasks / Math.max(1, batch * heads)))
  const each = Math.ceil(panels / Math.min(panels, cuts))
  const kernel = forwardBlocksKernel(definition, tile, statistics)
  const scratchBytes = forwardBlocksScratchBytes(definition, tile, machine.floatBytes)
  return {
    workspaceBytes: 0,
    launches(places) {
      checkPlaces('attention', definition, sizes, places)
      const values = {
        ...sourceValues(places, sizes),
        panels: each,
        ...resultValues(definition, places, statistics),
        ...leafValues(places.parameters, places.captures),
      }
      return [launchOf(kernel, values, batch * heads * Math.ceil(panels / each), scratchBytes)]
    },
  }
}

/**
 * Tasks that keys are cut for where there are fewer key/value heads: several for each thread of a large
 * machine.
 */
const rowsTasks = 64
/**
 * Rounds of keys that a part has at least: 1,024 keys where vectors have lanes. Shorter parts take some
 * percent longer on one thread.
 */
const roundsPerPart = 16

/** Of few rows; the parts of the keys depend on the sizes alone, so that threads change nothing. */
function rowsForward(
  machine: Machine,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  statistics: boolean,
): Plan<ForwardPlaces> {
  const { batch, heads, kvHeads, queries, keys } = sizes
  const group = groupOf(sizes)
  const matrices = batch * kvHeads
  const tile = rowsTileFor(machine, queries * group)
  const most = Math.min(
    Math.ceil(rowsTasks / Math.max(1, matrices)),
    Math.floor(keys / (tile.keys * roundsPerPart)),
  )
  const partKeys = roundUp(Math.ceil(keys / Math.max(1, most)), tile.keys)
  const parts = Math.max(1, Math.ceil(keys / Math.max(1, partKeys)))
  const split = parts > 1
  const rows = batch * heads * queries
  const kernel = forwardRowsKernel(definition, { tile, statistics, grouped: group > 1, split })
  const scratchBytes = forwardRowsScratchBytes(definition, tile, machine.floatBytes)
  const combine = split ? combineParts(definition, statistics) : undefined
  return {
    workspaceBytes: split ? rows * parts * partElements(definition) * machine.floatBytes : 0,
    launches(places, workspace) {
      checkPlaces('attention', definition, sizes, places)
      const result = resultValues(definition, places, statistics)
      const states = { states: workspace, parts }
      const values = {
        ...sourceValues(places, sizes),
        ...(split ? { ...states, partKeys } : result),
        ...leafValues(places.parameters, places.captures),
      }
      const forward = launchOf(kernel, values, matrices * parts, scratchBytes)
      if (combine === undefined) return [forward]
      const combined = { ...states, heads, queries, ...result }
      return [forward, launchOf(combine, combined, rows, parts * machine.floatBytes)]
    },
  }
}
