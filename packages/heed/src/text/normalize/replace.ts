import { unitsBefore } from '../byte-alphabet.js'
import { MatchList } from '../pattern/index.js'
import { createSearch, readSearched, type SearchedDefinition } from '../split/index.js'
import type { Component } from '../steps/component.js'
import { checkGrowth } from '../steps/growth.js'
import type { Normalizer } from '../steps/pieces.js'
import { Rewriter, withUnitReplaced } from '../steps/rewriter.js'

/** Puts a text, as it is, in the place of each match. */
export interface ReplaceDefinition {
  readonly type: 'Replace'
  readonly pattern: SearchedDefinition
  readonly content: string
}

export const replace: Component<ReplaceDefinition, Normalizer> = {
  read: (value) => ({
    type: 'Replace',
    pattern: readSearched(value.member('pattern')),
    content: value.member('content').string(),
  }),
  create({ pattern, content }) {
    if ('String' in pattern && isUnit(pattern.String) && isUnit(content))
      return unitReplacer(pattern.String, content)
    const search = createSearch(pattern)
    return (input) => {
      const { text } = input
      if (text === '') return input
      const list = new MatchList()
      search.matches(text, 0, text.length, list)
      if (list.length === 0) return input
      checkGrowth('encode', list.length * content.length, text.length)
      const rewriter = new Rewriter(input)
      let done = 0
      for (let i = 0; i < 2 * list.length; i += 2) {
        const start = list.places[i]!
        const end = list.places[i + 1]!
        rewriter.keep(done, start)
        // What is put has the place of the last character that was matched, or of the one before.
        if (end === 0) rewriter.putAt(content, input.offset, input.offset)
        else rewriter.put(content, end - unitsBefore(text, end), end)
        done = end
      }
      rewriter.keep(done, text.length)
      return rewriter.finish()
    }
  },
}

/** One code unit for another: everything stays in its place. */
function unitReplacer(pattern: string, content: string): Normalizer {
  const from = pattern.charCodeAt(0)
  const to = content.charCodeAt(0)
  return (input) => {
    const text = withUnitReplaced(input.text, from, to)
    return text === input.text ? input : { ...input, text }
  }
}

/** Whether a text is one character of one code unit. */
function isUnit(text: string): boolean {
  return text.length === 1 && !/[\ud800-\udfff]/.test(text)
}
