import { inWords, ShapeError, UsageError } from '../base/index.js'

/** A picture in memory: RGB, 8 bits a channel. */
export interface Picture {
  /** In pixels. */
  readonly height: number
  /** In pixels. */
  readonly width: number
  /** Height, width, channel (red, green, blue), row by row: 3 · height · width numbers from 0 to 255. */
  readonly levels: Uint8Array
}

/** The longest side of a picture that is computed with, in pixels. */
export const longestSide: number = 2 ** 16

/**
 * @throws UsageError for what is no picture; ShapeError where there are more levels than its size, or fewer
 */
export function checkPicture(operation: string, picture: Picture): void {
  const given: unknown = picture
  const { height, width, levels } = (typeof given === 'object' && given !== null ? given : {}) as Picture
  if (!(levels instanceof Uint8Array) || !isSide(height) || !isSide(width))
    throw new UsageError({
      operation,
      expected: `a picture: { height, width, levels }, sides from 1 to ${longestSide} pixels`,
      found:
        levels instanceof Uint8Array
          ? `height ${inWords(height)} and width ${inWords(width)}`
          : inWords(given),
      hint: 'decode a file with decodePicture',
    })
  if (levels.length !== 3 * height * width)
    throw new ShapeError({
      operation,
      axis: 'channel',
      expected: `${3 * height * width} levels, those of ${height} by ${width} pixels of three channels`,
      found: String(levels.length),
      hint: 'bring it to RGB first, without transparency',
    })
}

/** @throws UsageError where a side of what is asked for can't be a picture's */
export function checkSides(
  operation: string,
  sides: { readonly height: number; readonly width: number },
): void {
  if (isSide(sides.height) && isSide(sides.width)) return
  throw new UsageError({
    operation,
    expected: `a height and a width from 1 to ${longestSide} pixels`,
    found: `${inWords(sides.height)} and ${inWords(sides.width)}`,
    hint: 'check the size that is asked for',
  })
}

function isSide(side: number): boolean {
  return Number.isSafeInteger(side) && side >= 1 && side <= longestSide
}
