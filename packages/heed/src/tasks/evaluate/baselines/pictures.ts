/** What is said of the picture that looks most alike: what scores beside a model's are of. */
import { imageFeatures, type LoadedTowers, type Running } from '../../../models/index.js'
import { topOf, VectorIndex } from '../../../search/index.js'
import { dispose, scope, unitLength } from '../../../tensor/index.js'
import { fitPicture, type Picture, pixelValues, resizePicture } from '../../../vision/index.js'
import { PictureReader } from '../../pictures.js'
import { groupsOf } from '../evaluation.js'
import { fromOthers } from './classes.js'

/** A picture as a point, and what is said of it. */
export interface PicturePoint {
  readonly text: string
  readonly vector: ArrayLike<number>
}

/** A picture, and what is said of it. */
export interface SaidPicture {
  readonly picture: Picture
  readonly text: string
}

/** Pixels of a side in which pictures are compared. */
const side = 16

/** Pictures as their pixels, in a square of 16 by 16. */
export function pixelPoints(pictures: readonly SaidPicture[]): PicturePoint[] {
  return pictures.map(({ picture, text }) => {
    const { levels } = resizePicture(picture, { height: side, width: side }, 'bilinear')
    return { text, vector: Float32Array.from(levels, (level) => level / 255) }
  })
}

/** Pictures that run together. */
const together = 32

/** Pictures as the vectors of a model of texts and pictures. */
export function towersPoints(
  towers: Running<LoadedTowers>,
  pictures: readonly SaidPicture[],
): PicturePoint[] {
  const { processor } = new PictureReader('evaluate', towers)
  const { model, config } = towers
  return groupsOf(pictures.length, together).flatMap((group) => {
    const pixels = pixelValues(
      group.map((i) => fitPicture(pictures[i]!.picture, processor)),
      processor,
    )
    const vectors = scope(() =>
      unitLength(imageFeatures(model, config, pixels), 'width').values(['batch', 'width']),
    )
    dispose(pixels)
    const width = vectors.length / group.length
    return group.map((i, row) => ({
      text: pictures[i]!.text,
      vector: vectors.slice(row * width, (row + 1) * width),
    }))
  })
}

/**
 * For each picture what is said of those nearest to it, the nearest first: of `others`, or, fold by fold, of
 * the rest.
 *
 * @param most how many
 */
export function saidOfNearest(
  points: readonly PicturePoint[],
  others: readonly PicturePoint[] | undefined,
  most: number,
): string[][] {
  return fromOthers(points, others, (learned) => {
    // |a − b|² is |a|² − 2 (a · b − |b|² / 2).
    const index = new VectorIndex(
      learned.map(({ vector }) => [...Array.from(vector), -lengthSquared(vector) / 2]),
      'dot',
    )
    return ({ vector }) => {
      const [scores] = index.scores([[...Array.from(vector), 1]])
      return topOf(scores!, most).map(({ document }) => learned[document]!.text)
    }
  })
}

function lengthSquared(vector: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < vector.length; i++) sum += vector[i]! ** 2
  return sum
}
