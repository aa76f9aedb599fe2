/** Pictures as parts of the objectives' examples: in the size that the model wants, with 8 bits a channel. */
import { inWords } from '../../base/index.js'
import type { Running } from '../../models/index.js'
import {
  fitPicture,
  type ImageProcessor,
  type Picture,
  type Pixels,
  pixelValues,
  readImageProcessor,
} from '../../vision/index.js'
import { wrongRecord } from './texts.js'

/** A picture, and what is said of it. */
export interface DescribedPicture {
  readonly image: Picture
  readonly text: string
}

/** What makes numbers of pictures, as the model's folder says it: `preprocessor_config.json`. */
export class PictureEncoder {
  readonly #operation: string
  readonly #processor: ImageProcessor

  constructor(operation: string, { stored }: Pick<Running, 'stored'>) {
    const json = stored.json('preprocessor_config.json')
    if (json === undefined)
      throw wrongRecord(operation, `preprocessor_config.json in '${stored.path}'`, 'none')
    this.#operation = operation
    this.#processor = readImageProcessor(json)
  }

  /** A record's picture in the size that the model wants. */
  fitted(image: Picture): Picture {
    if (!(image?.levels instanceof Uint8Array))
      throw wrongRecord(this.#operation, "'image' to be a picture", inWords(image))
    return fitPicture(image, this.#processor)
  }

  pixels(pictures: readonly Picture[]): Pixels {
    return pixelValues(pictures, this.#processor)
  }
}
