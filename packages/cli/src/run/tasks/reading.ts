import type { BarsPart, Mark } from '@heed/studio'
import type { Attention } from 'heed'
import { present, tokenAttended } from '../attended.js'
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
    return [
      {
        kind: 'text',
        name: textIn(fields, 'question'),
        text: textIn(fields, 'context'),
        marks: answers.slice(0, 1).flatMap(marksOf),
      },
      {
        kind: 'bars',
        rows: answers.map(({ answer, score }) => ({ text: answer === '' ? '(no answer)' : answer, score })),
      },
    ]
  },
  attended(_, result, attention) {
    const [best] = [result as Answer | readonly Answer[]].flat()
    const { answer, tokens = [] } = attention as Attention & {
      readonly answer?: { start: number; end: number }
    }
    if (answer === undefined || best === undefined || best.end <= best.start) return []
    const what = (which: string, position: number) =>
      tokenAttended(
        `what the answer's ${which}, “${tokens[position]?.text.trim() ?? ''}”, attended to`,
        attention,
        position,
      )
    return answer.start === answer.end
      ? [what('token', answer.start)]
      : [what('start', answer.start), what('end', answer.end)]
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

/** Entities of which it is shown what they attended to. */
const mostAttended = 5

/** `token-classification`: entities with their places. */
export const tokenClassification: RunnableTask = {
  defaults: { aggregation_strategy: 'simple' },
  parts(fields, result) {
    const entities = result as readonly Entity[]
    const text = textIn(fields, 'text')
    const label = ({ entity_group: group, entity }: Entity): string => group ?? entity ?? ''
    const bars: BarsPart = {
      kind: 'bars',
      rows: entities.map((one) => ({
        text: `${label(one)}  ${text.slice(one.start, one.end)}`,
        score: one.score,
      })),
    }
    return present(
      {
        kind: 'text',
        text,
        marks: entities.map((one) => ({ start: one.start, end: one.end, label: label(one) })),
      },
      entities.length === 0 ? { kind: 'text', text: '(nothing found)' } : bars,
    )
  },
  attended(fields, result, attention) {
    const { tokens = [] } = attention
    return (result as readonly Entity[]).slice(0, mostAttended).flatMap(({ start, end }) => {
      const position = tokens.findIndex((one) => one.sequence === 0 && one.start < end && one.end > start)
      const name = textIn(fields, 'text').slice(start, end)
      return position < 0 ? [] : [tokenAttended(`what “${name}” attended to`, attention, position)]
    })
  },
}

interface Filled {
  readonly score: number
  readonly token_str: string
  readonly mask: number
  readonly start: number
  readonly end: number
}

/** `fill-mask`: what may stand at a mask. */
export const fillMask: RunnableTask = {
  parts(fields, result) {
    const filled = result as readonly Filled[]
    const masks = [...new Set(filled.map(({ mask }) => mask))]
    const firsts = masks.map((mask) => filled.find((one) => one.mask === mask)!)
    return [
      { kind: 'text', text: textIn(fields, 'text'), marks: firsts.map(({ start, end }) => ({ start, end })) },
      ...masks.map((mask): BarsPart => ({
        kind: 'bars',
        ...(masks.length > 1 && { name: `mask ${mask + 1}` }),
        rows: filled
          .filter((one) => one.mask === mask)
          .map(({ token_str: text, score }) => ({ text, score })),
      })),
    ]
  },
  attended(_, result, attention) {
    const [first] = result as readonly Filled[]
    const position = attention.tokens?.findIndex(
      ({ sequence, start, end }) => sequence === 0 && start === first?.start && end === first.end,
    )
    return position === undefined || position < 0
      ? []
      : [tokenAttended('what the mask attended to', attention, position)]
  },
}
