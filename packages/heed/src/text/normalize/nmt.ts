import type { Component } from '../steps/component.js'
import type { Normalizer } from '../steps/pieces.js'
import { CharacterKinds, dropped, kept, type Kind, space } from './character-kinds.js'

/** Leaves control characters out and makes spaces of others, as Google's translation models have it. */
export interface NmtDefinition {
  readonly type: 'Nmt'
}

function kindOf(point: number): Kind {
  switch (point) {
    case 0:
      return kept
    case 0x9:
    case 0xa:
    case 0xc:
    case 0xd:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x2581:
    case 0xfeff:
    case 0xfffd:
      return space
    case 0x7f:
    case 0x8f:
    case 0x9f:
      return dropped
    default:
      return point < 0x20 ? dropped : point >= 0x200b && point <= 0x200f ? space : kept
  }
}

export const nmt: Component<NmtDefinition, Normalizer> = {
  read: () => ({ type: 'Nmt' }),
  create() {
    const kinds = new CharacterKinds(kindOf)
    return (input) => kinds.rewrite(input)!
  },
}
