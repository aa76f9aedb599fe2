import { type Kernel, kernel, type ParameterTerms } from '../language/index.js'
import {
  type Block,
  blockLayout,
  type BlockParameters,
  blockParameters,
  CaptureBlock,
} from './capture-block.js'
import type { AttentionDefinition } from './definition.js'
import { attentionDerivative, type Separable } from './derivative.js'
import { headEmitter, leafParameters, type LeafParameters, type Terms } from './leaves.js'
import { taskRanges } from './ranges.js'
import type { Tile } from './tile.js'

type DotsParameters = BlockParameters & LeafParameters & { readonly batches: 'i32' }

/** Bytes of scratch memory that the kernel needs, which keeps a number for each row. */
export function filterDotsScratchBytes(
  definition: AttentionDefinition,
  tile: Tile,
  floatBytes: number,
): number {
  return (blockLayout(definition, tile).total + tile.queries) * floatBytes
}

const axes: readonly Separable[] = ['batch', 'head', 'queryRow']

/**
 * dots[batch head query] = Σ over the keys of weight × gradient of the weight: what softmax takes off each
 * gradient, where a function on the filter does more than multiply, so that upstream × output is not that
 * sum. Tasks: batch × heads × ⌈queries / tile.queries⌉.
 */
export function filterDotsKernel(definition: AttentionDefinition, tile: Tile): Kernel<DotsParameters> {
  const derivative = attentionDerivative(definition)
  const types: DotsParameters = {
    ...blockParameters(definition),
    batches: 'i32',
    ...leafParameters(definition),
  }
  const name = `attention filter dots ${Object.values(tile).join(' ')} ${definition.key}`
  return kernel(name, types, (k, given, task) => {
    const terms = given as unknown as Terms
    const p = given as unknown as ParameterTerms<BlockParameters & { batches: 'i32' }>
    const block = new CaptureBlock(k, terms, definition, derivative, tile)
    const range = taskRanges(k, task, axes)
    range('batch', p.batches, 1, (batch) => {
      range('head', p.heads, 1, (head) => {
        const emitter = headEmitter(k, terms, definition, derivative.roots, batch, head)
        range('queryRow', p.queries, tile.queries, (firstRow) => {
          const rows = p.queries.sub(firstRow).min(tile.queries)
          const place: Block = { batch, head, emitter, firstRow, rows }
          const dots = k.scratch('f32').at(blockLayout(definition, tile).total)
          k.vectors(tile.queries, (i, mask) => k.store(dots.at(i), k.vector(0), mask))
          block.load(place)
          k.loop(0, p.keys, tile.keys, (key) =>
            block.pass(place, key, p.keys.sub(key).min(tile.keys), { dots }),
          )
          const to = p.dots.at(block.matrix(place).mul(p.queries).add(firstRow))
          k.vectors(rows, (i, mask) => k.store(to.at(i), k.load(dots.at(i), mask), mask))
        })
      })
    })
  })
}
