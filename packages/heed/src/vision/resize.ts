/**
 * Resizing, with the same levels as Pillow 13: the checkpoints of the hub were trained on what it makes of
 * pictures. Each axis is resized on its own. Weights are whole numbers of 22 bits, and levels between the two
 * passes have 8.
 */
import { UsageError } from '../base/index.js'
import { checkPicture, checkSides, type Picture } from './picture.js'
import { type Resample, type ResampleFilter, resampleFilters, resampleNames } from './resample.js'

const weightBits = 22

/**
 * A picture of another size. Where it shrinks, filters are stretched over all pixels that become one, so that
 * nothing fine turns into a coarse pattern.
 *
 * @param size height and width, in pixels
 * @throws UsageError for no picture, no size, or an unknown filter
 */
export function resizePicture(
  picture: Picture,
  size: { readonly height: number; readonly width: number },
  resample: Resample = 'bilinear',
): Picture {
  const operation = 'resizePicture'
  checkPicture(operation, picture)
  checkSides(operation, size)
  if (!resampleNames.includes(resample))
    throw new UsageError({
      operation,
      expected: `a filter: ${resampleNames.join(', ')}`,
      found: `'${String(resample)}'`,
      hint: 'check its name',
    })
  const { height, width } = size
  if (height === picture.height && width === picture.width)
    return { height, width, levels: picture.levels.slice() }
  if (resample === 'nearest') return nearestPixels(picture, height, width)
  const filter = resampleFilters[resample]
  return isHeightFirst(picture, height, width)
    ? resizedWidth(resizedHeight(picture, height, filter), width, filter)
    : resizedHeight(resizedWidth(picture, width, filter), height, filter)
}

/** The height comes first where it shrinks by more than twice as many pixels as the width. */
function isHeightFirst(picture: Picture, height: number, width: number): boolean {
  return picture.height > height && picture.height - height > 2 * (picture.width - width)
}

/** Each pixel is the one under its centre. */
function nearestPixels({ levels, ...old }: Picture, height: number, width: number): Picture {
  const row = places(old.height, height)
  const column = places(old.width, width)
  const out = new Uint8Array(3 * height * width)
  let to = 0
  for (const y of row)
    for (const x of column) {
      const from = 3 * (y * old.width + x)
      out[to++] = levels[from]!
      out[to++] = levels[from + 1]!
      out[to++] = levels[from + 2]!
    }
  return { height, width, levels: out }
}

/** Which old pixel lies under the centre of each new one, added up as Pillow does. */
function places(length: number, size: number): Int32Array {
  const scale = length / size
  const found = new Int32Array(size)
  let centre = scale * 0.5
  for (let i = 0; i < size; i++, centre += scale) found[i] = Math.min(Math.trunc(centre), length - 1)
  return found
}

/** What each new pixel is made of: the first old pixel, how many, and a weight of 22 bits for each. */
interface Weights {
  readonly first: Int32Array
  readonly count: Int32Array
  /** New pixel, old pixel: `most` for each. */
  readonly weights: Float64Array
  readonly most: number
}

function weightsFor(length: number, size: number, { support, weight }: ResampleFilter): Weights {
  const scale = length / size
  const stretch = Math.max(scale, 1)
  const reach = support * stretch
  const most = Math.min(2 * Math.ceil(reach) + 1, length)
  const first = new Int32Array(size)
  const count = new Int32Array(size)
  const weights = new Float64Array(size * most)
  for (let i = 0; i < size; i++) {
    const centre = (i + 0.5) * scale
    const begin = Math.max(Math.trunc(centre - reach + 0.5), 0)
    const end = Math.min(Math.trunc(centre + reach + 0.5), length)
    const inverse = 1 / stretch
    let sum = 0
    for (let j = begin; j < end; j++) {
      const one = weight((j - centre + 0.5) * inverse)
      weights[i * most + j - begin] = one
      sum += one
    }
    for (let k = 0; k < end - begin; k++) {
      const share = (sum === 0 ? weights[i * most + k]! : weights[i * most + k]! / sum) * 2 ** weightBits
      weights[i * most + k] = Math.trunc(share < 0 ? share - 0.5 : share + 0.5)
    }
    first[i] = begin
    count[i] = end - begin
  }
  return { first, count, weights, most }
}

function resizedWidth(picture: Picture, width: number, filter: ResampleFilter): Picture {
  const { height, levels } = picture
  if (width === picture.width) return picture
  const { first, count, weights, most } = weightsFor(picture.width, width, filter)
  const out = new Uint8Array(3 * height * width)
  let to = 0
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let from = 3 * (y * picture.width + first[x]!)
      let red = half
      let green = half
      let blue = half
      const end = x * most + count[x]!
      for (let k = x * most; k < end; k++, from += 3) {
        const weight = weights[k]!
        red += weight * levels[from]!
        green += weight * levels[from + 1]!
        blue += weight * levels[from + 2]!
      }
      out[to++] = level(red)
      out[to++] = level(green)
      out[to++] = level(blue)
    }
  return { height, width, levels: out }
}

function resizedHeight(picture: Picture, height: number, filter: ResampleFilter): Picture {
  const { width, levels } = picture
  if (height === picture.height) return picture
  const { first, count, weights, most } = weightsFor(picture.height, height, filter)
  const row = 3 * width
  const sums = new Float64Array(row)
  const out = new Uint8Array(height * row)
  for (let y = 0; y < height; y++) {
    sums.fill(half)
    for (let k = 0; k < count[y]!; k++) {
      const weight = weights[y * most + k]!
      const from = (first[y]! + k) * row
      for (let x = 0; x < row; x++) sums[x] = sums[x]! + weight * levels[from + x]!
    }
    for (let x = 0; x < row; x++) out[y * row + x] = level(sums[x]!)
  }
  return { height, width, levels: out }
}

const half = 2 ** (weightBits - 1)

/**
 * A sum of weighted levels as a level. All of it is whole and below 2^53, so that no order of sums matters.
 */
function level(sum: number): number {
  const whole = Math.floor(sum / 2 ** weightBits)
  return whole < 0 ? 0 : whole > 255 ? 255 : whole
}
