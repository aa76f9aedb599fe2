/** heed's side of `checkpoint.ts`: the same requests as `peers/llama/engine.py` answers. */
import { createInterface } from 'node:readline'
import { readModel, scope, writable } from 'heed'

const [path] = process.argv.slice(2) as [string]
const loaded = readModel(path, { weights: 'stored' })
if (loaded.family !== 'decoder') throw new Error(`${path} is no decoder`)
const text = writable(loaded.model, loaded.config, { dtype: 'f16' })

const idAt = (place: number): number => 100 + ((place * 7919) % 40000)
const idsFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => idAt(first + i))

function answer(request: string, count: number): number | number[] {
  const decoding = text.begin(1)
  try {
    // The logits are read, as somebody does who picks an id.
    const take = (first: number, some: number): ArrayLike<number> =>
      scope(() => decoding.step([idsFrom(first, some)]).values())
    if (request === 'decode') take(0, 64)
    const start = performance.now()
    if (request === 'decode') for (let i = 0; i < count; i++) take(64 + i, 1)
    else if (request === 'prompt') take(0, count)
    else return Array.from(take(0, count))
    return (performance.now() - start) / 1000
  } finally {
    decoding.dispose()
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [request, count] = line.split(' ') as [string, string]
  process.stdout.write(`${JSON.stringify(answer(request, Number(count)))}\n`)
}
