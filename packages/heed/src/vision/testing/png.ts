/** PNG files of any kind, for tests of what reads them. */
import { crc32, deflateSync } from 'node:zlib'

/** What a file has beside its pixels. */
export interface PngParts {
  readonly width: number
  readonly height: number
  /** Bits of a sample. */
  readonly bits?: number
  /** 0: grey; 2: RGB; 3: a palette; 4: grey with opacity; 6: RGB with opacity. */
  readonly colour: number
  /** Row by row, each without the byte of its filter. Fewer rows than there should be: the file is cut. */
  readonly rows: Uint8Array
  readonly palette?: Uint8Array
  readonly opacity?: Uint8Array
}

const channels: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

export function pngFile({ width, height, bits = 8, colour, rows, palette, opacity }: PngParts): Uint8Array {
  const rowBytes = Math.ceil((width * bits * channels[colour]!) / 8)
  const count = rows.length / rowBytes
  const filtered = new Uint8Array(count * (rowBytes + 1))
  for (let y = 0; y < count; y++)
    filtered.set(rows.subarray(y * rowBytes, (y + 1) * rowBytes), y * (rowBytes + 1) + 1)
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = bits
  header[9] = colour
  return new Uint8Array(
    Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      chunk('IHDR', header),
      ...(palette === undefined ? [] : [chunk('PLTE', palette)]),
      ...(opacity === undefined ? [] : [chunk('tRNS', opacity)]),
      chunk('IDAT', deflateSync(filtered)),
      chunk('IEND', new Uint8Array()),
    ]),
  )
}

function chunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const whole = Buffer.alloc(body.length + 8)
  whole.writeUInt32BE(data.length, 0)
  body.copy(whole, 4)
  whole.writeUInt32BE(crc32(body), body.length + 4)
  return whole
}
