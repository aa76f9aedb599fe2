import type { JsonValue } from '../../base/index.js'
import type { Component, ReadContext } from '../steps/component.js'
import type { DecodeStep } from './step.js'

/** Some tokens stay as they are spelled; those between them are decoded. Heed's own type. */
export interface VerbatimDefinition<Decoder> {
  readonly type: 'Verbatim'
  readonly tokens: readonly string[]
  readonly decoder: Decoder
}

export function verbatimOf<Decoder>(
  read: (value: JsonValue, context: ReadContext) => Decoder,
  create: (definition: Decoder) => DecodeStep,
): Component<VerbatimDefinition<Decoder>, DecodeStep> {
  return {
    read: (value, context) => ({
      type: 'Verbatim',
      tokens: value
        .member('tokens')
        .items()
        .map((token) => token.string()),
      decoder: read(value.member('decoder'), context),
    }),
    create({ tokens: own, decoder }) {
      const verbatim = new Set(own)
      const decode = create(decoder)
      return (tokens) => {
        const parts: string[] = []
        let from = 0
        for (let i = 0; i <= tokens.length; i++) {
          if (i < tokens.length && !verbatim.has(tokens[i]!)) continue
          if (from < i) for (const part of decode(tokens.slice(from, i))) parts.push(part)
          if (i < tokens.length) parts.push(tokens[i]!)
          from = i + 1
        }
        return parts
      }
    },
  }
}
