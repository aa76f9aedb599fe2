/** The ONNX file that `start-onnx` loads: an encoder with the harness's weights. */
import { openSync, writeSync, closeSync } from 'node:fs'
import type { EncoderWork, Inputs } from '../../dist/peer.js'
import { encoderGraph } from './onnx-models.js'
import { model } from './onnx.js'

export function writeOnnx(path: string, work: EncoderWork, { parameters }: Inputs['encoder']): void {
  const file = openSync(path, 'w')
  writeSync(file, model(encoderGraph(work, parameters, 'MultiHeadAttention')))
  closeSync(file)
}
