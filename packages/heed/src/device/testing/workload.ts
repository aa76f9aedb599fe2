/** Numbers from 0 to 1 that depend on `seed` alone. */
function numbers(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32
  }
}

/** What a workload asks of a heap, and `step`, which is called after each of its steps. */
export interface WorkloadHeap {
  readonly allocate: (bytes: number) => number
  readonly free: (address: number) => unknown
  readonly step?: () => void
}

/** GPT-2 small's sizes, fewer layers. */
const [layers, heads, width, vocabulary] = [4, 12, 768, 50257]
const f32 = 4

/**
 * What a language model asks for in steps of 1 to 1,024 tokens: generating from a cache that doubles,
 * evaluating, and training, in which what the forward pass keeps is freed by the backward pass, gradients
 * live until the optimizer has made new weights, and new weights take the place of the old ones. Now and then
 * something small stays: a cell for a captured number, the code of a kernel.
 */
export function modelWorkload(steps: number, seed: number, { allocate, free, step }: WorkloadHeap): void {
  const random = numbers(seed)
  const upTo = (most: number): number => 1 + Math.floor(random() * most)
  const some = (count: number, bytes: number): number[] =>
    Array.from({ length: count }, () => allocate(bytes))
  const release = (addresses: number[]): void => {
    for (const address of addresses.splice(0)) free(address)
  }
  const weightBytes = [width * 3 * width, width * width, 4 * width * width, 4 * width * width].map(
    (n) => n * f32,
  )
  let weights = Array.from({ length: layers }, () => weightBytes.map(allocate))
  const small: number[] = []
  let cache: number[] = []
  let room = 0
  for (let at = 0; at < steps; at++) {
    const tokens = random() < 0.3 ? upTo(8) : upTo(1024)
    const kind = random()
    if (kind < 0.3) {
      // Generating: the cache grows by doubling, each step's values are freed at once.
      if (tokens > room) {
        const larger = some(2 * layers, 2 * tokens * width * f32)
        release(cache)
        cache = larger
        room = 2 * tokens
      }
      for (let layer = 0; layer < layers; layer++) {
        const values = [...some(3, tokens * width * f32), allocate(tokens * 4 * width * f32)]
        release(values)
      }
      free(allocate(vocabulary * f32))
      if (random() < 0.1) [room] = [0, release(cache)]
    } else if (kind < 0.5) {
      // Evaluating: each layer's values are freed when the next one's are there.
      let before: number[] = []
      for (let layer = 0; layer < layers; layer++) {
        const now = [...some(4, tokens * width * f32), allocate(tokens * 4 * width * f32)]
        release(before)
        before = now
      }
      free(allocate(tokens * vocabulary * f32))
      release(before)
    } else {
      const kept: number[][] = []
      for (let layer = 0; layer < layers; layer++) {
        const scratch = allocate(heads * upTo(64) * 1024)
        kept.push([
          ...some(6, tokens * width * f32),
          ...some(2, tokens * 4 * width * f32),
          ...some(2, heads * tokens * f32),
        ])
        free(scratch)
      }
      const logits = allocate(tokens * vocabulary * f32)
      const logitsGradient = allocate(tokens * vocabulary * f32)
      free(logits)
      const gradients: number[][] = []
      let upstream = allocate(tokens * width * f32)
      free(logitsGradient)
      while (kept.length > 0) {
        const values = kept.pop()!
        const more = allocate(tokens * 4 * width * f32)
        gradients.unshift(weightBytes.map(allocate))
        const next = allocate(tokens * width * f32)
        free(upstream)
        free(more)
        release(values)
        upstream = next
      }
      free(upstream)
      weights = weights.map((old, layer) => {
        const updated = weightBytes.map(allocate)
        release(gradients[layer]!)
        release(old)
        return updated
      })
    }
    if (random() < 0.2) small.push(allocate(upTo(20_000)))
    if (small.length > 200) free(small.splice(Math.floor(random() * small.length), 1)[0]!)
    step?.()
  }
  for (const list of [...weights, cache, small]) release(list)
}
