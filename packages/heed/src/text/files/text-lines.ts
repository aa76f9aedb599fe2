import { FormatError } from '../../base/index.js'
import { largestFile } from './limits.js'

/**
 * Calls back at each line of a file, [start, end) without what ends it, and its number from 0 on. Nothing
 * comes behind the last line's end.
 *
 * @throws FormatError where the file is too long, or has more than `most` lines
 */
export function eachLine(
  bytes: Uint8Array,
  most: number,
  about: { readonly operation: string; readonly file: string | undefined },
  each: (start: number, end: number, index: number) => void,
): void {
  const refuse = (expected: string, found: string): never => {
    throw new FormatError({ ...about, expected, found, hint: 'check that it is the right file' })
  }
  if (bytes.length > largestFile) refuse(`at most ${largestFile} bytes`, String(bytes.length))
  const isMarked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  for (let start = isMarked ? 3 : 0, index = 0; start < bytes.length; index++) {
    if (index === most) refuse(`at most ${most} lines`, 'more')
    let end = bytes.indexOf(0x0a, start)
    if (end < 0) end = bytes.length
    each(start, end > start && bytes[end - 1] === 0x0d ? end - 1 : end, index)
    start = end + 1
  }
}
