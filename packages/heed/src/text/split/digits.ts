import type { Component } from '../steps/component.js'
import type { Splitter } from '../steps/pieces.js'
import { isolated, other, plain, splitterByKind } from './kinds.js'
import { numeric } from '../unicode/index.js'

/** Numbers (Unicode's category N) apart from everything else. */
export interface DigitsDefinition {
  readonly type: 'Digits'
  /** Each digit alone, not a run of them together. */
  readonly individual_digits: boolean
}

export const digits: Component<DigitsDefinition, Splitter> = {
  read: (value) => ({ type: 'Digits', individual_digits: value.member('individual_digits').boolean() }),
  create({ individual_digits: isAlone }) {
    const kind = isAlone ? isolated : other
    return splitterByKind((point) => (numeric.has(point) ? kind : plain))
  },
}
