import type { Machine } from '../language/index.js'
import type { Launch } from '../launch.js'
import type { AttentionDefinition, AttentionSizes, CapturePlace, Place } from './definition.js'
import { attentionForwardKernel, forwardScratchBytes } from './forward.js'
import { leafValues } from './leaves.js'
import { packRows, packRowsPerTask, packTransposed } from './pack.js'
import { roundUp, tileFor } from './tile.js'

/** Where the tensors of one attention lie. */
export interface ForwardPlaces {
  /** [batch head query width] */
  readonly query: Place
  /** [batch kvHead key width] */
  readonly key: Place
  /** [batch kvHead key valueWidth] */
  readonly value: Place
  /** [batch head query valueWidth] */
  readonly output: Place
  /** [batch head query], contiguous: ln of the denominator; −infinity where nothing may be attended. */
  readonly logSumExp: number
  /** [head], contiguous, where the definition has a sink. */
  readonly sink?: number
  readonly captures: readonly CapturePlace[]
  readonly parameters: readonly number[]
  readonly statistics?: StatisticsPlaces
}

/** Byte addresses, each [batch head query], contiguous. */
export interface StatisticsPlaces {
  /** −Σ f ln f in nats; f32 */
  readonly entropy: number
  /** f32 */
  readonly largestWeight: number
  /** i32: the key of the largest weight, the lowest of equals, −1 where nothing may be attended. */
  readonly largestKey: number
}

/** An operation as plain data: allocate `workspaceBytes`, then run the launches in order. */
export interface Plan<Places> {
  /** Memory that the launches share among themselves, 64-byte aligned, contents unspecified. */
  readonly workspaceBytes: number
  launches(places: Places, workspace: number): Launch[]
}

/**
 * output = softmax over the keys of score(q·k), masked, times value, never holding query × key numbers; and the
 * log-sum-exp of each row, which the backward pass needs. All kernels of a plan must run on `machine`.
 */
export function attentionForward(machine: Machine, definition: AttentionDefinition, sizes: AttentionSizes, statistics = false): Plan<ForwardPlaces> {
  const tile = tileFor(machine)
  const { width, valueWidth } = definition
  const { batch, heads, kvHeads, queries, keys } = sizes
  const matrices = batch * kvHeads
  const keyElements = matrices * roundUp(keys, tile.panel) * width
  const valueElements = matrices * keys * roundUp(valueWidth, tile.panel)
  const valueOffset = roundUp(keyElements * machine.floatBytes, 64)
  const keyPack = packTransposed(width, tile.panel)
  const valuePack = packRows(valueWidth, tile.panel)
  const forward = attentionForwardKernel(definition, tile, statistics)
  return {
    workspaceBytes: valueOffset + valueElements * machine.floatBytes,
    launches(places, workspace) {
      const { query, key, value, output, logSumExp } = places
      const packedValue = workspace + valueOffset
      return [
        { kernel: keyPack, tasks: matrices * Math.ceil(keys / tile.panel), parameters: packParameters(key, workspace, kvHeads, keys) },
        { kernel: valuePack, tasks: matrices * Math.ceil(keys / packRowsPerTask), parameters: packParameters(value, packedValue, kvHeads, keys) },
        {
          kernel: forward,
          tasks: batch * heads * Math.ceil(queries / tile.queries),
          scratchBytes: forwardScratchBytes(definition, tile, machine.floatBytes),
          parameters: [
            query.address, query.batch, query.head, query.row, workspace, packedValue,
            output.address, output.batch, output.head, output.row, logSumExp, heads, kvHeads, queries, keys,
            ...(statistics ? [places.statistics!.entropy, places.statistics!.largestWeight, places.statistics!.largestKey] : []),
            ...(definition.sink ? [places.sink!] : []),
            ...leafValues(places.parameters, places.captures),
          ],
        },
      ]
    },
  }
}

function packParameters(source: Place, packed: number, heads: number, length: number): number[] {
  return [source.address, packed, source.batch, source.head, source.row, heads, length]
}
