import { describe, expect, test } from 'vitest'
import { fitPicture, pixelValues, readImageProcessor } from './index.js'
import { channelsFirst, furthest, pictureReference } from './testing/reference.js'

// What Pillow and the hub's processors made of the same pictures.

const reference = pictureReference
if (reference === undefined) console.warn('Skipped: HEED_SHARED names no folder with reference/images.')

describe.skipIf(reference === undefined)('processors of the hub', () => {
  const { cases = [], processors = {}, tensor, picture } = reference ?? {}
  const names = Object.keys(processors)

  test.each(names)('%s: the same levels, and the same numbers to 1e-6', (name) => {
    const { pillow, parameters } = processors[name]!
    const processor = readImageProcessor(
      JSON.stringify({ ...parameters, image_processor_type: pillow.replace(/Pil$/, '') }),
    )
    const own = cases.filter((one) => one.processor === name)
    expect(own.length).toBeGreaterThan(0)
    for (const { name: title, file, outputs } of own) {
      // Pillow still knows a palette's transparent colour after the conversion to RGB, and these processors
      // lay over white what is transparent.
      const palette = file === 'palette-transparent.png' && 'do_convert_rgb' in parameters
      const white = palette || title.endsWith('/on-white')
      const fitted = fitPicture(picture!(file, white ? 'on-white' : 'decoded'), processor)
      const { shape, values } = tensor!(outputs['levels']!)
      expect(`${title} 3,${fitted.height},${fitted.width}`).toBe(`${title} ${shape.join()}`)
      expect([title, furthest(channelsFirst(fitted), values)]).toEqual([title, 0])
      if (outputs['pixel_values'] === undefined) continue
      const found = pixelValues([fitted], processor).values(['batch', 'channel', 'height', 'width'])
      expect(furthest(found, tensor!(outputs['pixel_values']).values), title).toBeLessThan(1e-6)
    }
  })
})
