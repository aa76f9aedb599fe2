import { type Int, type IntVector, philoxWords } from '../language/index.js'

/**
 * The four output words of the counters (`counter`, 0, 0, 0) under the key (`low`, `high`), a block in each
 * lane. `counter` is taken as unsigned.
 */
export function philoxVectors(counter: IntVector, low: Int, high: Int): readonly IntVector[] {
  const zero = counter.xor(counter)
  return philoxWords([counter, zero, zero, zero], [low, high])
}
