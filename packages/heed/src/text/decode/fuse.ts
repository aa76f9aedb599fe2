import type { Component } from '../steps/component.js'
import type { DecodeStep } from './step.js'

/** All tokens as one, for the steps after it. */
export interface FuseDefinition {
  readonly type: 'Fuse'
}

export const fuse: Component<FuseDefinition, DecodeStep> = {
  read: () => ({ type: 'Fuse' }),
  create: () => (tokens) => [tokens.join('')],
}
