/** The ONNX files that `start-onnx` and `embedding-onnx` load: an encoder with the harness's weights. */
import { writeFileSync } from 'node:fs'
import type { EncoderWork, Inputs } from '../../dist/peer.js'
import { maskable } from './onnx-layer.js'
import { encoderGraph, paddedEncoderGraph } from './onnx-models.js'
import { model } from './onnx.js'

type Weights = Pick<Inputs['encoder'], 'parameters'>

export function writeOnnx(path: string, work: EncoderWork, { parameters }: Weights): void {
  writeFileSync(path, model(encoderGraph(work, parameters, 'MultiHeadAttention')))
}

/** For rows that are filled up, once with each operator that knows such rows; gives the files' names by operator. */
export function writePaddedOnnx(
  path: string,
  work: EncoderWork,
  { parameters }: Weights,
): Record<string, string> {
  return Object.fromEntries(
    maskable.map((attending) => {
      const file = `${path}.${attending}.onnx`
      writeFileSync(file, model(paddedEncoderGraph(work, parameters, attending)))
      return [attending, file]
    }),
  )
}
