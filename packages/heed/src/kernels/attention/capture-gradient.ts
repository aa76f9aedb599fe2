import { type Kernel, kernel, type ParameterTerms } from '../language/index.js'
import {
  type Block,
  blockLayout,
  type BlockParameters,
  blockParameters,
  CaptureBlock,
  type RowCenters,
} from './capture-block.js'
import { CaptureScatter, type GradientParameters, gradientParameters, hasCenters } from './capture-scatter.js'
import type { AttentionDefinition } from './definition.js'
import { attentionDerivative, type Separable } from './derivative.js'
import { taskRanges } from './ranges.js'
import { headEmitter, leafParameters, type LeafParameters, type Terms } from './leaves.js'
import type { Tile } from './tile.js'

type CaptureParameters = BlockParameters & GradientParameters & LeafParameters & { readonly batches: 'i32' }

/**
 * Bytes of scratch memory that the kernel needs, which keeps a number for each row and each of `accesses`.
 */
export function captureScratchBytes(
  definition: AttentionDefinition,
  tile: Tile,
  floatBytes: number,
  accesses: number,
): number {
  return (blockLayout(definition, tile).total + accesses * tile.queries) * floatBytes
}

/**
 * Gradients of captured tensors. A task has some batch, head and block of query rows, or all of them along
 * the axes that are not in `axes`, so that no two tasks write to the same element. Tasks: the product of the
 * axes' tasks.
 */
export function captureGradientKernel(
  definition: AttentionDefinition,
  tile: Tile,
  slots: readonly number[],
  axes: readonly Separable[],
): Kernel<CaptureParameters> {
  const derivative = attentionDerivative(definition)
  const types: CaptureParameters = {
    ...blockParameters(definition),
    batches: 'i32',
    ...gradientParameters(definition, slots),
    ...leafParameters(definition),
  }
  const name = `attention capture gradient ${slots.join(',')} ${axes.join(',')} ${Object.values(tile).join(' ')} ${definition.key}`
  return kernel(name, types, (k, given, task) => {
    const terms = given as unknown as Terms
    const p = given as unknown as ParameterTerms<BlockParameters & { batches: 'i32' }>
    const block = new CaptureBlock(k, terms, definition, derivative, tile)
    const scatter = new CaptureScatter(terms, definition, derivative, slots, block.part.lanes)
    const range = taskRanges(k, task, axes)
    range('batch', p.batches, 1, (batch) => {
      range('head', p.heads, 1, (head) => {
        const emitter = headEmitter(k, terms, definition, derivative.roots, batch, head)
        range('queryRow', p.queries, tile.queries, (firstRow) => {
          const place: Block = {
            batch,
            head,
            emitter,
            firstRow,
            rows: p.queries.sub(firstRow).min(tile.queries),
          }
          block.load(place)
          const throughKeys = (centers?: RowCenters): void =>
            k.loop(0, p.keys, tile.keys, (key) =>
              block.pass(place, key, p.keys.sub(key).min(tile.keys), scatter, centers),
            )
          if (!hasCenters(definition, derivative, slots)) {
            throughKeys()
            return
          }
          const at = k.scratch('f32').at(blockLayout(definition, tile).total)
          const step = tile.queries
          k.vectors(step * scatter.accesses.length, (i, mask) => k.store(at.at(i), k.vector(0), mask))
          throughKeys({ at, step, pass: 'sum' })
          throughKeys({ at, step, pass: 'use' })
        })
      })
    })
  })
}
