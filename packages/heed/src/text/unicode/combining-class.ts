import { TableReader } from './numbers.js'
import { combiningClasses } from './tables.js'

let pages: (Uint8Array | undefined)[] | undefined

/** The canonical combining class of a character in Unicode 9 (UAX #15). */
export function combiningClass(point: number): number {
  if (point < 0x300) return 0
  pages ??= readClasses()
  const page = pages[point >> 8]
  return page === undefined ? 0 : page[point & 255]!
}

function readClasses(): (Uint8Array | undefined)[] {
  const read: (Uint8Array | undefined)[] = []
  const table = new TableReader(combiningClasses)
  for (let point = 0; !table.isDone;) {
    point += table.next()
    const end = point + table.next() + 1
    for (const value = table.next(); point < end; point++)
      (read[point >> 8] ??= new Uint8Array(256))[point & 255] = value
  }
  return read
}
