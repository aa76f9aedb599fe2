import type { Component } from '../steps/component.js'
import { cleanedUp } from './cleanup.js'
import { type DecodeStep, replaced } from './step.js'

/**
 * Of equal tokens in a row one, and no padding between.
 * Source: Graves et al. 2006, "Connectionist Temporal Classification", equation 1 (the map B).
 */
export interface CtcDecoderDefinition {
  readonly type: 'CTC'
  readonly pad_token: string
  /** What becomes a space, with `cleanup`. */
  readonly word_delimiter_token: string
  /** Whether spaces before marks and contractions are left out, within each token. */
  readonly cleanup: boolean
}

export const ctc: Component<CtcDecoderDefinition, DecodeStep> = {
  read: (value) => ({
    type: 'CTC',
    pad_token: value.member('pad_token').string(),
    word_delimiter_token: value.member('word_delimiter_token').string(),
    cleanup: value.member('cleanup').boolean(),
  }),
  create:
    ({ pad_token: padding, word_delimiter_token: delimiter, cleanup }) =>
    (tokens) =>
      tokens
        .filter((token, i) => token !== tokens[i - 1])
        .map((token) => {
          const text = replaced(token, padding, '')
          return cleanup ? replaced(cleanedUp(text), delimiter, ' ') : text
        })
        .filter((token) => token !== ''),
}
