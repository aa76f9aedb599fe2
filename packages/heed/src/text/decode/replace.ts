import { MatchList } from '../pattern/index.js'
import type { Component } from '../steps/component.js'
import { createSearch, readSearched, type SearchedDefinition } from '../split/index.js'
import { checkGrowth } from '../steps/growth.js'
import type { DecodeStep } from './step.js'

/** Puts a text in the place of what is searched for, within each token. */
export interface ReplaceDecoderDefinition {
  readonly type: 'Replace'
  readonly pattern: SearchedDefinition
  readonly content: string
}

export const replace: Component<ReplaceDecoderDefinition, DecodeStep> = {
  read: (value) => ({
    type: 'Replace',
    pattern: readSearched(value.member('pattern')),
    content: value.member('content').string(),
  }),
  create({ pattern, content }) {
    const search = createSearch(pattern)
    const matches = new MatchList()
    return (tokens) =>
      tokens.map((token) => {
        if (token === '') return token
        matches.length = 0
        search.matches(token, 0, token.length, matches)
        if (matches.length === 0) return token
        checkGrowth('decode', matches.length * content.length, token.length)
        const parts: string[] = []
        let from = 0
        for (let i = 0; i < 2 * matches.length; i += 2) {
          parts.push(token.slice(from, matches.places[i]), content)
          from = matches.places[i + 1]!
        }
        parts.push(token.slice(from))
        return parts.join('')
      })
  },
}
