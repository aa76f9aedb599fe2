import { TableReader } from './numbers.js'
import { ofUnicode9 } from './property.js'
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
  const marks = ofUnicode9('MnMcMe')
  let value = 0
  let left = 0
  for (let i = 0; i < marks.length; i += 2)
    for (let point = marks[i]!; point <= marks[i + 1]!; point++) {
      if (left-- === 0) {
        value = table.next()
        left = table.next()
      }
      if (value > 0) (read[point >> 8] ??= new Uint8Array(256))[point & 255] = value
    }
  return read
}
