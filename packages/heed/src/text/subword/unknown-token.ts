import { FormatError } from '../../base/index.js'

/** What a model says that met an unknown word and has no token for it. */
export function refuseUnknown(word: string, hint: string): never {
  throw new FormatError({
    operation: 'encode',
    expected: 'text that the vocabulary has tokens for, or a token for what is unknown',
    found: `no token for '${word.slice(0, 60)}'`,
    hint,
  })
}
