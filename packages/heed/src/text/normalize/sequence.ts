import type { JsonValue } from '../../base/index.js'
import type { Component, ReadContext } from '../steps/component.js'
import { checkGrowth } from '../steps/growth.js'
import type { Normalizer } from '../steps/pieces.js'

/** Normalizers one after another: each takes what the one before gives. */
export interface NormalizerSequenceDefinition<Item> {
  readonly type: 'Sequence'
  readonly normalizers: readonly Item[]
}

export function sequenceOf<Item>(
  read: (value: JsonValue, context: ReadContext) => Item,
  create: (definition: Item) => Normalizer,
): Component<NormalizerSequenceDefinition<Item>, Normalizer> {
  return {
    read: (value, context) => ({
      type: 'Sequence',
      normalizers: context.items(value.member('normalizers')).map((item) => read(item, context)),
    }),
    create({ normalizers }) {
      const steps = normalizers.map(create)
      return (input) => {
        let text = input
        for (const step of steps) {
          text = step(text)
          checkGrowth('encode', text.text.length, input.text.length)
        }
        return text
      }
    },
  }
}
