import type { JsonValue } from '../../base/index.js'

/** How short texts are filled up; the fields of `padding` in a tokenizer.json. */
export interface PaddingDefinition {
  /** To the longest of a batch, or to a length that is given. */
  readonly strategy: 'BatchLongest' | { readonly Fixed: number }
  readonly direction: 'Left' | 'Right'
  /** The length is rounded up to a multiple of this; null or 0: as it is. */
  readonly pad_to_multiple_of: number | null
  readonly pad_id: number
  readonly pad_type_id: number
  readonly pad_token: string
}

/** A file of a few bytes must not ask for more. */
const longest = 2 ** 20

/**
 * @param highestId of the vocabulary and the added tokens
 * @throws FormatError that names the field that is wrong
 */
export function readPadding(value: JsonValue, highestId: number): PaddingDefinition | null {
  if (value.isNull) return null
  const strategy = value.member('strategy')
  const direction = value.member('direction')
  const multiple = value.member('pad_to_multiple_of')
  return {
    strategy:
      strategy.isNull || typeof strategy.value === 'string'
        ? strategy.isNull
          ? 'BatchLongest'
          : strategy.choice(['BatchLongest'])
        : { Fixed: strategy.member('Fixed').count(longest) },
    direction: direction.isNull ? 'Right' : direction.choice(['Left', 'Right']),
    pad_to_multiple_of: multiple.isNull ? null : multiple.count(longest),
    pad_id: value.member('pad_id').count(highestId),
    pad_type_id: value.member('pad_type_id').count(2 ** 31 - 1),
    pad_token: value.member('pad_token').string(),
  }
}
