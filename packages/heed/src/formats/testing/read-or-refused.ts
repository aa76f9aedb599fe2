import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HeedError } from '../../base/index.js'

/** A million inputs in all, many times that by HEED_LONG. */
export const times: number = Number(process.env['HEED_LONG'] ?? 1)

/** What is read, what part of the million it is, and how. */
export type HostileKind = readonly [
  kind: string,
  share: number,
  bytes: fc.Arbitrary<Uint8Array>,
  read: (bytes: Uint8Array) => unknown,
]

/** Tests that each input is read, or refused by an error with a type, within a second. */
export function testReadOrRefused(kinds: readonly HostileKind[]): void {
  test.each(kinds)(
    '%s are read or refused, in a short time',
    (_, share, bytes, read) => {
      let slowest = 0
      let refusals = 0
      const runs = Math.ceil(1e6 * share * times)
      fc.assert(
        fc.property(bytes, (one) => {
          const [milliseconds, isRefused] = timed(read, one)
          if (isRefused) refusals++
          // What a busy machine held up is fast when it is read once more.
          const again = milliseconds < 200 ? milliseconds : timed(read, one)[0]
          slowest = Math.max(slowest, Math.min(milliseconds, again))
        }),
        { numRuns: runs },
      )
      expect(refusals).toBeGreaterThan(runs / 10)
      expect(slowest).toBeLessThan(1000)
    },
    600_000 * Math.max(1, times),
  )
}

/** How long it takes to read or to refuse, and which it was. */
function timed(
  read: (bytes: Uint8Array) => unknown,
  bytes: Uint8Array,
): [milliseconds: number, isRefused: boolean] {
  const begun = performance.now()
  try {
    read(bytes)
    return [performance.now() - begun, false]
  } catch (error) {
    if (!(error instanceof HeedError)) throw error
    return [performance.now() - begun, true]
  }
}
