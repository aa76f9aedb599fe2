/**
 * Decoding in Node, by sharp. Where a bundler writes for browsers, decode-pixels-browser.ts stands in this
 * module's place.
 */
import { UsageError } from '../base/index.js'
import type { Picture } from './picture.js'
import { firstLineOf, type PictureOrigin, undecodable } from './refused.js'
import { findSharp, type Sharp, type SharpPipeline } from './sharp.js'
import { inksToRgb, toRgb, type Transparency } from './transparency.js'

/** How long one picture may take, in seconds. */
const longest = 60

/** What is decoded, and how much of it. */
export interface DecodePixels extends PictureOrigin {
  readonly words: string
  readonly transparency: Transparency
  readonly mostPixels: number
}

/**
 * The pixels of a file whose kind is known.
 *
 * @throws UsageError where sharp is not installed; FormatError where the file is broken
 */
export async function decodePixels(
  bytes: Uint8Array,
  options: DecodePixels,
  sharp: Sharp | string = findSharp(),
): Promise<Picture> {
  const { operation, words, transparency, mostPixels } = options
  if (typeof sharp === 'string')
    throw new UsageError({
      operation,
      expected: 'the package sharp, which decodes pictures in Node',
      found: sharp,
      hint: 'npm install sharp, or give pictures that are decoded: { height, width, levels }',
    })
  // Colours as they are stored, as Pillow reads them: no profile changes them.
  const open = (): SharpPipeline =>
    sharp(bytes, { failOn: 'error', limitInputPixels: mostPixels, ignoreIcc: true })
  try {
    const { space } = await open().metadata()
    const upright = open().autoOrient().timeout({ seconds: longest })
    const inks = space === 'cmyk'
    const converted = inks
      ? upright.pipelineColourspace('cmyk').toColourspace('cmyk')
      : upright.toColourspace('srgb')
    const { data, info } = await converted.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
    const { height, width, channels } = info
    const levels = new Uint8Array(data.buffer, data.byteOffset, data.length)
    return inks && channels === 4
      ? inksToRgb({ height, width, levels })
      : toRgb({ height, width, levels }, channels, transparency)
  } catch (cause) {
    throw undecodable(
      options,
      `${words} that is whole, of at most ${mostPixels} pixels`,
      firstLineOf(cause),
      'open it in a program for pictures and save it again',
      cause,
    )
  }
}
