import type { KeyValueCache, RowCaches } from '../nn/index.js'
import { alike } from './prefix-cache.js'

/** Less than this is not worth a pass of its own over the weights. */
const leastShared = 16
/**
 * What is shared ends at multiples of this many ids, and leaves at least so many to each text: attention then
 * takes the rest in the same panels of queries as it takes them of a whole text, and the bits are the same.
 */
const [panel, leastRest] = [32, 17]

/** How many ids of what is alike may be shared by texts of at least so many ids. */
export function sharedLength(common: number, ids: number): number {
  return Math.max(0, Math.floor(Math.min(common, ids - leastRest) / panel) * panel)
}

/**
 * Computes what several texts begin with alike once, and gives it to each of them. Texts share in steps: what
 * all of a group have alike, then what the groups within it have.
 *
 * @param texts the ids of each row that begins; the last of them stay to be computed
 * @param rows which row of `caches` each is; they may hold beginnings already
 * @param run adds ids to the caches of some rows
 */
export function shareBeginnings(
  texts: readonly (readonly number[])[],
  rows: readonly number[],
  caches: RowCaches,
  run: (ids: readonly (readonly number[])[], caches: readonly KeyValueCache[]) => void,
): void {
  const held = (text: number): number => caches.of()[rows[text]!]!.length
  let groups: (readonly number[])[] = [texts.map((_, text) => text)]
  while (groups.length > 0) {
    const computed = groups.flatMap((group) => {
      const own = group.map((text) => texts[text]!)
      const length = sharedLength(commonLength(own), Math.min(...own.map(({ length: ids }) => ids)))
      const missing = group.map((text) => Math.max(0, length - held(text)))
      const first = group[missing.indexOf(Math.min(...missing))]!
      const won = missing.reduce((sum, count) => sum + count, 0) - Math.min(...missing)
      return won >= leastShared ? [{ group, length, first }] : []
    })
    const fresh = computed.filter(({ first, length }) => held(first) < length)
    if (fresh.length > 0)
      run(
        fresh.map(({ first, length }) => texts[first]!.slice(held(first), length)),
        caches.of(fresh.map(({ first }) => rows[first]!)),
      )
    for (const { group, length, first } of computed) {
      for (const text of group) {
        if (text === first || held(text) >= length) continue
        const fork = caches.of()[rows[first]!]!.fork()
        fork.truncate(length)
        caches.replace(rows[text]!, fork)
      }
    }
    groups = groups.flatMap((group) => split(group, texts))
  }
}

function commonLength(texts: readonly (readonly number[])[]): number {
  return texts.reduce((length, text) => Math.min(length, alike(texts[0]!, text)), texts[0]?.length ?? 0)
}

/** The texts of a group by what follows what they have alike: the groups of several. */
function split(group: readonly number[], texts: readonly (readonly number[])[]): number[][] {
  const length = commonLength(group.map((text) => texts[text]!))
  const byNext = new Map<number, number[]>()
  for (const text of group) {
    const next = texts[text]![length]
    if (next === undefined) continue
    const same = byNext.get(next)
    if (same === undefined) byNext.set(next, [text])
    else same.push(text)
  }
  return [...byNext.values()].filter(({ length: count }) => count > 1)
}
