import type { JsonValue } from '../../base/index.js'
import type { Component, ReadContext } from '../steps/component.js'
import { checkGrowth } from '../steps/growth.js'
import type { Splitter } from '../steps/pieces.js'

/** Pre-tokenizers one after another: each cuts the pieces of the one before. */
export interface PreTokenizerSequenceDefinition<Item> {
  readonly type: 'Sequence'
  readonly pretokenizers: readonly Item[]
}

export function sequenceOf<Item>(
  read: (value: JsonValue, context: ReadContext) => Item,
  create: (definition: Item) => Splitter,
): Component<PreTokenizerSequenceDefinition<Item>, Splitter> {
  return {
    read: (value, context) => ({
      type: 'Sequence',
      pretokenizers: context.items(value.member('pretokenizers')).map((item) => read(item, context)),
    }),
    create({ pretokenizers }) {
      const steps = pretokenizers.map(create)
      return (input) => {
        let pieces = input
        for (const step of steps) {
          pieces = step(pieces)
          checkGrowth('encode', pieces.text.length, input.text.length)
        }
        return pieces
      }
    },
  }
}
