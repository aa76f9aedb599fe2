import { readFileSync, writeFileSync } from 'node:fs'
import { collectGarbage } from './collect-garbage.js'

/**
 * How many bytes of memory a piece of work takes at most, as Linux counts them, above what the process had
 * before. undefined where that can't be asked.
 */
export function peakMemory(work: () => void): number | undefined {
  const kilobytes = (field: string): number => {
    const found = new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
    return Number(found![1])
  }
  collectGarbage()
  let before: number
  try {
    // Sets the largest number so far to the one of now.
    writeFileSync('/proc/self/clear_refs', '5')
    before = kilobytes('VmRSS')
  } catch {
    work()
    return undefined
  }
  work()
  return 1024 * (kilobytes('VmHWM') - before)
}
