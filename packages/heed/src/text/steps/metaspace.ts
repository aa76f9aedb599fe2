import type { JsonValue } from '../../base/index.js'
import { readCharacter } from './character.js'

/** Spaces as a character that can be seen, as SentencePiece has it. A pre-tokenizer, and a decoder. */
export interface MetaspaceDefinition {
  readonly type: 'Metaspace'
  /** The character that a space becomes. */
  readonly replacement: string
  /**
   * Before which pieces it is put where none is: all, those that begin at 0 of the original text, or none.
   */
  readonly prepend_scheme: 'always' | 'first' | 'never'
  /** Whether each is the beginning of a new piece. */
  readonly split: boolean
}

/** Older files say `add_prefix_space`, and give the replacement once more as `str_rep`. */
export function readMetaspace(value: JsonValue): MetaspaceDefinition {
  const scheme = value.member('prepend_scheme')
  const added = value.member('add_prefix_space')
  const isAdded = added.boolean(true)
  const isGiven = scheme.value !== undefined
  const declared = isGiven ? scheme.choice(['always', 'first', 'never']) : isAdded ? 'always' : 'never'
  if (!isAdded && declared !== 'never') added.refuse(`true, as prepend_scheme is '${declared}'`)
  return {
    type: 'Metaspace',
    replacement: readCharacter(value.member('replacement')),
    prepend_scheme: declared,
    split: value.member('split').boolean(true),
  }
}
