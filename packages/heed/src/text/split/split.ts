import type { JsonValue } from '../../base/index.js'
import { codePointAt } from '../byte-alphabet.js'
import { MatchList, Pattern } from '../pattern/index.js'
import type { Component } from '../steps/component.js'
import { Bounds, type Splitter } from '../steps/pieces.js'
import { cutAtMatches, readBehavior, type SplitBehavior } from './behavior.js'
import { spelledOut } from './spelled-out.js'

/** A text that is searched for, or a regular expression in Oniguruma's dialect. */
export type SearchedDefinition = { readonly String: string } | { readonly Regex: string }

/** Cuts at matches of a pattern. */
export interface SplitDefinition {
  readonly type: 'Split'
  readonly pattern: SearchedDefinition
  readonly behavior: SplitBehavior
  /** Whether what is between matches counts as found, not the matches. */
  readonly invert: boolean
}

export const split: Component<SplitDefinition, Splitter> = {
  read: (value) => ({
    type: 'Split',
    pattern: readSearched(value.member('pattern')),
    behavior: readBehavior(value.member('behavior')),
    invert: value.member('invert').boolean(),
  }),
  create: ({ pattern, behavior, invert }) => splitterByPattern(pattern, behavior, invert),
}

export function readSearched(value: JsonValue): SearchedDefinition {
  const members = value.members()
  const [name, member] = members[0] ?? ['', value]
  if (members.length !== 1 || (name !== 'String' && name !== 'Regex'))
    return value.refuse("one field, 'String' or 'Regex'")
  return name === 'String' ? { String: member.string() } : { Regex: member.string() }
}

export function splitterByPattern(
  pattern: SearchedDefinition,
  behavior: SplitBehavior,
  invert: boolean,
): Splitter {
  const search = createSearch(pattern)
  return (input) => {
    const pieces = spelledOut(input)
    const { text, bounds } = pieces
    const found = new Bounds(16 + (text.length >> 2))
    const matches = new MatchList()
    for (let i = 0; i < bounds.length; i += 2) {
      matches.length = 0
      search.matches(text, bounds[i]!, bounds[i + 1]!, matches)
      cutAtMatches(matches, bounds[i]!, bounds[i + 1]!, behavior, invert, found)
    }
    return { ...pieces, bounds: found.take() }
  }
}

/** What finds matches in text[start, end) and adds them to a list. What is outside is not looked at. */
export interface Search {
  matches(text: string, start: number, end: number, list: MatchList): void
}

/** @throws PatternError for a regular expression that isn't understood */
export function createSearch(searched: SearchedDefinition): Search {
  return 'Regex' in searched ? new Pattern(searched.Regex) : new TextSearch(searched.String)
}

/** Searches for a text; an empty one is found before each character, and at the end. */
class TextSearch implements Search {
  readonly #sought: string

  constructor(sought: string) {
    this.#sought = sought
  }

  matches(text: string, start: number, end: number, list: MatchList): void {
    const sought = this.#sought
    if (sought === '') {
      for (let at = start; at < end; at += codePointAt(text, at, end) > 0xffff ? 2 : 1) list.push(at, at)
      list.push(end, end)
      return
    }
    for (let at = text.indexOf(sought, start); at >= 0 && at + sought.length <= end;) {
      list.push(at, at + sought.length)
      at = text.indexOf(sought, at + sought.length)
    }
  }
}
