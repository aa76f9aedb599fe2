import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { FormatError, UsageError } from '../base/index.js'
import { decodePixels } from './decode-pixels.js'
import { decodePicture, findSharp, type Picture, pictureHeader, readPicture } from './index.js'
import { pngFile } from './testing/png.js'
import { furthest, pictureReference } from './testing/reference.js'

const found = findSharp()
const missing = typeof found === 'string'
if (missing) console.warn(`Skipped: decoding: ${found}.`)

const folder = mkdtempSync(join(tmpdir(), 'heed-pictures-'))
afterAll(() => rmSync(folder, { recursive: true }))

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const levels = ({ levels: all }: Picture): string => [...all].join()
const refusal = async (file: Uint8Array, options = {}): Promise<FormatError> => {
  const error = await decodePicture(file, options).catch((one: unknown) => one)
  expect(error).toBeInstanceOf(FormatError)
  return error as FormatError
}
const rgb = pngFile({ width: 2, height: 1, colour: 2, rows: Uint8Array.of(1, 2, 3, 250, 251, 252) })

describe('what is no picture is refused by what it is, whatever its name', () => {
  test.each([
    ['an empty file', new Uint8Array()],
    ['text', bytes('not a picture at all')],
    ['an SVG', bytes('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9"/>')],
    ['an SVG', bytes('\ufeff<!-- <!-- --><svg/>')],
    ['a page', bytes('<!doctype html><p>')],
    ['a BMP', bytes('BM123456789012345678901234567890')],
    ['a HEIC', bytes('\0\0\0\x18ftypheic\0\0\0\0mif1heic')],
    ['a PDF', bytes('%PDF-1.7\n')],
    ['a packed file', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0)],
    ['bytes of another kind', Uint8Array.of(1, 2, 3, 0, 255)],
  ])('%s', async (words, file) => {
    const error = await refusal(file, { file: 'photo.png' })
    expect(error.operation).toBe('decodePicture')
    expect(error.found).toBe(`${words} ('photo.png')`)
    expect(error.expected).toContain('PNG, JPEG, WebP, GIF, AVIF or TIFF')
    expect(error.file).toBe('photo.png')
  })

  test('SVG in UTF-16, which sharp would draw', async () => {
    const text = Buffer.from('\ufeff<svg xmlns="http://www.w3.org/2000/svg"/>', 'utf16le')
    expect((await refusal(new Uint8Array(text))).found).toBe('an SVG')
  })
})

describe('a size is seen before anything is decoded', () => {
  test('16,000 by 16,000 pixels in a small file', async () => {
    const large = pngFile({ width: 16000, height: 16000, bits: 1, colour: 0, rows: new Uint8Array(2000) })
    expect(large.length).toBeLessThan(200)
    const error = await refusal(large)
    expect(error.found).toBe('16000 by 16000')
    expect(error.hint).toContain('mostPixels')
  })

  test('of every kind', () => {
    const gif = Uint8Array.of(...bytes('GIF89a'), 3, 1, 2, 0, 0, 0)
    const jpeg = Uint8Array.of(
      0xff,
      0xd8,
      0xff,
      0xe0,
      0,
      4,
      0,
      0,
      0xff,
      0xff,
      0xc2,
      0,
      11,
      8,
      1,
      2,
      3,
      4,
      1,
      0,
    )
    const webp = (kind: string, ...rest: number[]): Uint8Array =>
      Uint8Array.of(...bytes(`RIFF\0\0\0\0WEBP${kind}`), ...rest, ...new Array<number>(20).fill(0))
    const size = (file: Uint8Array): string => {
      const { size: sides } = pictureHeader(file)
      return `${sides?.width} by ${sides?.height}`
    }
    expect(size(gif)).toBe('259 by 2')
    expect(size(jpeg)).toBe('772 by 258')
    expect(size(webp('VP8X', 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 4, 0, 0))).toBe('266 by 5')
    expect(size(webp('VP8L', 0, 0, 0, 0, 0x2f, 9, 0x40, 0, 0))).toBe('10 by 2')
    expect(size(webp('VP8 ', 0, 0, 0, 0, 0, 0, 0, 0x9d, 1, 0x2a, 7, 0, 8, 0))).toBe('7 by 8')
    expect(size(rgb)).toBe('2 by 1')
    // A header that is cut off says nothing.
    for (const file of [gif, jpeg, rgb])
      for (let end = 8; end < file.length; end++)
        expect(() => pictureHeader(file.subarray(0, end))).not.toThrow()
  })

  test('no pixels', async () => {
    const none = pngFile({ width: 0, height: 5, colour: 2, rows: new Uint8Array() })
    expect((await refusal(none)).found).toBe('0 by 5')
  })
})

test('without sharp it says what to install', async () => {
  const options = {
    operation: 'decodePicture',
    words: 'a PNG',
    transparency: 'drop',
    mostPixels: 99,
  } as const
  const error = await decodePixels(rgb, options, 'the package sharp is not installed').catch((one) => one)
  expect(error).toBeInstanceOf(UsageError)
  expect(error).toMatchObject({ found: 'the package sharp is not installed' })
  expect((error as UsageError).hint).toContain('npm install sharp')
})

test('wrong arguments are refused', async () => {
  await expect(decodePicture('photo.png' as unknown as Uint8Array)).rejects.toThrow(UsageError)
  await expect(decodePicture(rgb, { transparency: 'black' as 'white' })).rejects.toThrow(UsageError)
  await expect(decodePicture(rgb, { mostPixels: 0 })).rejects.toThrow(UsageError)
  await expect(decodePicture(rgb, { most: 3 } as object)).rejects.toThrow(/mostPixels/)
  await expect(readPicture(join(folder, 'none.png'))).rejects.toThrow(FormatError)
  await expect(readPicture(folder)).rejects.toThrow(/a folder/)
})

describe.skipIf(missing)('decoding', () => {
  test('a file, and its bytes', async () => {
    writeFileSync(join(folder, 'two.jpg'), rgb)
    const picture = await readPicture(join(folder, 'two.jpg'))
    expect([picture.height, picture.width, levels(picture)]).toEqual([1, 2, '1,2,3,250,251,252'])
    expect(levels(await decodePicture(rgb))).toBe('1,2,3,250,251,252')
  })

  test('grey, of 16 bits, with opacity, in a palette', async () => {
    const decoded = async (
      parts: Omit<Parameters<typeof pngFile>[0], 'width' | 'height'>,
      transparency?: 'white',
    ): Promise<string> =>
      levels(await decodePicture(pngFile({ width: 2, height: 1, ...parts }), { transparency }))
    expect(await decoded({ colour: 0, rows: Uint8Array.of(7, 255) })).toBe('7,7,7,255,255,255')
    expect(await decoded({ colour: 0, bits: 16, rows: Uint8Array.of(7, 200, 255, 0) })).toBe(
      '7,7,7,255,255,255',
    )
    const deep = Uint8Array.of(1, 255, 2, 0, 3, 128, 4, 1, 5, 1, 6, 1)
    expect(await decoded({ colour: 2, bits: 16, rows: deep })).toBe('1,2,3,4,5,6')
    const grey = { colour: 4, rows: Uint8Array.of(100, 0, 100, 255) }
    expect(await decoded(grey)).toBe('100,100,100,100,100,100')
    expect(await decoded(grey, 'white')).toBe('255,255,255,100,100,100')
    const half = { colour: 6, rows: Uint8Array.of(0, 100, 255, 128, 9, 8, 7, 255) }
    expect(await decoded(half)).toBe('0,100,255,9,8,7')
    expect(await decoded(half, 'white')).toBe('127,177,255,9,8,7')
    const palette = { colour: 3, rows: Uint8Array.of(0, 1), palette: Uint8Array.of(1, 2, 3, 4, 5, 6) }
    expect(await decoded(palette)).toBe('1,2,3,4,5,6')
    const clear = { ...palette, opacity: Uint8Array.of(0) }
    expect(await decoded(clear)).toBe('1,2,3,4,5,6')
    expect(await decoded(clear, 'white')).toBe('255,255,255,4,5,6')
  })

  test('one pixel', async () => {
    const pixel = await decodePicture(
      pngFile({ width: 1, height: 1, colour: 2, rows: Uint8Array.of(9, 8, 7) }),
    )
    expect([pixel.height, pixel.width, levels(pixel)]).toEqual([1, 1, '9,8,7'])
  })

  test('what is cut off or broken is refused', async () => {
    const rows = Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => Math.imul(i, 2654435761) >>> 24)
    const whole = pngFile({ width: 64, height: 64, colour: 2, rows })
    for (const end of [20, 33, 60, 2000, whole.length - 100]) {
      const error = await refusal(whole.subarray(0, end), { file: 'cut.png' })
      expect(error.expected).toContain('a PNG that is whole')
    }
    const broken = whole.slice()
    broken.fill(255, 60, 400)
    await refusal(broken)
    await refusal(Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0))
    await refusal(bytes('GIF89a\x01\0\x01\0\0\0\0;'))
  })

  test('inks become colours, and of an animation the first picture counts', async () => {
    type Encoder = (
      input: Uint8Array,
      options: object,
    ) => {
      toColourspace(space: string): { jpeg(options: object): { toBuffer(): Promise<Uint8Array> } }
      gif(options: object): { toBuffer(): Promise<Uint8Array> }
    }
    const sharp = createRequire(import.meta.url)('sharp') as Encoder
    const raw = (height: number, colours: readonly number[]): { input: Uint8Array; options: object } => ({
      input: Uint8Array.from(
        { length: 8 * height * 3 },
        (_, i) => colours[3 * Math.trunc(i / 192) + (i % 3)]!,
      ),
      options: { raw: { width: 8, height, channels: 3, pageHeight: 8 } },
    })
    const two = raw(16, [255, 0, 0, 0, 0, 255])
    const animation = await sharp(two.input, two.options).gif({ loop: 0 }).toBuffer()
    const first = await decodePicture(new Uint8Array(animation))
    expect([first.height, first.width]).toEqual([8, 8])
    expect([...first.levels.subarray(0, 3)].join()).toBe('255,0,0')
    const white = raw(8, [255, 255, 255])
    const inks = await sharp(white.input, white.options)
      .toColourspace('cmyk')
      .jpeg({ quality: 95 })
      .toBuffer()
    const paper = await decodePicture(new Uint8Array(inks))
    expect(Math.min(...paper.levels)).toBeGreaterThan(245)
  })
})

const reference = missing ? undefined : pictureReference
describe.skipIf(reference === undefined)('decoded as Pillow decodes', () => {
  const { cases = [], folder: pictures = '', tensor } = reference ?? {}
  const decoded = cases.filter(({ name }) => /^(decoded|on-white)\//.test(name))

  test.each(decoded)('$name', async ({ name, file, outputs }) => {
    const transparency = name.startsWith('on-white') ? 'white' : 'drop'
    const picture = await readPicture(join(pictures, file), { transparency })
    const { shape, values } = tensor!(outputs['rgb']!)
    expect([picture.height, picture.width, 3].join()).toBe(shape.join())
    // Decoders of JPEG may round otherwise.
    expect(furthest(picture.levels, values)).toBeLessThanOrEqual(file.endsWith('.jpg') ? 4 : 0)
  })
})
