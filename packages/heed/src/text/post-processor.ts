import { codePointAt, unitsBefore } from './byte-alphabet.js'
import { whiteSpace } from './character-class.js'
import type { PostProcessorDefinition } from './tokenizer-definition.js'

/** Tokens in the making: parallel lists. */
export class TokenList {
  readonly ids: number[] = []
  readonly tokens: string[] = []
  readonly starts: number[] = []
  readonly ends: number[] = []

  push(id: number, token: string, start: number, end: number): void {
    this.ids.push(id)
    this.tokens.push(token)
    this.starts.push(start)
    this.ends.push(end)
  }
}

/**
 * Trims spans and adds a template's tokens. Lists in, lists out: each is what one part of a template gave.
 */
export function postProcess(
  definition: PostProcessorDefinition | null,
  lists: readonly TokenList[],
  text: string,
  addSpecial: boolean,
): readonly TokenList[] {
  if (definition === null) return lists
  if (definition.type === 'ByteLevel') {
    if (definition.trim_offsets) for (const list of lists) trimSpans(list, text, definition.add_prefix_space)
    return lists
  }
  if (definition.type === 'Sequence') {
    return definition.processors.reduce((now, step) => postProcess(step, now, text, addSpecial), lists)
  }
  return definition.single.flatMap((piece) => {
    if ('Sequence' in piece) return lists
    if (!addSpecial) return []
    const list = new TokenList()
    const { ids, tokens } = definition.special_tokens.get(piece.SpecialToken.id)!
    ids.forEach((id, i) => list.push(id, tokens[i]!, 0, 0))
    return [list]
  })
}

/**
 * Leaves white space at a token's ends out of its span, a character of the token for a character of the text.
 * One space before the first token stays where it counts as put there (`addPrefixSpace`).
 */
function trimSpans(list: TokenList, text: string, addPrefixSpace: boolean): void {
  for (let i = 0; i < list.tokens.length; i++) {
    const token = list.tokens[i]!
    let leading = 0
    while (leading < token.length && isSpace(token.charCodeAt(leading))) leading++
    let trailing = 0
    while (trailing < token.length && isSpace(token.charCodeAt(token.length - 1 - trailing))) trailing++
    let start = list.starts[i]!
    let end = list.ends[i]!
    if (leading === 1 && addPrefixSpace && (i === 0 || start === 0)) leading = 0
    for (; leading > 0 && start < end; leading--) start += codePointAt(text, start) > 0xffff ? 2 : 1
    let trimmed = end
    for (; trailing > 0 && trimmed > 0; trailing--) trimmed -= unitsBefore(text, trimmed)
    if (trailing === 0) end = Math.max(trimmed, start)
    list.starts[i] = start
    list.ends[i] = end
  }
}

/** `Ġ` is a space in the byte alphabet; other white space is in added tokens alone. */
function isSpace(unit: number): boolean {
  return unit === 0x120 || whiteSpace.has(unit)
}
