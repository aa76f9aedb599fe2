import type { Component } from '../steps/component.js'
import { sliceOf } from '../steps/normalized-text.js'
import type { Normalizer } from '../steps/pieces.js'
import { whiteSpace } from '../unicode/index.js'

/** Leaves white space out at the ends of a text. */
export interface StripDefinition {
  readonly type: 'Strip'
  readonly strip_left: boolean
  readonly strip_right: boolean
}

export const strip: Component<StripDefinition, Normalizer> = {
  read: (value) => ({
    type: 'Strip',
    strip_left: value.member('strip_left').boolean(),
    strip_right: value.member('strip_right').boolean(),
  }),
  create:
    ({ strip_left, strip_right }) =>
    (input) => {
      const { text } = input
      let end = text.length
      const start = strip_left ? whiteSpace.endOfRun(text, 0, end) : 0
      // All white space is of one code unit.
      if (strip_right) while (end > start && whiteSpace.has(text.charCodeAt(end - 1))) end--
      return sliceOf(input, start, end)
    },
}
