/**
 * Pictures from files: of which kind they are is seen in their bytes, and how large, before any is decoded.
 */
import { checkNames, checkWhole, inWords, UsageError } from '../base/index.js'
import { readSmallFile } from '../formats/index.js'
import { decodePixels } from '#decode-pixels'
import { longestSide, type Picture } from './picture.js'
import { pictureFormats, pictureHeader } from './picture-header.js'
import { undecodable } from './refused.js'
import type { Transparency } from './transparency.js'

/** How a picture is decoded. */
export interface DecodePictureOptions {
  /**
   * What becomes of what is transparent. Default `drop`: the colours under it are taken, as most libraries
   * do that open pictures for models.
   */
  readonly transparency?: Transparency | undefined
  /** The most pixels that a picture may have. Default 2^26: some 67 million, 192 MiB of levels. */
  readonly mostPixels?: number | undefined
  /** Its path, for errors. */
  readonly file?: string | undefined
}

const optionNames = ['transparency', 'mostPixels', 'file']
const mostPixelsByDefault = 2 ** 26
/** In bytes: many times what a picture of as many pixels has. */
const largestFile = 2 ** 28

/**
 * A picture from the bytes of a file: turned upright as its EXIF says, with the colours of a palette, of grey
 * and of inks (CMYK) as RGB, and of 16 bits a channel the upper 8. Of several pictures in a file (an
 * animation, pages) the first is taken. In Node the package sharp decodes, in browsers the platform. Decoders
 * of JPEG may differ by a few levels; sharp's gives the same levels as Pillow's.
 *
 * @throws FormatError for bytes that are no PNG, JPEG, WebP, GIF, AVIF or TIFF, that are broken or cut off,
 * or that have too many pixels
 * @throws UsageError where nothing decodes here: sharp isn't installed
 */
export async function decodePicture(bytes: Uint8Array, options: DecodePictureOptions = {}): Promise<Picture> {
  const operation = 'decodePicture'
  checkNames(operation, options, optionNames)
  const { transparency = 'drop', mostPixels = mostPixelsByDefault, file } = options
  checkWhole(operation, 'mostPixels', mostPixels, 1)
  if (!(bytes instanceof Uint8Array))
    throw new UsageError({
      operation,
      expected: 'the bytes of a file, as a Uint8Array',
      found: inWords(bytes),
      hint: 'read the file first, or call readPicture with its path',
    })
  if (transparency !== 'drop' && transparency !== 'white')
    throw new UsageError({
      operation,
      expected: "transparency 'drop' or 'white'",
      found: inWords(transparency),
      hint: 'check the option',
    })
  const origin = { operation, file }
  const { format, words, size } = pictureHeader(bytes)
  if (format === undefined)
    throw undecodable(origin, `a picture: ${pictureFormats}`, words, 'convert it to PNG or JPEG first')
  if (size !== undefined) {
    const { height, width } = size
    if (height < 1 || width < 1)
      throw undecodable(origin, `${words} with pixels`, `${width} by ${height}`, 'save it again')
    if (height * width > mostPixels || Math.max(height, width) > longestSide)
      throw undecodable(
        origin,
        `at most ${mostPixels} pixels, and ${longestSide} a side`,
        `${width} by ${height}`,
        'make the picture smaller, or raise mostPixels',
      )
  }
  return await decodePixels(bytes, { ...origin, words, transparency, mostPixels })
}

/**
 * A picture from a file on the disk.
 *
 * @throws FormatError where there is none, it has more than 256 MiB, or as `decodePicture` does
 * @throws UsageError as `decodePicture` does, and in a browser, which has no files on a disk
 */
export async function readPicture(
  path: string,
  options: Omit<DecodePictureOptions, 'file'> = {},
): Promise<Picture> {
  return await decodePicture(readSmallFile(path, largestFile), { ...options, file: path })
}
