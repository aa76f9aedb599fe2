import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UsageError } from '../base/index.js'
import { scope } from '../tensor/index.js'
import {
  evaluationBatches,
  type EvaluationOptions,
  exampleBatches,
  type TokenBatch,
  tokenBatches,
  type TokenBatchOptions,
} from './index.js'

const counted = (length: number): Uint16Array => Uint16Array.from({ length }, (_, i) => i)

/** The rows of a batch as numbers. */
function rowsOf({ inputs, targets, documents }: TokenBatch): {
  inputs: number[][]
  targets: number[][]
  documents: number[][] | undefined
} {
  const rows = (values: ArrayLike<number>): number[][] => {
    const width = inputs.size('position')
    return Array.from({ length: inputs.size('batch') }, (_, row) =>
      Array.from({ length: width }, (_, i) => values[row * width + i]!),
    )
  }
  return {
    inputs: rows(inputs.values(['batch', 'position'])),
    targets: rows(targets.values(['batch', 'position'])),
    documents: documents && rows(documents.values(['batch', 'position'])),
  }
}

function epochOf(
  tokens: Uint16Array,
  options: TokenBatchOptions,
  epoch: number,
): ReturnType<typeof rowsOf>[] {
  const data = tokenBatches(tokens, options)
  return scope(() =>
    Array.from({ length: data.batchesPerEpoch }, (_, i) =>
      rowsOf(data.batch(epoch * data.batchesPerEpoch + i)),
    ),
  )
}

describe('token batches', () => {
  test('are windows whose targets are the next tokens, no token twice in an epoch, whatever the sizes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 200 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(1000),
        fc.boolean(),
        fc.nat(3),
        (length, batch, context, seed, shuffle, epoch) => {
          const options = { batch, context, seed, shuffle }
          if (length < batch * context + 1) {
            expect(() => tokenBatches(counted(length), options)).toThrow(/tokens, found/)
            return
          }
          const seen = new Set<number>()
          for (const { inputs, targets } of epochOf(counted(length), options, epoch)) {
            inputs.forEach((row, r) => {
              row.forEach((token, i) => {
                expect(token).toBe(row[0]! + i)
                expect(targets[r]![i]).toBe(token + 1)
                expect(seen.has(token)).toBe(false)
                seen.add(token)
              })
            })
          }
          // What is left out is less than the last batch and the two ends.
          expect(seen.size).toBeGreaterThan(length - 1 - (batch + 1) * context)
        },
      ),
    )
  })

  test('in order without shuffle, in another order each epoch and with each seed otherwise', () => {
    const first = (options: Partial<TokenBatchOptions>, epoch: number): string =>
      JSON.stringify(epochOf(counted(400), { batch: 2, context: 5, ...options }, epoch))
    const plain = epochOf(counted(400), { batch: 2, context: 5, shuffle: false }, 3)
    expect(plain[0]!.inputs).toEqual([
      [0, 1, 2, 3, 4],
      [5, 6, 7, 8, 9],
    ])
    expect(plain).toHaveLength(39)
    const orders = [first({}, 0), first({}, 1), first({ seed: 1 }, 0), first({ shuffle: false }, 0)]
    expect(new Set(orders).size).toBe(4)
    expect(first({}, 1)).toBe(orders[1])
  })

  test('a batch depends on its number alone', () => {
    const data = tokenBatches(counted(300), { batch: 3, context: 7, seed: 9 })
    const again = tokenBatches(counted(300), { batch: 3, context: 7, seed: 9 })
    const at = (from: typeof data, index: number): string =>
      JSON.stringify(scope(() => rowsOf(from.batch(index))))
    const there = [0, 5, 40, 41, 1000].map((index) => at(data, index))
    expect([1000, 41, 40, 5, 0].map((index) => at(again, index)).reverse()).toEqual(there)
    expect(data.fingerprint).toBe(again.fingerprint)
    const other = counted(300)
    other[299] = 0
    expect(tokenBatches(other, { batch: 3, context: 7, seed: 9 }).fingerprint).not.toBe(data.fingerprint)
  })

  test('every epoch cuts elsewhere, so that every token is a window’s first sooner or later', () => {
    const starts = new Set<number>()
    for (let epoch = 0; epoch < 60; epoch++)
      for (const { inputs } of epochOf(counted(200), { batch: 2, context: 6 }, epoch))
        for (const row of inputs) starts.add(row[0]! % 6)
    expect(starts).toEqual(new Set([0, 1, 2, 3, 4, 5]))
  })

  test('documents are numbered from the separator on', () => {
    const tokens = Uint32Array.of(9, 1, 2, 9, 3, 9, 9, 4, 5)
    const [batch] = scope(() => {
      const data = tokenBatches(tokens, { batch: 1, context: 8, shuffle: false, separator: 9 })
      return [rowsOf(data.batch(0))]
    })
    expect(batch!.documents).toEqual([[0, 0, 0, 1, 1, 2, 3, 3]])
  })

  test('options out of range are refused', () => {
    expect(() => tokenBatches(counted(9), { batch: 0, context: 2 })).toThrow(UsageError)
    expect(() => tokenBatches(counted(9), { batch: 1, context: 1.5 })).toThrow(/context to be a whole number/)
    expect(() => tokenBatches(counted(9), { batch: 1, context: 2, seed: -1 }).batch(0)).toThrow(/a seed/)
    expect(() => tokenBatches(counted(9), { batch: 1, context: 2 }).batch(-1)).toThrow(/number of a batch/)
    expect(() => tokenBatches(new Uint16Array(0), { batch: 1, context: 1 })).toThrow(
      /at least 2 tokens, found 0/,
    )
  })
})

describe('evaluation batches', () => {
  const all = (length: number, options: EvaluationOptions) =>
    scope(() => {
      const data = evaluationBatches(counted(length), options)
      return Array.from({ length: data.batchesPerEpoch }, (_, i) => {
        const batch = data.batch(i)
        const rows = rowsOf(batch)
        const targets = rows.targets.flat().filter((token) => token !== -100)
        expect(data.weight!(batch)).toBe(targets.length)
        return { ...rows, counted: targets }
      })
    })

  test('predict every token but the first exactly once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 120 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 14 }),
        (length, batch, context, stride) => {
          const batches = all(length, { batch, context, stride })
          const predicted = batches.flatMap(({ counted: tokens }) => tokens)
          expect(predicted).toEqual(Array.from({ length: length - 1 }, (_, i) => i + 1))
          for (const { inputs, targets } of batches)
            inputs.forEach((row, r) =>
              row.forEach((token, i) => {
                if (targets[r]![i] !== -100) expect(targets[r]![i]).toBe(token + 1)
              }),
            )
        },
      ),
    )
  })

  test('with a stride every token but the first window’s sees at least context − stride before it', () => {
    const firsts = all(50, { batch: 2, context: 10, stride: 4 })
      .flatMap(({ targets }) => targets)
      .map((row) => row.findIndex((token) => token !== -100))
    expect(firsts.slice(0, -1)).toEqual([0, ...firsts.slice(2).map(() => 6)])
  })

  test('no more batches than asked for, and nothing to predict is refused', () => {
    expect(all(100, { batch: 2, context: 5, batches: 3 })).toHaveLength(3)
    expect(all(100, { batch: 2, context: 5, batches: 300 })).toHaveLength(10)
    expect(() => evaluationBatches(counted(1), { batch: 1, context: 1 })).toThrow(
      /at least 2 tokens, found 1/,
    )
    expect(() => evaluationBatches(counted(9), { batch: 1, context: 1, batches: 0 })).toThrow(/batches/)
  })
})

describe('example batches', () => {
  const names = Array.from({ length: 10 }, (_, i) => `e${i}`)
  const epoch = (number: number, changes: { seed?: number; shuffle?: boolean; dropLast?: boolean } = {}) => {
    const data = exampleBatches(names, { batch: 4, collate: (chosen) => [...chosen], ...changes })
    return Array.from({ length: data.batchesPerEpoch }, (_, i) =>
      data.batch(number * data.batchesPerEpoch + i),
    )
  }

  test('show each example once an epoch', () => {
    for (let number = 0; number < 4; number++) {
      const batches = epoch(number)
      expect(batches.map(({ length }) => length)).toEqual([4, 4, 2])
      expect(batches.flat().sort()).toEqual(names)
    }
    expect(epoch(0)).not.toEqual(epoch(1))
    expect(epoch(2, { seed: 3 })).toEqual(epoch(2, { seed: 3 }))
    expect(epoch(5, { shuffle: false }).flat()).toEqual(names)
    expect(epoch(0, { dropLast: true }).map(({ length }) => length)).toEqual([4, 4])
  })

  test('too few are refused', () => {
    const collate = (chosen: readonly string[]): number => chosen.length
    expect(() => exampleBatches([], { batch: 1, collate })).toThrow(/at least 1 examples, found 0/)
    expect(() => exampleBatches(names, { batch: 11, collate, dropLast: true })).toThrow(
      /at least 11 examples/,
    )
  })
})
