import type { Decoding, Writable } from '../generation/index.js'

/** A model that does its work within a function; without one, the model itself. */
export function writableWithin(writable: Writable, around: (<T>(work: () => T) => T) | undefined): Writable {
  if (around === undefined) return writable
  const within = (decoding: Decoding): Decoding => ({
    get rows() {
      return decoding.rows
    },
    get lengths() {
      return decoding.lengths
    },
    context: decoding.context,
    vocabulary: decoding.vocabulary,
    step: (ids, options) => around(() => decoding.step(ids, options)),
    keep: (rows) => decoding.keep(rows),
    truncate: (row, length) => decoding.truncate(row, length),
    fork: () => within(decoding.fork()),
    dispose: () => decoding.dispose(),
  })
  return { ...writable, begin: (rows) => within(around(() => writable.begin(rows))) }
}
