import type { Encoding } from './encoding.js'
import type { PaddingDefinition } from './padding.js'

/** Encodings filled up to one length; a longer one than a given length stays as it is. */
export function padBatch(encodings: readonly Encoding[], definition: PaddingDefinition | null): Encoding[] {
  if (definition === null) return [...encodings]
  const { strategy, pad_to_multiple_of: multiple } = definition
  let length =
    typeof strategy === 'string'
      ? encodings.reduce((most, { ids }) => Math.max(most, ids.length), 0)
      : strategy.Fixed
  if (multiple) length = Math.ceil(length / multiple) * multiple
  return encodings.map((encoding) => encoding.padded(length, definition))
}
