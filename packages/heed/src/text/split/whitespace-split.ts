import type { Component } from '../steps/component.js'
import type { Splitter } from '../steps/pieces.js'
import { plain, removed, splitterByKind } from './kinds.js'
import { whiteSpace } from '../unicode/index.js'

/** What stands between white space. */
export interface WhitespaceSplitDefinition {
  readonly type: 'WhitespaceSplit'
}

export const whitespaceSplit: Component<WhitespaceSplitDefinition, Splitter> = {
  read: () => ({ type: 'WhitespaceSplit' }),
  create: () => splitterByKind((point) => (whiteSpace.has(point) ? removed : plain)),
}
