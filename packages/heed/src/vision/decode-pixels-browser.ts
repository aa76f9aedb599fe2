/** Decoding in a browser, or a worker of a page, by the platform. */
import type { DecodePixels } from './decode-pixels.js'
import type { Picture } from './picture.js'
import { firstLineOf, undecodable } from './refused.js'
import { toRgb } from './transparency.js'

/**
 * The pixels of a file whose kind is known. Where something is transparent and that is dropped, the colours
 * under it are those that a canvas keeps: of what can't be seen at all it keeps none.
 *
 * @throws FormatError where the platform can't decode it
 */
export async function decodePixels(bytes: Uint8Array, options: DecodePixels): Promise<Picture> {
  const { words, transparency, mostPixels } = options
  try {
    const bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>]), {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    })
    const { height, width } = bitmap
    try {
      if (height * width > mostPixels) throw new Error(`${width} by ${height} pixels`)
      const pen = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
      if (pen === null) throw new Error('no canvas to draw on')
      pen.drawImage(bitmap, 0, 0)
      const { data } = pen.getImageData(0, 0, width, height)
      return toRgb({ height, width, levels: new Uint8Array(data.buffer) }, 4, transparency)
    } finally {
      bitmap.close()
    }
  } catch (cause) {
    throw undecodable(
      options,
      `${words} that this browser decodes, of at most ${mostPixels} pixels`,
      firstLineOf(cause),
      'save it as PNG or JPEG',
      cause,
    )
  }
}
