import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Blocks } from './blocks.js'
import { modelWorkload } from './testing/workload.js'

const first = 4096
const endless = 2 ** 40

describe('blocks', () => {
  test('are aligned and disjoint, hold what was asked for, and once all are free the range is whole again', () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 3000 }), drop: fc.nat({ max: 9 }) }), {
          maxLength: 200,
        }),
        (requests) => {
          const blocks = new Blocks(first)
          const held: { address: number; bytes: number }[] = []
          for (const { bytes, drop } of requests) {
            const address = blocks.allocate(bytes, endless)!
            expect(address % 64).toBe(0)
            expect(address).toBeGreaterThanOrEqual(first)
            expect(address + bytes).toBeLessThanOrEqual(blocks.top)
            for (const other of held)
              expect(address + bytes <= other.address || other.address + other.bytes <= address).toBe(true)
            held.push({ address, bytes })
            if (drop < 5) expect(blocks.free(held.splice(drop % held.length, 1)[0]!.address)).toBe(true)
          }
          const sizes = held.map(({ bytes }) => Math.max(64, Math.ceil(bytes / 64) * 64))
          expect(blocks.count).toBe(held.length)
          expect(blocks.used).toBe(sizes.reduce((sum, size) => sum + size, 0))
          expect(blocks.peak).toBeGreaterThanOrEqual(blocks.used)
          for (const { address } of held) expect(blocks.free(address)).toBe(true)
          const all = blocks.largest(first + 2 ** 20)
          expect({ used: blocks.used, top: blocks.top, all }).toEqual({ used: 0, top: first, all: 2 ** 20 })
        },
      ),
    ))

  test('the same calls give the same addresses', () => {
    const addresses = (): number[] => {
      const blocks = new Blocks(first)
      const given: number[] = []
      modelWorkload(50, 4, {
        allocate(bytes) {
          given.push(blocks.allocate(bytes, endless)!)
          return given.at(-1)!
        },
        free: (address) => blocks.free(address),
      })
      return given
    }
    expect(addresses()).toEqual(addresses())
  })

  test('freed neighbours serve a larger wish, and a part of a large one a smaller wish', () => {
    const blocks = new Blocks(first)
    const limit = first + 4 * 2 ** 20
    const parts = [1, 2, 3, 4].map(() => blocks.allocate(2 ** 20, limit)!)
    expect(blocks.allocate(64, limit)).toBeUndefined()
    blocks.free(parts[2]!)
    blocks.free(parts[1]!)
    expect(blocks.allocate(2 ** 21, limit)).toBe(parts[1])
    blocks.free(parts[1]!)
    expect([1, 2, 3].map(() => blocks.allocate(600_001, limit))).toEqual([
      parts[1],
      parts[1]! + 600_064,
      parts[1]! + 1_200_128,
    ])
    expect(blocks.largest(limit)).toBe(2 ** 21 - 3 * 600_064)
  })

  test('a block is freed once, and only one that there is', () => {
    const blocks = new Blocks(first)
    const [one, other] = [blocks.allocate(1000, endless)!, blocks.allocate(1000, endless)!]
    expect([one + 64, 0, -1, NaN, one].map((address) => blocks.free(address))).toEqual([
      false,
      false,
      false,
      false,
      true,
    ])
    expect(blocks.free(one)).toBe(false)
    expect(blocks.allocate(1000, endless)).toBe(one)
    // Joined with its neighbour it is no block of its own any more.
    blocks.free(one)
    blocks.free(other)
    blocks.largest(endless)
    expect([blocks.free(one), blocks.free(other)]).toEqual([false, false])
  })

  test.each([1, 2])('work of varying lengths takes less than 1.5 × its peak (seed %i)', (seed) => {
    const blocks = new Blocks(first)
    let top = 0
    modelWorkload(2000, seed, {
      allocate(bytes) {
        const address = blocks.allocate(bytes, endless)!
        top = Math.max(top, blocks.top)
        return address
      },
      free: (address) => blocks.free(address),
    })
    expect(blocks.count).toBe(0)
    expect(top).toBeLessThan(1.5 * blocks.peak)
  })
})
