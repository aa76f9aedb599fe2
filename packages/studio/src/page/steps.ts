import type { Data } from './frames.js'

/** The last training step that the report knows of. */
export function lastStep(data: Data): number {
  const { frames, loss } = data.payload
  return Math.max(0, loss.at(-1)?.step ?? 0, ...frames.map((frame) => frame.step ?? 0))
}

/** The training step of a frame; the finished model's is the last. */
export function stepOf(data: Data, frame: number): number {
  return data.payload.frames[frame]!.step ?? lastStep(data)
}

/** The frame whose step is nearest. */
export function nearestFrame(data: Data, step: number): number {
  let nearest = 0
  data.payload.frames.forEach((_, index) => {
    if (Math.abs(stepOf(data, index) - step) < Math.abs(stepOf(data, nearest) - step)) nearest = index
  })
  return nearest
}

/** The loss measured last at a step or before it. */
export function lossAt(data: Data, step: number): number | null {
  let found: number | null = null
  for (const point of data.payload.loss) {
    if (point.step > step) break
    if (point.loss !== null) found = point.loss
  }
  return found
}
