import type { Mark } from '@heed/studio'
import { attendedBy, meanFilter, present, tokensIn } from '../attended.js'
import { textIn, type RunnableTask } from './task.js'

interface Answer {
  readonly answer: string
  readonly score: number
  readonly start: number
  readonly end: number
}

/** `question-answering`: the part of a text that answers. */
export const questionAnswering: RunnableTask = {
  input: ({ question, context }) => ({ question, context }),
  parts(fields, result) {
    const answers = [result as Answer | readonly Answer[]].flat()
    const [best] = answers
    return [
      {
        kind: 'text',
        name: textIn(fields, 'question'),
        text: textIn(fields, 'context'),
        marks: best === undefined ? [] : marksOf(best),
      },
      {
        kind: 'bars',
        rows: answers.map(({ answer, score }) => ({ text: answer === '' ? '(no answer)' : answer, score })),
      },
    ]
  },
  attended(_, result, attention) {
    const { tokens = [] } = attention
    const filter = meanFilter(attention)
    const best = [result as Answer | readonly Answer[]].flat()[0]
    if (filter === undefined || best === undefined || best.end <= best.start) return []
    const within = tokensIn(tokens, 1, best.start, best.end)
    const rows = (what: string, query: number | undefined) =>
      query === undefined
        ? undefined
        : attendedBy(
            `what the answer's ${what}, “${tokens[query]!.text.trim()}”, attended to (mean of all heads)`,
            tokens,
            filter,
            [query],
          )
    return within.length < 2
      ? present(rows('token', within[0]))
      : present(rows('start', within[0]), rows('end', within.at(-1)))
  },
}

function marksOf({ start, end }: Answer): readonly Mark[] {
  return end > start ? [{ start, end }] : []
}

interface Entity {
  readonly start: number
  readonly end: number
  readonly score: number
  readonly entity?: string
  readonly entity_group?: string
}

/** `token-classification`: entities with their places. */
export const tokenClassification: RunnableTask = {
  parts(fields, result) {
    const entities = result as readonly Entity[]
    const text = textIn(fields, 'text')
    const label = ({ entity_group: group, entity }: Entity): string => group ?? entity ?? ''
    return [
      {
        kind: 'text',
        text,
        marks: entities.map((entity) => ({ start: entity.start, end: entity.end, label: label(entity) })),
      },
      {
        kind: 'bars',
        rows: entities.map((entity) => ({
          text: `${label(entity)}  ${text.slice(entity.start, entity.end)}`,
          score: entity.score,
        })),
      },
    ]
  },
  attended(_, result, attention) {
    const { tokens = [] } = attention
    const filter = meanFilter(attention)
    const entities = result as readonly Entity[]
    if (filter === undefined) return []
    return present(
      ...entities.slice(0, 8).map(({ start, end }) => {
        const within = tokensIn(tokens, 0, start, end)
        const name = within.map((i) => tokens[i]!.text).join(' ')
        return attendedBy(`what “${name}” attended to (mean of all heads)`, tokens, filter, within)
      }),
    )
  },
}

interface Filled {
  readonly score: number
  readonly token_str: string
  readonly sequence: string
}

/** `fill-mask`: what may stand at a mask. */
export const fillMask: RunnableTask = {
  parts(fields, result) {
    // A list for each mask where a text has several.
    const lists = (result as readonly (Filled | readonly Filled[])[]).some(Array.isArray)
      ? (result as readonly (readonly Filled[])[])
      : [result as readonly Filled[]]
    return [
      { kind: 'text', text: textIn(fields, 'text') },
      ...lists.map((list, i) => ({
        kind: 'bars' as const,
        ...(lists.length > 1 && { name: `mask ${i + 1}` }),
        rows: list.map(({ token_str: text, score }) => ({ text, score })),
      })),
    ]
  },
}
