import { checkpoint } from '../../autograd/index.js'
import { checkNames, UsageError } from '../../base/index.js'
import { concat } from '../../tensor/index.js'
import type { Vectors } from './vectors.js'

/**
 * The vectors of a batch that is too large to be encoded at once, chunk by chunk, so that only one chunk's
 * inside is in memory (GradCache; Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory
 * Limited Setup", section 3.2). A loss over all of them has the gradients that it has without chunks, up to
 * the order in which they are added: each chunk is encoded once for the loss and once more when its vectors'
 * gradients are known. Dropout draws from a key, so both times are the same: fold the chunk's number into it.
 *
 *     const vectors = inChunks((own, texts: Texts) => encode(own, texts), model, chunks)
 *     return inBatchNegativesLoss(vectors.slice('batch', 0, n), vectors.slice('batch', n, 2 * n))
 *
 * @param encode from the model and a chunk to batch width; it runs several times, and must give the same
 * @param model a tree of tensors, as `encode` takes it
 * @param options `cached`: false keeps the inside of all chunks, and encodes each once; default true
 * @returns batch width: the vectors of all chunks, one after the other
 * @throws UsageError where there is no chunk
 */
export function inChunks<M, C>(
  encode: (model: M, chunk: C, number: number) => Vectors,
  model: M,
  chunks: readonly C[],
  options: { readonly cached?: boolean | undefined } = {},
): Vectors {
  checkNames('inChunks', options, ['cached'])
  const { cached = true } = options
  if (chunks.length === 0)
    throw new UsageError({
      operation: 'inChunks',
      expected: 'at least one chunk',
      found: 'none',
      hint: 'give the parts that the batch is cut into',
    })
  const parts = chunks.map((chunk, i) => {
    const run = (own: M): Vectors => encode(own, chunk, i)
    return cached ? checkpoint(run)(model) : run(model)
  })
  return parts.length === 1 ? parts[0]! : concat(parts, 'batch')
}
