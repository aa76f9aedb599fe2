/** What is done to pictures before a model sees them, as plain data, and doing it. */
import { ShapeError, UsageError } from '../base/index.js'
import { tensor } from '../tensor/index.js'
import { cropCentre } from './crop.js'
import type { Pixels } from './patches.js'
import { checkPicture, type Picture } from './picture.js'
import type { Resample } from './resample.js'
import { resizePicture } from './resize.js'

/** A number for red, green and blue. */
export type Channels = readonly [red: number, green: number, blue: number]

/** What a model's pictures go through: resized, cropped, scaled, normalized, in this order. */
export interface ImageProcessor {
  /**
   * The size to resize to, in pixels: both sides, or the shorter one, with the longer one in proportion,
   * rounded down. Undefined: as it is.
   */
  readonly resize?: { readonly height: number; readonly width: number } | { readonly shortestEdge: number }
  /** How pixels between pixels are found. */
  readonly resample: Resample
  /** What becomes of what is transparent, where pictures are decoded for it. Undefined: it is dropped. */
  readonly transparency?: 'white'
  /** The size of the middle that stays, in pixels. Undefined: all of it. */
  readonly crop?: { readonly height: number; readonly width: number }
  /** What levels are multiplied by: 1/255. */
  readonly scale: number
  /** What is taken away from each channel after scaling. */
  readonly mean: Channels
  /** What each channel is divided by last. */
  readonly deviation: Channels
}

/**
 * A picture in the size that a model wants: resized and cropped, in 8 bits.
 *
 * @throws UsageError for no picture, or where a side would have no pixel, or too many
 */
export function fitPicture(picture: Picture, processor: ImageProcessor): Picture {
  checkPicture('fitPicture', picture)
  const { resize, resample, crop } = processor
  const resized = resize === undefined ? picture : resizePicture(picture, sizeOf(picture, resize), resample)
  return crop === undefined ? resized : cropCentre(resized, crop)
}

function sizeOf(
  { height, width }: Picture,
  resize: NonNullable<ImageProcessor['resize']>,
): { height: number; width: number } {
  if (!('shortestEdge' in resize)) return resize
  const { shortestEdge } = resize
  const longest = (long: number, short: number): number => Math.trunc((shortestEdge * long) / short)
  return height <= width
    ? { height: shortestEdge, width: longest(width, height) }
    : { height: longest(height, width), width: shortestEdge }
}

/**
 * Fitted pictures as numbers: `(level · scale - mean) / deviation`, channel by channel.
 *
 * @param fitted what `fitPicture` gives: at least one picture, all of one size
 * @returns batch, channel (red, green, blue), height, width
 * @throws ShapeError where sizes differ; UsageError for none
 */
export function pixelValues(fitted: readonly Picture[], processor: ImageProcessor): Pixels {
  const operation = 'pixelValues'
  const [first] = fitted
  if (first === undefined)
    throw new UsageError({
      operation,
      expected: 'at least one picture',
      found: 'none',
      hint: 'check what is given',
    })
  const { height, width } = first
  const tables = levelTables(processor)
  const pixels = height * width
  const values = new Float32Array(fitted.length * 3 * pixels)
  let to = 0
  for (const picture of fitted) {
    checkPicture(operation, picture)
    if (picture.height !== height || picture.width !== width)
      throw new ShapeError({
        operation,
        axis: picture.height === height ? 'width' : 'height',
        expected: `pictures of one size, ${height} by ${width} pixels as the first`,
        found: `${picture.height} by ${picture.width}`,
        hint: 'fit them to a size of both sides, or crop them',
      })
    for (let channel = 0; channel < 3; channel++) {
      const table = tables[channel]!
      for (let i = channel; i < 3 * pixels; i += 3) values[to++] = table[picture.levels[i]!]!
    }
  }
  return tensor(values, { batch: fitted.length, channel: 3, height, width })
}

/** What each level becomes, by channel. */
function levelTables({ scale, mean, deviation }: ImageProcessor): readonly Float32Array[] {
  return [0, 1, 2].map((channel) =>
    Float32Array.from({ length: 256 }, (_, level) => (level * scale - mean[channel]!) / deviation[channel]!),
  )
}

/**
 * Pictures as a model takes them: fitted, then as numbers.
 *
 * @returns batch, channel (red, green, blue), height, width
 * @throws UsageError for what are no pictures, or none; ShapeError where sizes differ after fitting
 */
export function processPictures(pictures: readonly Picture[], processor: ImageProcessor): Pixels {
  return pixelValues(
    pictures.map((picture) => fitPicture(picture, processor)),
    processor,
  )
}
