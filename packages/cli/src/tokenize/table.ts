import { visibleText } from '@heed/studio'
import { clipped, padded, styled, widthOf, type Environment, type Output } from '../terminal.js'
import type { TokenPlaces } from './cells.js'

/** Ids, tokens and places, a token a line. */
export interface TableTokens extends TokenPlaces {
  readonly ids: ArrayLike<number>
}

const longestToken = 30

/**
 * A line for each token: its number, its id, its spelling in the vocabulary, its span, and the text there.
 *
 * @param textOf the text that a token is of
 */
export function tokenTable(
  { ids, tokens, spans }: TableTokens,
  textOf: (token: number) => string,
  output: Output,
  environment: Environment,
): string {
  const rows = Array.from(ids, (id, i) => {
    const [start, end] = [spans[2 * i]!, spans[2 * i + 1]!]
    return {
      number: String(i),
      id: String(id),
      token: clipped(visibleText(tokens[i]!, 200), longestToken),
      span: start === end ? '–' : `${start}–${end}`,
      text: start === end ? '' : visibleText(textOf(i).slice(start, end), 200),
    }
  })
  const names = { number: '', id: 'id', token: 'token', span: 'span', text: 'text' }
  const widest = (column: keyof typeof names): number =>
    [names, ...rows].reduce((most, row) => Math.max(most, [...row[column]].length), 0)
  const [number, id, span] = [widest('number'), widest('id'), widest('span')]
  const token = rows.reduce((most, row) => Math.max(most, padded(row.token, 5).length), 5)
  const left = Math.max(4, widthOf(output, environment) - number - id - token - span - 9)
  const line = (row: typeof names): string =>
    [
      padded(row.number, number, 'start'),
      padded(row.id, id, 'start'),
      padded(row.token, token),
      padded(row.span, span, 'start'),
      clipped(row.text, left),
    ]
      .join('  ')
      .trimEnd()
  const head = styled(output, 'dim', line(names), environment)
  return [head, ...rows.map(line)].map((text) => `${text}\n`).join('')
}
