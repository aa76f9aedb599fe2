/** What the first bytes of a file say: which kind of picture it is, and how large. */

/** The kinds that are decoded. */
export type PictureFormat = 'png' | 'jpeg' | 'webp' | 'gif' | 'avif' | 'tiff'

/** The kinds in the words of errors. */
export const pictureFormats = 'PNG, JPEG, WebP, GIF, AVIF or TIFF'

/** What a file is. */
export interface PictureHeader {
  /** Undefined: it is none of those that are decoded. */
  readonly format: PictureFormat | undefined
  /** What it is, in words: `a JPEG`, `an SVG`, `text`. */
  readonly words: string
  /** In pixels, where the header says it within what is looked at. */
  readonly size?: { readonly height: number; readonly width: number } | undefined
}

/** Bytes at most that are looked at. */
const most = 2 ** 20

/** What a file is by its first bytes, whatever its name says. */
export function pictureHeader(bytes: Uint8Array): PictureHeader {
  if (bytes.length === 0) return { format: undefined, words: 'an empty file' }
  const head = bytes.subarray(0, most)
  const starts = (...signature: number[]): boolean => signature.every((byte, i) => head[i] === byte)
  if (starts(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a))
    return { format: 'png', words: 'a PNG', size: sized(head, 16, 4) }
  if (starts(0xff, 0xd8, 0xff)) return { format: 'jpeg', words: 'a JPEG', size: jpegSize(bytes) }
  const begin = ascii(head, 0, 12)
  if (/^GIF8[79]a/.test(begin)) return { format: 'gif', words: 'a GIF', size: gifSize(head) }
  if (/^RIFF[^]{4}WEBP/.test(begin)) return { format: 'webp', words: 'a WebP', size: webpSize(head) }
  if (/^(II\*\0|MM\0\*)/.test(begin)) return { format: 'tiff', words: 'a TIFF' }
  if (/^[^]{4}ftyp/.test(begin)) return isoMedia(head)
  return { format: undefined, words: otherKind(head) }
}

/** Pictures in the container of MP4: AVIF is decoded, the others are named. */
function isoMedia(head: Uint8Array): PictureHeader {
  const brands = ascii(head, 8, Math.min(number(head, 0, 4), 256))
  if (/avi[fs]/.test(brands)) return { format: 'avif', words: 'an AVIF', size: isoSize(head) }
  if (/hei[cxms]|hev[cx]|mif1|msf1/.test(brands)) return { format: undefined, words: 'a HEIC' }
  return { format: undefined, words: 'a film' }
}

/** What else a file may be, for errors that name it. */
function otherKind(head: Uint8Array): string {
  const kinds: readonly (readonly [string, RegExp])[] = [
    ['a BMP', /^BM/],
    ['an icon', /^\0\0[\x01\x02]\0/],
    ['a PDF', /^%PDF/],
    ['a PSD', /^8BPS/],
    ['a JPEG XL', /^(\xff\x0a|\0\0\0\x0cJXL )/],
    ['a JPEG 2000', /^(\xff\x4f\xff\x51|\0\0\0\x0cjP )/],
    ['a packed file', /^(\x1f\x8b|PK)/],
  ]
  const begin = ascii(head, 0, 16)
  const kind = kinds.find(([, pattern]) => pattern.test(begin))?.[0]
  if (kind !== undefined) return kind
  const text = plainText(head.subarray(0, 4096))
  if (text === undefined) return 'bytes of another kind'
  return /<(\w+:)?svg[\s/>]|<!DOCTYPE\s+svg/i.test(text)
    ? 'an SVG'
    : /^\s*<(!|html)/i.test(text)
      ? 'a page'
      : 'text'
}

/** Bytes as text, where they are: in UTF-8 or UTF-16, as far as can be seen. */
function plainText(bytes: Uint8Array): string | undefined {
  const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
  const text = ascii(bytes, 0, bytes.length)
  const narrow = wide ? text.slice(2).replaceAll('\0', '') : text
  for (let i = 0; i < narrow.length; i++) {
    const code = narrow.charCodeAt(i)
    if (code < 32 && code !== 9 && code !== 10 && code !== 12 && code !== 13) return undefined
  }
  return narrow
}

type Size = { readonly height: number; readonly width: number } | undefined

/** Width, then height, each of `bytes` bytes, the highest first. */
function sized(head: Uint8Array, at: number, bytes: number): Size {
  if (head.length < at + 2 * bytes) return undefined
  return { width: number(head, at, bytes), height: number(head, at + bytes, bytes) }
}

function gifSize(head: Uint8Array): Size {
  if (head.length < 10) return undefined
  return { width: head[6]! + 256 * head[7]!, height: head[8]! + 256 * head[9]! }
}

/** The size in the frame's header, behind segments of other things. */
function jpegSize(bytes: Uint8Array): Size {
  let at = 2
  while (at + 9 < bytes.length) {
    if (bytes[at] !== 0xff) return undefined
    const marker = bytes[at + 1]!
    if (marker === 0xff) {
      at++
      continue
    }
    // Frames of every kind; between them lie tables (c4, cc) and something reserved (c8).
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc)
      return { height: number(bytes, at + 5, 2), width: number(bytes, at + 7, 2) }
    const standsAlone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)
    at += 2 + (standsAlone ? 0 : Math.max(number(bytes, at + 2, 2), 2))
  }
  return undefined
}

function webpSize(head: Uint8Array): Size {
  if (head.length < 30) return undefined
  const little = (at: number, bytes: number): number => {
    let value = 0
    for (let i = bytes - 1; i >= 0; i--) value = 256 * value + head[at + i]!
    return value
  }
  switch (ascii(head, 12, 16)) {
    case 'VP8X':
      return { width: little(24, 3) + 1, height: little(27, 3) + 1 }
    case 'VP8L': {
      const bits = little(21, 4)
      return { width: (bits % 2 ** 14) + 1, height: (Math.floor(bits / 2 ** 14) % 2 ** 14) + 1 }
    }
    case 'VP8 ':
      return { width: little(26, 2) % 2 ** 14, height: little(28, 2) % 2 ** 14 }
    default:
      return undefined
  }
}

/** The largest size that a box `ispe` says, among all that the file has pictures of. */
function isoSize(head: Uint8Array): Size {
  let largest: Size
  for (let at = 0; at + 16 <= head.length; at++) {
    if (head[at] !== 0x69 || ascii(head, at, at + 4) !== 'ispe') continue
    const found = sized(head, at + 8, 4)!
    if (largest === undefined || found.height * found.width > largest.height * largest.width) largest = found
  }
  return largest
}

function number(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let i = 0; i < count; i++) value = 256 * value + (bytes[at + i] ?? 0)
  return value
}

/** One character a byte. */
function ascii(bytes: Uint8Array, begin: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(begin, Math.min(end, bytes.length)))
}
