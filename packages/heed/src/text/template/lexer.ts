/** A template's text as tokens: what is written out, and the words of tags. */
import { FormatError } from '../../base/index.js'

/** What is wrong with a template, and where. */
export function templateError(at: number, expected: string, found: string): FormatError {
  return new FormatError({
    operation: 'chat template',
    expected,
    found,
    hint: 'heed reads the part of Jinja that chat templates are written in',
    offset: at,
  })
}

/** A token, and where it begins. */
export type Token =
  | { readonly kind: 'text'; readonly text: string; readonly at: number }
  /** `{{`, `}}`, `{%` or `%}`. */
  | { readonly kind: 'brace'; readonly text: string; readonly at: number }
  | { readonly kind: 'name'; readonly text: string; readonly at: number }
  | { readonly kind: 'string'; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly text: string; readonly at: number }
  | { readonly kind: 'operator'; readonly text: string; readonly at: number }

const operators = /^(?:\*\*|\/\/|==|!=|<=|>=|[-+*/%~<>=()[\]{},.:|])/
const longest = 2 ** 20

/**
 * The tokens of a template. As the hub's libraries have it, a newline behind a tag and spaces in front of one
 * that begins its line are none of the text (`trim_blocks`, `lstrip_blocks`).
 *
 * @throws FormatError for a tag that doesn't end, or what is in none
 */
export function templateTokens(source: string): Token[] {
  if (source.length > longest)
    throw templateError(longest, `a template of at most ${longest} characters`, String(source.length))
  const tokens: Token[] = []
  // A last newline is left out, as Jinja does it.
  const text = source.replace(/\r\n?/g, '\n').replace(/\n$/, '')
  let at = 0
  /** How the last tag ends: `-` takes all space, a newline one newline, `+` none. */
  let trim: 'all' | 'newline' | 'none' = 'none'
  while (at < text.length) {
    const next = nextTag(text, at)
    let plain = text.slice(at, next)
    if (trim === 'all') plain = plain.trimStart()
    else if (trim === 'newline' && plain.startsWith('\n')) plain = plain.slice(1)
    if (next === text.length) {
      if (plain !== '') tokens.push({ kind: 'text', text: plain, at })
      return tokens
    }
    const kind = text[next + 1]!
    const sign = text[next + 2]
    if (sign === '-') plain = plain.trimEnd()
    else if (kind !== '{' && sign !== '+' && beginsLine(text, next)) plain = plain.replace(/[ \t]+$/, '')
    if (plain !== '') tokens.push({ kind: 'text', text: plain, at })
    const begin = next + (sign === '-' || sign === '+' ? 3 : 2)
    if (kind === '#') {
      const end = text.indexOf('#}', begin)
      if (end < 0) throw templateError(next, 'the end of a comment, #}', 'none')
      trim = text[end - 1] === '-' ? 'all' : 'newline'
      at = end + 2
      continue
    }
    tokens.push({ kind: 'brace', text: `{${kind}`, at: next })
    const end = wordsOf(text, begin, kind === '{' ? '}}' : '%}', tokens)
    tokens.push({ kind: 'brace', text: kind === '{' ? '}}' : '%}', at: end })
    trim = text[end] === '-' ? 'all' : kind === '{' || text[end] === '+' ? 'none' : 'newline'
    at = end + (text[end] === '-' || text[end] === '+' ? 3 : 2)
  }
  return tokens
}

function nextTag(text: string, from: number): number {
  for (let at = text.indexOf('{', from); at >= 0; at = text.indexOf('{', at + 1))
    if ('{%#'.includes(text[at + 1] ?? ' ')) return at
  return text.length
}

/** Whether only spaces stand between the beginning of the line and a place. */
function beginsLine(text: string, at: number): boolean {
  const line = text.lastIndexOf('\n', at - 1) + 1
  return /^[ \t]*$/.test(text.slice(line, at))
}

/** Reads the words of a tag; gives where its end begins, with the sign in front of it. */
function wordsOf(text: string, from: number, end: string, tokens: Token[]): number {
  let at = from
  let depth = 0
  for (;;) {
    while (/\s/.test(text[at] ?? '')) at++
    if (at >= text.length) throw templateError(from, `the end of a tag, ${end}`, 'the end of the template')
    const signed = text[at] === '-' || text[at] === '+' ? 1 : 0
    if (depth === 0 && text.startsWith(end, at + signed)) return at
    const word = /^[A-Za-z_]\w*/.exec(text.slice(at, at + 256))?.[0]
    const number = /^\d+(?:\.\d+)?/.exec(text.slice(at, at + 64))?.[0]
    if (word !== undefined) tokens.push({ kind: 'name', text: word, at })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, at })
    else if (text[at] === '"' || text[at] === "'") {
      const close = closing(text, at)
      tokens.push({ kind: 'string', text: unescaped(text.slice(at + 1, close)), at })
      at = close + 1
      continue
    } else {
      const operator = operators.exec(text.slice(at, at + 2))?.[0]
      if (operator === undefined) throw templateError(at, 'an expression', `'${text[at]}'`)
      if ('([{'.includes(operator)) depth++
      if (')]}'.includes(operator)) depth--
      tokens.push({ kind: 'operator', text: operator, at })
    }
    at += tokens.at(-1)!.text.length
  }
}

function closing(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === text[from]) return at
  }
  throw templateError(from, 'the end of a string', 'none')
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  "'": "'",
  '"': '"',
}

function unescaped(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)/gs, (whole, what: string) =>
    what.length > 1 ? String.fromCharCode(parseInt(what.slice(1), 16)) : (escapes[what] ?? whole),
  )
}
