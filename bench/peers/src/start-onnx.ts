/**
 * From nothing to a sentence's vector: `node start-onnx.js "node, 2 threads" model.onnx work.json`. Prints the vector as JSON.
 */
import { readFileSync } from 'node:fs'
import { Engine } from './onnx-engine.js'

const [variant, modelPath, workPath] = process.argv.slice(2) as [string, string, string]
const { work, ids } = JSON.parse(readFileSync(workPath, 'utf8')) as {
  work: { batch: number; length: number }
  ids: number[]
}
const engine = await Engine.load(variant)
const session = await engine.open(readFileSync(modelPath), 'all')
const { y } = await session.run({
  ids: engine.tensor(BigInt64Array.from(ids, BigInt), [work.batch, work.length]),
})
process.stdout.write(`${JSON.stringify([...(y!.data as Float32Array)])}\n`, () => process.exit())
