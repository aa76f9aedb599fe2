/** Pictures as tasks take them: by path, as bytes of a file, or decoded; and what models make of them. */
import { inWords, UsageError } from '../base/index.js'
import type { LoadedCaptioner, LoadedTowers, LoadedVision, Running, VisionDesign } from '../models/index.js'
import { dispose, scope } from '../tensor/index.js'
import {
  decodePicture,
  fitPicture,
  type ImageProcessor,
  patchGrid,
  type Picture,
  type Pixels,
  pixelValues,
  readImageProcessor,
  readPicture,
} from '../vision/index.js'
import type { AttendedPatches, FilterLabels } from './attention.js'
import { runTask, type TaskWork } from './run-task.js'
import type { TaskOptions } from './task.js'

/** A picture: the path of a file, the bytes of one, or one that is decoded. */
export type PictureInput = string | Uint8Array | Picture

/** A model that reads pictures. */
export type SeeingModel = Running<LoadedVision> | Running<LoadedTowers> | Running<LoadedCaptioner>

/** A picture in the size that a model wants, and how many positions it has. */
export interface FittedPicture {
  readonly picture: Picture
  readonly positions: number
}

/** Reads pictures for a model as its `preprocessor_config.json` says. */
export class PictureReader {
  readonly task: string
  readonly processor: ImageProcessor
  readonly design: VisionDesign

  /** Throws FormatError for a processor that isn't handled. */
  constructor(task: string, loaded: SeeingModel) {
    this.task = task
    this.design = visionOf(loaded)
    this.processor = processorOf(loaded, this.design)
  }

  /**
   * A picture that a task is given, decoded and fitted.
   *
   * @throws UsageError for what is no picture; FormatError where it can't be read or decoded
   */
  async fitted(input: PictureInput): Promise<FittedPicture> {
    const picture = fitPicture(await this.decoded(input), this.processor)
    const { rows, columns } = this.#grid(picture)
    return { picture, positions: this.design.tokens.length + rows * columns }
  }

  /** The same as it is, before it is fitted. @throws as `fitted` does */
  async decoded(input: PictureInput): Promise<Picture> {
    const { transparency } = this.processor
    if (typeof input === 'string') return await readPicture(input, { transparency })
    if (input instanceof Uint8Array) return await decodePicture(input, { transparency })
    if (typeof input === 'object' && input !== null) return input
    throw new UsageError({
      operation: this.task,
      expected: 'a picture: the path of a file, its bytes, or { height, width, levels }',
      found: inWords(input),
      hint: 'give one of these, or a list of them',
    })
  }

  /** Runs `use` with the pictures' numbers, which are freed afterwards. */
  async withPixels<T>(fitted: readonly FittedPicture[], use: (pixels: Pixels) => T | Promise<T>): Promise<T> {
    const pixels = pixelValues(
      fitted.map(({ picture }) => picture),
      this.processor,
    )
    try {
      return await use(pixels)
    } finally {
      dispose(pixels)
    }
  }

  /** The labels of a picture's positions, and where patches stand in filters of these attentions. */
  patchesOf(
    { picture }: FittedPicture,
    attentions: SeeingModel['attentions'],
  ): { readonly labels: readonly string[]; readonly patches: AttendedPatches } {
    const { rows, columns } = this.#grid(picture)
    const labels = [
      ...this.design.tokens.map((name) => `[${name}]`),
      ...Array.from(
        { length: rows * columns },
        (_, i) => `${Math.floor(i / columns) + 1},${(i % columns) + 1}`,
      ),
    ]
    const named = (side: 'queries' | 'keys'): string[] =>
      attentions.filter((place) => place[side] === 'patch').map(({ name }) => name)
    const before = this.design.tokens.length
    const { patch } = this.design.picture
    const patches = { picture, rows, columns, patch, before }
    return { labels, patches: { ...patches, queries: named('queries'), keys: named('keys') } }
  }

  #grid({ height, width }: Picture): { readonly rows: number; readonly columns: number } {
    return patchGrid(height, width, this.design.picture.patch)
  }
}

/** Labels of filters by what their positions are. */
export function labelsByPlace(
  attentions: SeeingModel['attentions'],
  texts: Readonly<Partial<Record<'source' | 'target' | 'patch', readonly string[]>>>,
): Record<string, FilterLabels> {
  const all = { ...texts, probe: ['[probe]'] }
  return Object.fromEntries(
    attentions.flatMap(({ name, queries, keys }) => {
      const [query, key] = [all[queries], all[keys]]
      return query === undefined || key === undefined ? [] : [[name, { query, key }] as const]
    }),
  )
}

/** A picture in words. */
export function pictureInWords(input: PictureInput): string {
  if (typeof input === 'string') return input
  if (input instanceof Uint8Array) return `a file of ${input.length} bytes`
  return `a picture of ${input.width} by ${input.height} pixels`
}

/** A picture, or a list of them. */
export function pictureList(input: PictureInput | readonly PictureInput[]): {
  readonly isList: boolean
  readonly list: readonly PictureInput[]
} {
  const isList = Array.isArray(input)
  return { isList, list: (isList ? input : [input]) as readonly PictureInput[] }
}

/** What a task makes of each picture by itself. */
export interface OfEachPicture<Made, Result> {
  /** From the numbers of pictures to what is made of each. */
  readonly run: (pixels: Pixels) => readonly Made[]
  readonly result: (made: Made, picture: FittedPicture) => Result | Promise<Result>
}

/** Runs a task that looks at each picture by itself: of one the result, of a list a list. */
export async function seePictures<Made, Result>(
  reader: PictureReader,
  images: PictureInput | readonly PictureInput[],
  options: TaskOptions,
  { run, result }: OfEachPicture<Made, Result>,
): Promise<unknown> {
  const work: TaskWork<PictureInput, FittedPicture, Made, Result> = {
    operation: reader.task,
    pieces: async (input) => [await reader.fitted(input)],
    length: ({ positions }) => positions,
    run: (pictures) => reader.withPixels(pictures, (pixels) => scope(() => run(pixels))),
    result: async (_, [made], [picture]) => result(made!, picture!),
  }
  const { isList, list } = pictureList(images)
  const results = await runTask(work, list, options)
  return isList ? results : results[0]
}

/** The rows of a matrix of numbers. */
export function rowsOf(numbers: ArrayLike<number>, width: number): Float32Array[] {
  const all = Float32Array.from(numbers)
  return Array.from({ length: all.length / width }, (_, row) => all.slice(row * width, (row + 1) * width))
}

function visionOf({ family, config }: SeeingModel): VisionDesign {
  if (family === 'vision-encoder') return config as VisionDesign
  if (family === 'dual-encoder') return (config as LoadedTowers['config']).image
  return (config as LoadedCaptioner['config']).encoder
}

/** What a checkpoint says, and else a square of the design's size, with levels from −1 to 1. */
function processorOf({ stored }: SeeingModel, { picture: { size } }: VisionDesign): ImageProcessor {
  for (const name of ['preprocessor_config.json', 'processor_config.json']) {
    const json = stored.json(name)
    if (json === undefined || (name !== 'preprocessor_config.json' && json.member('image_processor').isNull))
      continue
    const encoder = stored.config.member('encoder')
    const type = (encoder.isNull ? stored.config : encoder).member('model_type').value
    return readImageProcessor(json, typeof type === 'string' ? { modelType: type } : {})
  }
  return {
    resize: { height: size, width: size },
    resample: 'bicubic',
    scale: 1 / 255,
    mean: [0.5, 0.5, 0.5],
    deviation: [0.5, 0.5, 0.5],
  }
}
