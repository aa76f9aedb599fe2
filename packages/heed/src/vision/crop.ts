import { checkPicture, checkSides, type Picture } from './picture.js'

/**
 * The middle of a picture. Where a side is too short, black stands around it; of an odd number of rows or
 * columns of black, one more stands before than behind.
 *
 * @param size height and width, in pixels
 * @throws UsageError for no picture, or no size
 */
export function cropCentre(
  picture: Picture,
  { height, width }: { readonly height: number; readonly width: number },
): Picture {
  checkPicture('cropCentre', picture)
  checkSides('cropCentre', { height, width })
  const rows = middle(picture.height, height)
  const columns = middle(picture.width, width)
  const levels = new Uint8Array(3 * height * width)
  for (let y = 0; y < rows.length; y++) {
    const from = 3 * ((rows.from + y) * picture.width + columns.from)
    const to = 3 * ((rows.to + y) * width + columns.to)
    levels.set(picture.levels.subarray(from, from + 3 * columns.length), to)
  }
  return { height, width, levels }
}

/** How many pixels of a side stay, from where, and where they go. */
function middle(side: number, size: number): { from: number; to: number; length: number } {
  return side >= size
    ? { from: Math.floor((side - size) / 2), to: 0, length: size }
    : { from: 0, to: Math.ceil((size - side) / 2), length: side }
}
