/**
 * Pictures as sequences: cut into patches, each of which becomes a vector (Dosovitskiy et al. 2021, "An Image
 * is Worth 16x16 Words", section 3.1).
 */
import { ShapeError } from '../base/index.js'
import {
  createLinear,
  type Initializer,
  linear,
  type Linear,
  type Quantized,
  type Sequence,
} from '../nn/index.js'
import { type AnyTensor, axisOf, type Tensor } from '../tensor/index.js'

/** Pictures as a model gets them: normalized levels, row by row from the upper left. */
export type Pixels = Tensor<'batch' | 'channel' | 'height' | 'width'>

/**
 * From the levels of a patch to its vector: a convolution whose steps are as long as its kernel, which is one
 * linear map over each patch. Its kernel has the axes width, channel, row, column.
 */
export type PatchEmbedding = Linear<'channel' | 'row' | 'column', 'width'>

/** How many patches a picture has. */
export interface PatchGrid {
  readonly rows: number
  readonly columns: number
}

/** Sizes of a patch embedding. */
export interface PatchShape {
  readonly channels: number
  /** Height and width of a patch, in pixels. */
  readonly patch: number
  readonly width: number
  /** Default true. */
  readonly bias?: boolean | undefined
  readonly initializer?: Initializer | undefined
}

/** A patch embedding before training. */
export function createPatchEmbedding(
  key: Parameters<typeof createLinear>[0],
  { channels, patch, width, bias = true, initializer }: PatchShape,
): PatchEmbedding {
  return createLinear(
    key,
    { channel: channels, row: patch, column: patch },
    { width },
    { bias, ...(initializer && { initializer }) },
  )
}

/**
 * The grid of patches of pictures of this size, in pixels. What is left over at the right and at the bottom
 * belongs to no patch.
 *
 * @throws ShapeError where not one patch fits
 */
export function patchGrid(height: number, width: number, patch: number): PatchGrid {
  const rows = Math.floor(height / patch)
  const columns = Math.floor(width / patch)
  if (rows > 0 && columns > 0) return { rows, columns }
  throw new ShapeError({
    operation: 'patches',
    axis: rows > 0 ? 'width' : 'height',
    expected: `a picture of at least ${patch} × ${patch} pixels, one patch`,
    found: `${height} × ${width}`,
    hint: 'resize it as the model asks for',
  })
}

/**
 * A vector for each patch, those of the uppermost row first, from left to right.
 *
 * @param patch height and width of a patch, in pixels
 * @throws ShapeError where the pictures are smaller than a patch, or have other channels
 */
export function embedPatches(embedding: Quantized<PatchEmbedding>, pixels: Pixels, patch: number): Sequence {
  const [height, width] = (['height', 'width'] as const).map((axis) => axisOf('patches', pixels, axis).size)
  const { rows, columns } = patchGrid(height!, width!, patch)
  const patches = pixels
    .slice('height', 0, rows * patch)
    .slice('width', 0, columns * patch)
    .split('height', { gridRow: rows, row: patch })
    .split('width', { gridColumn: columns, column: patch })
  const vectors = linear<
    'batch' | 'channel' | 'gridRow' | 'row' | 'gridColumn' | 'column',
    'channel' | 'row' | 'column',
    'width'
  >(embedding, patches, ['channel', 'row', 'column'])
  return (vectors as AnyTensor as Tensor<'batch' | 'gridRow' | 'gridColumn' | 'width'>).merge(
    ['gridRow', 'gridColumn'],
    'position',
  )
}
