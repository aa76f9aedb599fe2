import { inflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { scale } from '../page/colour.js'
import { headsSvg } from './heads-svg.js'
import { pngOf } from './png.js'

describe('a picture of all heads', () => {
  it('has a filter and a number for each head, in the colour of its share', () => {
    const head = (text: string, share: number) => ({
      filter: [
        [1, 0],
        [0.25, 0.75],
      ],
      worth: { text, share },
    })
    const svg = headsSvg(
      [
        { name: 'layer 0', heads: [head('1.5', 1), head('0.0', 0)] },
        { name: 'layer 1', heads: [{ worth: { text: '-0.3', share: -0.2 } }] },
      ],
      ['“a < b”', 'two lines'],
    )
    expect(svg.match(/<image /g)).toHaveLength(2)
    const fills = [...svg.matchAll(/<rect [^>]*fill="(rgb[^"]*)"/g)].map(([, fill]) => fill)
    const colours = scale('light').map(({ red, green, blue }) => `rgb(${red} ${green} ${blue})`)
    expect(fills).toEqual([colours[255], colours[0], colours[0]])
    for (const said of ['>1.5<', '>0.0<', '>-0.3<', '>layer 1<', '“a &lt; b”', 'two lines'])
      expect(svg).toContain(said)
  })

  it('holds pixels as PNG has them', () => {
    const png = pngOf(3, 2, Uint8Array.from([0, 1, 2, 2, 1, 0]), scale('light').slice(0, 3))
    expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
    const at = png.indexOf('IDAT')
    const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)))
    expect([...rows]).toEqual([0, 0, 1, 2, 0, 2, 1, 0])
    // The check sum that every PNG ends with.
    expect(png.subarray(-4).toString('hex')).toBe('ae426082')
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([3, 2])
  })
})
