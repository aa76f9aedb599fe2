import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError, ShapeError, UsageError } from '../base/index.js'
import {
  cropCentre,
  fitPicture,
  type ImageProcessor,
  type Picture,
  pixelValues,
  processPictures,
  readImageProcessor,
  type Resample,
  resampleNames,
  resizePicture,
  writeImageProcessor,
} from './index.js'

/** A picture whose level at (row, column, channel) is a function of them. */
function painted(height: number, width: number, level: (y: number, x: number, c: number) => number): Picture {
  const levels = new Uint8Array(3 * height * width)
  for (let i = 0; i < levels.length; i++)
    levels[i] = level(Math.trunc(i / (3 * width)), Math.trunc(i / 3) % width, i % 3)
  return { height, width, levels }
}
const levelsOf = ({ levels }: Picture): string => [...levels].join()
const sides = fc.integer({ min: 1, max: 24 })
const anyPicture = fc
  .tuple(sides, sides, fc.integer())
  .map(([height, width, seed]) =>
    painted(height, width, (y, x, c) => Math.abs(Math.imul(seed + 31 * y + 7 * x + c, 2654435761)) % 256),
  )

describe('resizing', () => {
  test.each(resampleNames)('%s: one colour stays that colour', (resample) => {
    fc.assert(
      fc.property(sides, sides, sides, sides, (height, width, toHeight, toWidth) => {
        const picture = painted(height, width, (_, __, c) => [13, 200, 255][c]!)
        const resized = resizePicture(picture, { height: toHeight, width: toWidth }, resample)
        expect(levelsOf(resized)).toBe(levelsOf(painted(toHeight, toWidth, (_, __, c) => [13, 200, 255][c]!)))
      }),
    )
  })

  test.each(resampleNames)('%s: mirrored before is mirrored after', (resample) => {
    // The pixel under a centre that lies between two pixels is the one behind it.
    const size = resample === 'nearest' || resample === 'box' ? [3, 5] : [4, 7]
    const mirrored = ({ height, width, levels }: Picture): Picture =>
      painted(height, width, (y, x, c) => levels[3 * (y * width + width - 1 - x) + c]!)
    fc.assert(
      fc.property(anyPicture, (picture) => {
        fc.pre((resample !== 'nearest' && resample !== 'box') || picture.width % 2 === 1)
        const to = { height: size[0]!, width: size[1]! }
        expect(levelsOf(resizePicture(mirrored(picture), to, resample))).toBe(
          levelsOf(mirrored(resizePicture(picture, to, resample))),
        )
      }),
    )
  })

  test('the same size is the same picture, as a copy', () => {
    const picture = painted(3, 4, (y, x) => 10 * y + x)
    const same = resizePicture(picture, picture, 'bicubic')
    expect(levelsOf(same)).toBe(levelsOf(picture))
    expect(same.levels).not.toBe(picture.levels)
  })

  test('halving with a box is the mean of two by two', () => {
    const picture = painted(4, 4, (y, x, c) => 16 * y + 4 * x + c)
    const { levels } = resizePicture(picture, { height: 2, width: 2 }, 'box')
    expect([...levels].join()).toBe('10,11,12,18,19,20,42,43,44,50,51,52')
  })

  test('a picture of one pixel becomes any size', () => {
    const pixel = painted(1, 1, (_, __, c) => 7 * c)
    for (const resample of resampleNames)
      expect(levelsOf(resizePicture(pixel, { height: 3, width: 9 }, resample))).toBe(
        levelsOf(painted(3, 9, (_, __, c) => 7 * c)),
      )
  })

  test('what is no picture, no size and no filter is refused', () => {
    const picture = painted(2, 2, () => 0)
    const wrong = (size: object, resample = 'bilinear'): (() => Picture) => {
      return () => resizePicture(picture, size as Picture, resample as Resample)
    }
    for (const side of [0, -1, 1.5, NaN, 2 ** 20]) {
      expect(wrong({ height: side, width: 2 })).toThrow(UsageError)
      expect(wrong({ height: 2, width: side })).toThrow(UsageError)
    }
    expect(wrong({ height: 1, width: 1 }, 'sharp')).toThrow(/a filter: nearest.*found 'sharp'/)
    expect(() => resizePicture(undefined as unknown as Picture, picture)).toThrow(UsageError)
    expect(() => resizePicture({ ...picture, levels: new Uint8Array(4) }, picture)).toThrow(ShapeError)
    expect(() => resizePicture({ ...picture, levels: new Uint8Array(16) }, picture)).toThrow(/12 levels/)
  })
})

test('the middle stays, and what is too short gets black around it, more before than behind', () => {
  const row = painted(1, 5, (_, x, c) => 10 * x + c + 1)
  expect([...cropCentre(row, { height: 1, width: 2 }).levels].join()).toBe('11,12,13,21,22,23')
  const padded = cropCentre(row, { height: 4, width: 2 })
  expect([...padded.levels].join()).toBe('0,0,0,0,0,0,0,0,0,0,0,0,11,12,13,21,22,23,0,0,0,0,0,0')
})

describe('processors', () => {
  const numbers = { scale: 1 / 255, mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.25, 1] } as const
  const to = (resize: ImageProcessor['resize'] & object): ImageProcessor => ({
    ...numbers,
    resize,
    resample: 'bilinear',
  })

  test('the shorter side is as asked, the longer one in proportion, rounded down', () => {
    const size = (height: number, width: number): string => {
      const fitted = fitPicture(
        painted(height, width, () => 0),
        to({ shortestEdge: 10 }),
      )
      return `${fitted.height}, ${fitted.width}`
    }
    expect([size(30, 30), size(30, 47), size(47, 30), size(3, 4)]).toEqual([
      '10, 10',
      '10, 15',
      '15, 10',
      '10, 13',
    ])
  })

  test('numbers by channel, then row, then column', () => {
    const pixels = processPictures([painted(1, 2, (_, x, c) => 51 * (x + c))], {
      ...numbers,
      resample: 'bilinear',
    })
    expect(pixels.shape).toEqual({ batch: 1, channel: 3, height: 1, width: 2 })
    const found = [...pixels.values(['batch', 'channel', 'height', 'width'])].map((one) => one.toFixed(4))
    expect(found.join()).toBe('-1.0000,-0.6000,-1.2000,-0.4000,-0.1000,0.1000')
  })

  test('pictures of different sizes are no batch, nor are none', () => {
    const [small, large] = [painted(2, 2, () => 1), painted(2, 3, () => 1)]
    const plain: ImageProcessor = { ...numbers, resample: 'bilinear' }
    expect(() => pixelValues([small, large], plain)).toThrow(ShapeError)
    expect(() => pixelValues([], plain)).toThrow(UsageError)
    expect(processPictures([small, large], to({ height: 4, width: 4 })).shape.batch).toBe(2)
  })
})

describe('preprocessor_config.json', () => {
  const read = (config: object, modelType?: string): ImageProcessor =>
    readImageProcessor(JSON.stringify(config), { file: 'preprocessor_config.json', modelType })

  test('older spellings mean the same', () => {
    const clip = read({ image_processor_type: 'CLIPImageProcessor' })
    expect(clip).toMatchObject({ resize: { shortestEdge: 224 }, crop: { height: 224, width: 224 } })
    expect(read({ feature_extractor_type: 'CLIPFeatureExtractor', size: 224, crop_size: 224 })).toEqual(clip)
    expect(read({ image_processor_type: 'CLIPImageProcessorFast', data_format: 'channels_first' })).toEqual(
      clip,
    )
    expect(read({ do_resize: true }, 'clip')).toEqual(clip)
    expect(read({ image_processor: { image_processor_type: 'CLIPImageProcessor' } })).toEqual(clip)
    const vit = read({ feature_extractor_type: 'ViTFeatureExtractor', size: 384, resample: 3 })
    expect(vit).toMatchObject({ resize: { height: 384, width: 384 }, resample: 'bicubic' })
    expect(vit).not.toHaveProperty('crop')
    expect(read({ image_processor_type: 'BeitImageProcessor', size: [8, 9] })).toMatchObject({
      resize: { height: 8, width: 9 },
    })
  })

  test('what is left out is not done', () => {
    const config = { image_processor_type: 'CLIPImageProcessor', do_resize: false, do_center_crop: false }
    const processor = read({ ...config, do_rescale: false, do_normalize: false })
    expect(processor).toEqual({ resample: 'bicubic', scale: 1, mean: [0, 0, 0], deviation: [1, 1, 1] })
  })

  test.each([
    [
      { image_processor_type: 'DonutImageProcessor' },
      /an image processor that heed has.*'DonutImageProcessor'/,
    ],
    [{ feature_extractor_type: 'WhisperFeatureExtractor' }, /'WhisperFeatureExtractor'/],
    [{ image_processor_type: 'constructor' }, /'constructor'/],
    [{}, /a kind of image processor/],
    [{ image_processor_type: 7 }, /a string/],
    [{ image_processor_type: 'ViTImageProcessor', size: { longest_edge: 8 } }, /longest_edge/],
    [
      { image_processor_type: 'CLIPImageProcessor', size: { shortest_edge: 8, longest_edge: 9 } },
      /longest_edge/,
    ],
    [{ image_processor_type: 'ViTImageProcessor', size: { height: 8 } }, /width/],
    [{ image_processor_type: 'ViTImageProcessor', size: 0 }, /from 1 to/],
    [{ image_processor_type: 'ViTImageProcessor', size: [1, 2, 3] }, /height and width/],
    [{ image_processor_type: 'ViTImageProcessor', resample: 9 }, /from 0 to 5/],
    [{ image_processor_type: 'ViTImageProcessor', image_mean: [1] }, /three numbers/],
    [{ image_processor_type: 'ViTImageProcessor', image_std: [1, 0, 1] }, /above 0/],
    [{ image_processor_type: 'ViTImageProcessor', rescale_factor: -1 }, /above 0/],
    [{ image_processor_type: 'ViTImageProcessor', do_center_crop: true }, /false, all that heed handles/],
    [{ image_processor_type: 'ViTImageProcessor', do_pad: true }, /false, all that heed handles/],
    [{ image_processor_type: 'ViTImageProcessor', crop_pct: 0.9 }, /a field that heed handles/],
    [{ image_processor_type: 'ViTImageProcessor', do_resize: 'yes' }, /true or false/],
  ])('%j is refused by name', (config, message) => {
    expect(() => read(config)).toThrow(FormatError)
    expect(() => read(config)).toThrow(message)
  })

  test('what is written is read again', () => {
    const numbers = { scale: 1 / 127.5, mean: [1, 0.25, 0], deviation: [1, 2, 0.3] } as const
    const all: ImageProcessor[] = [
      { ...numbers, resample: 'lanczos', resize: { height: 12, width: 34 } },
      { ...numbers, resample: 'nearest', resize: { shortestEdge: 12 }, crop: { height: 9, width: 10 } },
      { ...numbers, resample: 'bicubic', resize: { shortestEdge: 12 }, transparency: 'white' },
      { ...numbers, resample: 'hamming' },
    ]
    for (const processor of all) expect(readImageProcessor(writeImageProcessor(processor))).toEqual(processor)
  })
})
