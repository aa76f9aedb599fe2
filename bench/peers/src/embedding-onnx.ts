/**
 * ONNX Runtime's side of `embedding.ts`: `node embedding-onnx.js "node, 2 threads" MODEL.onnx WORKS.json`, each work a list of batches of
 * texts' ids. Answers `vectors WORK` and `time WORK` by a line of JSON each. Rows are filled up to the longest of their batch before the
 * clock starts.
 */
import { readFileSync } from 'node:fs'
import { answerLines, spent } from '../../dist/line-answers.js'
import { Engine } from './onnx-engine.js'

const [variant, modelPath, worksPath] = process.argv.slice(2) as [string, string, string]
const engine = await Engine.load(variant)
const session = await engine.open(readFileSync(modelPath), 'all')
const works = JSON.parse(readFileSync(worksPath, 'utf8')) as Record<string, number[][][]>
type Feeds = Parameters<typeof session.run>[0]

function feedsOf(batch: number[][]): Feeds {
  const length = Math.max(...batch.map((ids) => ids.length))
  const ids = new BigInt64Array(batch.length * length)
  const real = new Int32Array(ids.length)
  batch.forEach((row, i) => {
    ids.set(BigInt64Array.from(row, BigInt), i * length)
    real.fill(1, i * length, i * length + row.length)
  })
  const shape = [batch.length, length]
  return { ids: engine.tensor(ids, shape), real: engine.tensor(real, shape) }
}
const prepared = new Map(Object.entries(works).map(([name, batches]) => [name, batches.map(feedsOf)]))

async function vectors(batches: Feeds[]): Promise<Float32Array[]> {
  const found: Float32Array[] = []
  for (const feeds of batches) {
    const { y } = await session.run(feeds, ['y'])
    const numbers = y!.data as Float32Array
    const width = y!.dims[1]!
    for (let at = 0; at < numbers.length; at += width) found.push(numbers.slice(at, at + width))
  }
  return found
}

await answerLines({
  vectors: async (work) => (await vectors(prepared.get(work)!)).map((one) => [...one]),
  time: (work) => spent(() => vectors(prepared.get(work)!)),
})
