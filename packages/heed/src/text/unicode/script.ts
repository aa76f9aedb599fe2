import { plainName, categoryRanges } from './general-category.js'
import { TableReader } from './numbers.js'
import { complement, rangesOf } from './ranges.js'
import type { Ranges } from './ranges.js'
import { scriptNames, scriptRuns } from './tables.js'

let runs: Int32Array | undefined

/** Runs of assigned characters of one script in Unicode 16: [first, last, script], one after the other. */
export function scriptTable(): Int32Array {
  if (runs !== undefined) return runs
  // The table counts assigned characters only.
  const assigned = complement(categoryRanges('Cn'))
  const list: number[] = []
  const table = new TableReader(scriptRuns)
  let script = 0
  let left = 0
  for (let i = 0; i < assigned.length; i += 2)
    for (let point = assigned[i]!; point <= assigned[i + 1]!;) {
      if (left === 0) {
        script = table.next()
        left = table.next() + 1
      }
      const count = Math.min(left, assigned[i + 1]! + 1 - point)
      list.push(point, point + count - 1, script)
      left -= count
      point += count
    }
  return (runs = Int32Array.from(list))
}

/** Names of the scripts, as `plainName` has them → their numbers. */
export function scriptsByName(): Map<string, number> {
  return new Map(scriptNames.split(' ').map((name, i) => [plainName(name), i]))
}

/** The characters of a script in Unicode 16. */
export function scriptRanges(script: number): Ranges {
  const table = scriptTable()
  const pairs: number[] = []
  for (let i = 0; i < table.length; i += 3) if (table[i + 2] === script) pairs.push(table[i]!, table[i + 1]!)
  return rangesOf(pairs)
}

/** The number of a script, by its name in Unicode, such as `Han`; -1 where there is none. */
export function scriptNumber(name: string): number {
  return scriptNames.split(' ').indexOf(name)
}

/** The number that follows those of the scripts. */
export const unknownScript: number = scriptNames.split(' ').length
