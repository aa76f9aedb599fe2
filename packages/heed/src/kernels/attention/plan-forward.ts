import type { Machine } from '../language/index.js'
import type { Launch } from '../launch.js'
import { checkPlaces } from './check.js'
import type { AttentionDefinition, AttentionSizes } from './definition.js'
import { directProducts } from './direct-products.js'
import { attentionForwardKernel, type ForwardForm, forwardScratchBytes } from './forward.js'
import { leafValues } from './leaves.js'
import { packRows, packRowsPerTask, packTransposed } from './pack.js'
import { combineParts, partElements } from './parts.js'
import type { ForwardPlaces, Plan } from './places.js'
import { packedProducts } from './products.js'
import { resultValues } from './result.js'
import { directTileFor, roundUp, tileFor } from './tile.js'
import { type Chunk, chunksOf, packParameters, placeValues, workspaceLayout } from './workspace.js'

/** Bytes of packed keys and values that are held at a time, as near as whole heads come. */
const forwardBytes = 1 << 22

/** Query rows a key/value head up to which key and value are read where they lie. */
const directRows = 16

/**
 * output = softmax over the keys of score(q·k), masked, times value, never holding query × key numbers; and the
 * largest score and the scale of each row, which the backward pass needs. All kernels of a plan must run on `machine`. The results don't depend
 * on `limit`.
 */
export function attentionForward(
  machine: Machine,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  statistics = false,
  limit: number = forwardBytes,
): Plan<ForwardPlaces> {
  // Packing reads all keys and values and writes them once more: not for a few rows.
  return sizes.queries * groupOf(sizes) <= directRows
    ? directForward(machine, definition, sizes, statistics)
    : packedForward(machine, definition, sizes, statistics, limit)
}

/** Query heads that share a key/value head. */
function groupOf({ heads, kvHeads }: AttentionSizes): number {
  return kvHeads === 0 ? 1 : heads / kvHeads
}

function packedForward(
  machine: Machine,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  statistics: boolean,
  limit: number,
): Plan<ForwardPlaces> {
  const { batch, kvHeads, queries, keys } = sizes
  const { width, valueWidth } = definition
  const tile = tileFor(machine)
  const form = { tile, products: packedProducts, statistics, grouped: false, split: false }
  const [keyElements, valueElements] = [
    roundUp(keys, tile.panel) * width,
    keys * roundUp(valueWidth, tile.panel),
  ]
  const chunks = chunksOf(batch * kvHeads, (keyElements + valueElements) * machine.floatBytes, limit)
  const most = chunks[0]?.matrices ?? 0
  const { offsets, total } = workspaceLayout(machine, {
    key: most * keyElements,
    value: most * valueElements,
  })
  const keyPack = packTransposed(width, tile.panel)
  const valuePack = packRows(valueWidth, tile.panel)
  const forward = forwardLaunch(machine, definition, sizes, form)
  return {
    workspaceBytes: total,
    launches(places, workspace) {
      checkPlaces('attention', definition, sizes, places)
      const { key, value } = places
      const [packedKey, packedValue] = [workspace + offsets.key, workspace + offsets.value]
      return chunks.flatMap(({ first, matrices }: Chunk): Launch[] => [
        {
          kernel: keyPack,
          tasks: matrices * Math.ceil(keys / tile.panel),
          parameters: packParameters(key, packedKey, kvHeads, keys, first),
        },
        {
          kernel: valuePack,
          tasks: matrices * Math.ceil(keys / packRowsPerTask),
          parameters: packParameters(value, packedValue, kvHeads, keys, first),
        },
        forward(
          places,
          matrices * groupOf(sizes) * Math.ceil(queries / tile.queries),
          first,
          [packedKey, packedValue],
          resultValues(definition, places, statistics),
        ),
      ])
    },
  }
}

/** Tasks that keys are cut for where there are fewer key/value heads: several for each thread of a large machine. */
const directTasks = 64
/** Rounds of keys that a part has at least: 1,024 keys where vectors have lanes. Shorter parts take some percent longer on one thread. */
const roundsPerPart = 16

/** Of few rows; the parts of the keys depend on the sizes alone, so that threads change nothing. */
function directForward(
  machine: Machine,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  statistics: boolean,
): Plan<ForwardPlaces> {
  const { batch, heads, kvHeads, queries, keys } = sizes
  const group = groupOf(sizes)
  const matrices = batch * kvHeads
  const tile = directTileFor(machine, queries * group)
  const most = Math.min(
    Math.ceil(directTasks / Math.max(1, matrices)),
    Math.floor(keys / (tile.keys * roundsPerPart)),
  )
  const partKeys = roundUp(Math.ceil(keys / Math.max(1, most)), tile.keys)
  const parts = Math.ceil(keys / Math.max(1, partKeys))
  const split = parts > 1
  const rows = batch * heads * queries
  const form = { tile, products: directProducts, statistics, grouped: group > 1, split }
  const forward = forwardLaunch(machine, definition, sizes, form)
  const combine = split ? combineParts(definition, statistics) : undefined
  return {
    workspaceBytes: split ? rows * parts * partElements(definition) * machine.floatBytes : 0,
    launches(places, workspace) {
      checkPlaces('attention', definition, sizes, places)
      const from = [...placeValues(places.key), ...placeValues(places.value)]
      const result = resultValues(definition, places, statistics)
      const states = [workspace, parts]
      if (combine === undefined) return [forward(places, matrices, 0, from, result)]
      return [
        forward(places, matrices * parts, 0, from, [...states, partKeys]),
        {
          kernel: combine,
          tasks: rows,
          scratchBytes: parts * machine.floatBytes,
          parameters: [...states, heads, queries, ...result],
        },
      ]
    },
  }
}

/** A launch of `tasks` tasks for the matrices from `first` on, with where key and value come from and where the rows go. */
type ForwardLaunch = (
  places: ForwardPlaces,
  tasks: number,
  first: number,
  from: readonly number[],
  to: readonly number[],
) => Launch

function forwardLaunch(
  machine: Machine,
  definition: AttentionDefinition,
  { heads, kvHeads, queries, keys }: AttentionSizes,
  form: ForwardForm,
): ForwardLaunch {
  const kernel = attentionForwardKernel(definition, form)
  const scratchBytes = forwardScratchBytes(definition, form.tile, machine.floatBytes)
  return (places, tasks, first, from, to) => ({
    kernel,
    tasks,
    scratchBytes,
    parameters: [
      ...placeValues(places.query),
      heads,
      kvHeads,
      queries,
      keys,
      first,
      ...from,
      ...to,
      ...leafValues(places.parameters, places.captures),
    ],
  })
}
