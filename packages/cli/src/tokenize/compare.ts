import { visibleText } from '@heed/studio'
import { clipped, padded, stringWidth, styled, widthOf, type Environment, type Output } from '../terminal.js'
import { bordersOf, cellsOf, type TokenPlaces } from './cells.js'
import type { Count } from './count.js'

/** How many borders of tokens two tokenizers put at the same places of a text. */
export interface Borders {
  same: number
  onlyFirst: number
  onlySecond: number
}

/** A part of a text between two places at which both have a border; both halves as tokens cut them. */
interface Section {
  readonly first: string
  readonly second: string
  readonly isSame: boolean
}

/** Counts where borders fall, within the text: not its ends. */
export function comparedBorders(text: string, first: TokenPlaces, second: TokenPlaces): Borders {
  const inner = (places: TokenPlaces): number[] =>
    bordersOf(text, places).filter((place) => place > 0 && place < text.length)
  const ours = new Set(inner(first))
  const theirs = inner(second)
  const same = theirs.filter((place) => ours.has(place)).length
  return { same, onlyFirst: ours.size - same, onlySecond: theirs.length - same }
}

/** Cuts the text where both tokenizers have a border, or neither has a token. */
function sectionsOf(text: string, first: TokenPlaces, second: TokenPlaces): Section[] {
  const theirs = new Set(bordersOf(text, second))
  const places = bordersOf(text, first).filter((place) => theirs.has(place))
  const rows = [first, second].map((tokens) => new Rows(text, tokens))
  const sections: Section[] = []
  for (const end of new Set([...places, text.length])) {
    const [one, other] = rows.map((row) => row.upTo(end)) as [string, string]
    if (one !== '' || other !== '')
      sections.push({ first: one, second: other, isSame: bare(one) === bare(other) })
  }
  return sections
}

/** Whether white space is part of the token doesn't matter. */
const bare = (row: string): string => row.replace(/^[ ␣]+/, '')

/** Pictures of a text's parts, one after the other. */
class Rows {
  readonly #cells: ReturnType<typeof cellsOf>
  #next = 0
  #at = 0

  constructor(text: string, tokens: TokenPlaces) {
    this.#cells = cellsOf(text, tokens).filter(({ kind }) => kind !== 'added')
  }

  upTo(end: number): string {
    let row = ''
    let isAfterToken = false
    while (this.#at < end && this.#next < this.#cells.length) {
      const { kind, text, count } = this.#cells[this.#next]!
      // A gap goes on where the other tokenizer has a border.
      const part = text.slice(0, end - this.#at)
      if (part.length < text.length)
        this.#cells[this.#next] = { kind, text: text.slice(part.length), count: Math.min(1, count) }
      else this.#next++
      this.#at += part.length
      if (kind === 'gap') row += /^\s+$/.test(part) ? ' ' : `‹${visibleText(part)}›`
      else row += `${isAfterToken ? '|' : ''}${visibleText(part)}${count > 1 ? `×${count}` : ''}`
      isAfterToken = kind === 'token'
    }
    return row
  }
}

const mostColumns = 200

/** Two tokenizers' tokens of a text side by side, a line for each part that they cut otherwise. */
export function comparedTokens(
  text: string,
  first: TokenPlaces,
  second: TokenPlaces,
  output: Output,
  environment: Environment,
  options: { readonly onlyOthers: boolean; readonly most: number },
): string {
  const half = Math.floor((Math.min(mostColumns, widthOf(output, environment)) - 5) / 2)
  const lines: string[] = []
  let same = ''
  const flush = (): void => {
    if (same !== '' && !options.onlyOthers)
      for (let rest = same; rest !== '';) {
        const part = clippedPart(rest, 2 * half + 3)
        lines.push(styled(output, 'dim', `  ${part}`, environment))
        rest = rest.slice(part.length)
      }
    same = ''
  }
  let left = 0
  for (const section of sectionsOf(text, first, second)) {
    if (section.isSame) {
      same += same === '' || section.first.startsWith(' ') ? section.first : `|${section.first}`
      continue
    }
    flush()
    if (lines.length >= options.most) left++
    else {
      const [one, other] = [section.first, section.second].map((part) => clipped(part, half)) as [
        string,
        string,
      ]
      lines.push(`${styled(output, 'yellow', '≠', environment)} ${padded(one, half)}   ${other}`.trimEnd())
    }
  }
  flush()
  if (left > 0) lines.push(styled(output, 'dim', `  … and ${left} more`, environment))
  return lines.map((line) => `${line}\n`).join('')
}

/** The beginning of a text that takes at most `columns`. */
function clippedPart(text: string, columns: number): string {
  let part = ''
  let used = 0
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += stringWidth(segment)
    if (used > columns && part !== '') break
    part += segment
  }
  return part
}

/** Tokens, and characters a token and tokens a character, of each. */
export function comparedCounts(
  names: readonly [string, string],
  counts: readonly [Count, Count],
  { same, onlyFirst, onlySecond }: Borders,
  output: Output,
  environment: Environment,
): string {
  const labels = names.map((name) => clipped(visibleText(name, 100), 30)) as [string, string]
  const width = Math.max(...labels.map((label) => stringWidth(label)))
  const head = `${' '.repeat(width)}  ${'tokens'.padStart(10)}  characters a token  tokens a character`
  const rows = counts.map((count, i) =>
    [
      padded(labels[i]!, width),
      String(count.tokens).padStart(10),
      count.charactersPerToken.toFixed(2).padStart(18),
      count.tokensPerCharacter.toFixed(3).padStart(18),
    ].join('  '),
  )
  const borders = `borders within the text: ${same} at the same places, ${onlyFirst} only ${labels[0]}'s, ${onlySecond} only ${labels[1]}'s`
  return [styled(output, 'dim', head, environment), ...rows, borders].map((line) => `${line}\n`).join('')
}
