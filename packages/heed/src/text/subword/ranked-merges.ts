import { FormatError, utf8Length } from '../../base/index.js'
import { MergeTable } from './merge-table.js'
import type { Vocabulary } from '../steps/vocabulary.js'

/** How many bytes may be looked up in all: twenty times what the largest vocabularies take. */
const mostWork = 2 ** 29

/**
 * Merges for a vocabulary whose tokens are ranked, not its merges: two neighbours may join wherever they
 * spell a token, those first whose token has the lowest rank. Each way to make a token of two others is a
 * merge of the token's rank.
 *
 * @param rankOf the rank of the token at a place, or -1 where it is never joined
 * @param isPart whether the token at a place may be a part
 * @throws FormatError where tokens are so long that this takes more than a second
 */
export function rankedMerges(
  vocabulary: Vocabulary,
  rankOf: (place: number) => number,
  isPart: (place: number) => boolean,
  operation: string,
): MergeTable {
  const merges = new MergeTable(2 * vocabulary.size)
  const { bytes } = vocabulary
  let work = 0
  for (let place = 0; place < vocabulary.size; place++) {
    const rank = rankOf(place)
    if (rank < 0) continue
    const start = vocabulary.startAt(place)
    const end = vocabulary.startAt(place + 1)
    work += (end - start) ** 2
    if (work > mostWork) refuseLong(operation, vocabulary.tokenAt(place), end - start)
    for (let cut = start + utf8Length(bytes, start); cut < end; cut += utf8Length(bytes, cut)) {
      const left = vocabulary.placeOfBytes(bytes, start, cut)
      if (left < 0 || !isPart(left)) continue
      const right = vocabulary.placeOfBytes(bytes, cut, end)
      if (right < 0 || !isPart(right)) continue
      merges.set(vocabulary.idAt(left), vocabulary.idAt(right), rank, vocabulary.idAt(place))
    }
  }
  return merges
}

function refuseLong(operation: string, token: string, length: number): never {
  throw new FormatError({
    operation,
    expected: 'tokens that are short on the whole',
    found: `another one of ${length} bytes, '${token.slice(0, 60)}'`,
    hint: 'take the longest tokens out',
  })
}
