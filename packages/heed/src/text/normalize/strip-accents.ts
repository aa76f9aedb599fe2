import type { Component } from '../steps/component.js'
import type { Normalizer } from '../steps/pieces.js'
import { mark } from '../unicode/index.js'
import { CharacterKinds, dropped, kept } from './character-kinds.js'

/** Leaves marks out, those that stand as characters of their own: NFD or NFKD has to come before. */
export interface StripAccentsDefinition {
  readonly type: 'StripAccents'
}

export const stripAccents: Component<StripAccentsDefinition, Normalizer> = {
  read: () => ({ type: 'StripAccents' }),
  create() {
    const kinds = new CharacterKinds((point) => (mark.has(point) ? dropped : kept))
    return (input) => kinds.rewrite(input)!
  },
}
