import type { Component } from '../steps/component.js'
import { type DecodeStep, replaced } from './step.js'

/** A space where a word ends, but for the last token. */
export interface BpeDecoderDefinition {
  readonly type: 'BPEDecoder'
  /** What marks the end of a word. */
  readonly suffix: string
}

export const bpeDecoder: Component<BpeDecoderDefinition, DecodeStep> = {
  read: (value) => ({ type: 'BPEDecoder', suffix: value.member('suffix').string() }),
  create:
    ({ suffix }) =>
    (tokens) =>
      tokens.map((token, i) => replaced(token, suffix, i === tokens.length - 1 ? '' : ' ')),
}
