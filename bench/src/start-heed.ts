/**
 * From nothing to a sentence's vector: `node start-heed.js model.safetensors work.json`. Prints the vector as
 * JSON.
 */
import { readFileSync } from 'node:fs'
import { tensor, withSafetensors } from 'heed'
import { encode, encoderOf } from './heed-models.js'
import type { EncoderWork } from './peer.js'

const [modelPath, workPath] = process.argv.slice(2) as [string, string]
const { work, ids } = JSON.parse(readFileSync(workPath, 'utf8')) as { work: EncoderWork; ids: number[] }
const model = withSafetensors(modelPath, ({ tensors }) =>
  encoderOf((name, shape) => tensors.get(name)!.toTensor(shape), work),
)
const given = tensor(Int32Array.from(ids), { batch: work.batch, position: work.length }, { dtype: 'i32' })
const vector = encode(model, given)
process.stdout.write(`${JSON.stringify([...vector.values()])}\n`, () => process.exit())
