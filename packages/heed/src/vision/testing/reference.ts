/** What Pillow and the hub's processors made of pictures. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSafetensors } from '../../formats/index.js'
import type { Picture } from '../index.js'

/** One case: a picture as it was decoded, or what a processor made of it. */
export interface PictureCase {
  readonly name: string
  readonly file: string
  readonly processor?: string
  readonly outputs: Readonly<Record<string, string>>
}

/** The folder's cases and their tensors. */
export interface PictureReference {
  readonly folder: string
  readonly cases: readonly PictureCase[]
  readonly processors: Readonly<Record<string, { pillow: string; parameters: object }>>
  /** A tensor's sizes, and its values. */
  readonly tensor: (name: string) => {
    readonly shape: readonly number[]
    readonly values: ArrayLike<number>
  }
  /** A picture as it was decoded: its transparency is dropped, or it is laid over white. */
  readonly picture: (file: string, transparency?: 'decoded' | 'on-white') => Picture
}

const shared = process.env['HEED_SHARED']
const folder = process.env['HEED_REFERENCE_IMAGES'] ?? join(shared ?? '', 'reference/images')
/** Where it is there; else why it isn't. */
export const pictureReference: PictureReference | undefined =
  shared !== undefined && existsSync(join(folder, 'cases.json')) ? read() : undefined

function read(): PictureReference {
  const json = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as PictureReference
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(join(folder, 'expected.safetensors'))))
  const tensor: PictureReference['tensor'] = (name) => {
    const stored = tensors.get(name)!
    return { shape: stored.shape, values: stored.dtype === 'f32' ? stored.toFloat32() : stored.bytes() }
  }
  return {
    folder,
    cases: json.cases,
    processors: json.processors,
    tensor,
    picture: (file, transparency = 'decoded') => {
      const { shape, values } = tensor(`${transparency}/${file}/rgb`)
      return { height: shape[0]!, width: shape[1]!, levels: values as Uint8Array }
    },
  }
}

/** Levels of height, width, channel as channel, height, width. */
export function channelsFirst({ height, width, levels }: Picture): Uint8Array {
  const pixels = height * width
  return Uint8Array.from({ length: 3 * pixels }, (_, i) => levels[3 * (i % pixels) + Math.trunc(i / pixels)]!)
}

/** The largest difference; Infinity where there are more of one than of the other. */
export function furthest(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Infinity
  let most = 0
  for (let i = 0; i < found.length; i++) {
    const difference = Math.abs(found[i]! - expected[i]!)
    if (!(difference <= most)) most = Number.isNaN(difference) ? Infinity : difference
  }
  return most
}
