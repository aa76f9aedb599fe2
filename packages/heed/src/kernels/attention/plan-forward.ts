import type { Kernel, Machine } from '../language/index.js'
import { launchOf } from '../launch.js'
import { checkPlaces } from './check.js'
import { type AttentionDefinition, type AttentionSizes, goesTwice } from './definition.js'
import { forwardRowsKernel, forwardRowsScratchBytes } from './forward-rows.js'
import { forwardBlocksKernel } from './forward-blocks.js'
import { forwardBlocksScratchBytes, mostPanels } from './forward-layout.js'
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

/** How the forward pass of some sizes is computed. */
export interface ForwardForm {
  readonly kernel: Kernel
  readonly scratchBytes: number
  readonly tasks: number
  /** What the kernel is told beside where things lie. */
  readonly own: Readonly<Partial<Record<'panels' | 'partKeys', number>>>
  /** Parts that the keys are cut into; where there are several, `combine` follows. */
  readonly parts: number
  readonly combine?: Pick<ForwardForm, 'kernel' | 'scratchBytes' | 'tasks'>
}

/**
 * How the forward pass of these sizes is computed. `neighbours`: how many more attentions run in the same
 * launch; it changes how work is shared out, and no number.
 */
export function forwardForm(
  machine: Machine,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  statistics: boolean,
  neighbours = 0,
): ForwardForm {
  const half = machine.lanes === 1 ? fewRows : blockTileFor(machine).panel / 2
  return sizes.queries <= half && sizes.queries * groupOf(sizes) <= fewRows
    ? rowsForm(machine, definition, sizes, statistics)
    : blocksForm(machine, definition, sizes, statistics, neighbours)
}

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
  const { kernel, scratchBytes, tasks, own, parts, combine } = forwardForm(
    machine,
    definition,
    sizes,
    statistics,
  )
  const { batch, heads, queries } = sizes
  return {
    workspaceBytes:
      combine === undefined
        ? 0
        : batch * heads * queries * parts * partElements(definition) * machine.floatBytes,
    launches(places, workspace) {
      checkPlaces('attention', definition, sizes, places)
      const result = resultValues(definition, places, statistics)
      const states = { states: workspace, parts }
      const values = {
        ...sourceValues(places, sizes),
        ...(combine === undefined ? result : states),
        ...own,
        ...leafValues(places.parameters, places.captures),
      }
      const forward = launchOf(kernel, values, tasks, scratchBytes)
      if (combine === undefined) return [forward]
      const combined = { ...states, heads, queries, ...result }
      return [forward, launchOf(combine.kernel, combined, combine.tasks, combine.scratchBytes)]
    },
  }
}

/** Query heads that share a key/value head. */
function groupOf({ heads, kvHeads }: AttentionSizes): number {
  return kvHeads === 0 ? 1 : heads / kvHeads
}

/**
 * Tasks that queries are cut for where there are few heads: enough that threads end at about the same time.
 */
const fewestTasks = 24

function blocksForm(
  machine: Machine,
  definition: AttentionDefinition,
  { batch, heads, queries }: AttentionSizes,
  statistics: boolean,
  neighbours: number,
): ForwardForm {
  const tile = blockTileFor(machine)
  const panels = Math.ceil(queries / tile.panel)
  const matrices = Math.max(1, (batch + neighbours) * heads)
  const cuts = Math.max(Math.ceil(panels / mostPanels), Math.ceil(fewestTasks / matrices))
  const each = Math.ceil(panels / Math.min(panels, cuts))
  return {
    kernel: forwardBlocksKernel(definition, tile, statistics),
    scratchBytes: forwardBlocksScratchBytes(definition, tile, machine.floatBytes),
    tasks: batch * heads * Math.ceil(panels / each),
    own: { panels: each },
    parts: 1,
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
function rowsForm(
  machine: Machine,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  statistics: boolean,
): ForwardForm {
  const { batch, heads, kvHeads, queries, keys } = sizes
  const group = groupOf(sizes)
  const matrices = batch * kvHeads
  const tile = rowsTileFor(machine, queries * group)
  // A part knows no sums but its own.
  const most = goesTwice(definition)
    ? 1
    : Math.min(Math.ceil(rowsTasks / Math.max(1, matrices)), Math.floor(keys / (tile.keys * roundsPerPart)))
  const partKeys = roundUp(Math.ceil(keys / Math.max(1, most)), tile.keys)
  const parts = Math.max(1, Math.ceil(keys / Math.max(1, partKeys)))
  const split = parts > 1
  return {
    kernel: forwardRowsKernel(definition, { tile, statistics, grouped: group > 1, split }),
    scratchBytes: forwardRowsScratchBytes(definition, tile, machine.floatBytes),
    tasks: matrices * parts,
    own: split ? { partKeys } : {},
    parts,
    ...(split && {
      combine: {
        kernel: combineParts(definition, statistics),
        scratchBytes: parts * machine.floatBytes,
        tasks: batch * heads * queries,
      },
    }),
  }
}
