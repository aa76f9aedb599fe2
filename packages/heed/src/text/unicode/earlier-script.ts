import { TableReader } from './numbers.js'
import { storedRanges } from './property.js'
import { scriptTable, unknownScript } from './script.js'
import { earlierScripts } from './tables.js'

/** 256 scripts a page, one more than the script's number; 0 where Unicode 9 has no character. */
let pages: (Uint8Array | undefined)[] | undefined

/**
 * The script of a character in Unicode 9, as a number (`scriptNumber`), or -1 where Unicode 9 has no such
 * character.
 */
export function scriptOfUnicode9(point: number): number {
  pages ??= readScripts()
  const page = pages[point >> 8]
  return page === undefined ? -1 : page[point & 255]! - 1
}

function readScripts(): (Uint8Array | undefined)[] {
  const read: (Uint8Array | undefined)[] = []
  // Pages of one script alone are one.
  const full = new Map<number, Uint8Array>()
  const fill = (first: number, last: number, value: number): void => {
    for (let point = first; point <= last;) {
      const end = Math.min(last + 1, (point | 255) + 1)
      if (end - point === 256) {
        if (!full.has(value)) full.set(value, new Uint8Array(256).fill(value))
        read[point >> 8] = full.get(value)!
      } else {
        const before = read[point >> 8]
        const page = before !== undefined && full.get(before[0]!) !== before ? before : before?.slice()
        const own = (read[point >> 8] = page ?? new Uint8Array(256))
        own.fill(value, point & 255, ((end - 1) & 255) + 1)
      }
      point = end
    }
  }
  const table = scriptTable()
  // What is assigned and of no script is for private use.
  for (let i = 0; i < table.length; i += 3)
    if (table[i + 2]! < unknownScript) fill(table[i]!, table[i + 1]!, table[i + 2]! + 1)
  const changes = new TableReader(earlierScripts)
  for (let point = 0; !changes.isDone;) {
    point += changes.next()
    const end = point + changes.next() + 1
    fill(point, end - 1, changes.next() + 1)
    point = end
  }
  const missing = storedRanges('unassigned9')!
  for (let i = 0; i < missing.length; i += 2) fill(missing[i]!, missing[i + 1]!, 0)
  return read
}
