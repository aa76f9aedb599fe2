/** What an evaluation found, for people. */
import { depthOf, Paint, themeOf } from '@heed/studio'
import type { ClassificationDetails, Evaluation, HeadCost, HeadRow } from 'heed'
import { countText } from '../format.js'
import { escaped, padded, stringWidth, styled, widthOf, wrapped } from '../terminal.js'
import type { Environment, Output } from '../terminal.js'
import { attentionName, costText, type MeasuredHeads } from './heads.js'
import { columnParts, tableLines } from './table.js'

/** What was measured. */
export interface About {
  readonly model: string
  readonly records: number
}

/** Scores, each with its interval and with how much more it is than the baselines'. */
export function evaluationText(
  { model, records }: About,
  { task, scores, details }: Evaluation,
  output: Output,
  environment: Environment,
): string {
  const rows = scores.flatMap(({ metric, value, low, high, beside }) => [
    [metric, 'model', scoreText(value), rangeText(low, high), ''],
    ...beside.map(({ name, difference, ...own }) => [
      '',
      name,
      scoreText(own.value),
      rangeText(own.low, own.high),
      `${signed(difference.value)}  (${signed(difference.low)} … ${signed(difference.high)})`,
    ]),
  ])
  const head = ['', '', 'score', 'interval', 'the model has more']
  return [
    titleText(model, task, records, output, environment),
    '',
    ...tableLines([head, ...rows], 2, output, environment),
    ...detailLines(details, output, environment),
    '',
  ].join('\n')
}

function titleText(
  model: string,
  task: string,
  records: number,
  output: Output,
  environment: Environment,
): string {
  const count = `${countText(records)} record${records === 1 ? '' : 's'}`
  return `${styled(output, 'bold', escaped(model), environment)}  ${escaped(task)}  ${count}`
}

function detailLines(details: Evaluation['details'], output: Output, environment: Environment): string[] {
  if (!('confusion' in details)) {
    const facts = Object.entries(details).filter(([, value]) => ['number', 'string'].includes(typeof value))
    const said = facts.map(
      ([name, value]) => `${name} ${typeof value === 'number' ? numberText(value) : String(value)}`,
    )
    return said.length === 0 ? [] : ['', ...wrapped(escaped(said.join(', ')), widthOf(output, environment))]
  }
  const { labels, classes, confusion } = details as unknown as ClassificationDetails
  const present = labels
    .map((_, i) => i)
    .filter((i) => classes[i]!.count > 0 || confusion.some((row) => row[i]! > 0))
  const head = ['', 'precision', 'recall', 'F1', 'records', ...present.map((i) => `as ${labels[i]}`)]
  const rows = present.map((i) => {
    const { precision, recall, f1, count } = classes[i]!
    return [
      labels[i]!,
      ...[precision, recall, f1].map(scoreText),
      countText(count),
      ...present.map((called) => countText(confusion[i]![called]!)),
    ]
  })
  return ['', ...tableLines([head, ...rows], 1, output, environment)]
}

/** Columns of the terminal that the cost of a head takes. */
const headWidth = 6

/** Layers downward, heads to the right: how much less the score is without each. */
export function ablationText(
  { model, records }: About,
  { task, metric, ablation, lower, score, heads, table }: MeasuredHeads,
  output: Output,
  environment: Environment,
): string {
  const paint = new Paint(depthOf(output, environment), themeOf(environment))
  const names = [...new Set(heads.map(({ attention }) => attention))]
  const count = Math.max(...heads.map(({ head }) => head + 1))
  const most = Math.max(1e-9, ...heads.map(({ cost }) => cost.value))
  const widest = Math.max(5, ...names.map((name) => stringWidth(escaped(attentionName(name)))))
  const cell = (one: HeadCost | undefined): string => {
    const text = padded(one === undefined ? '' : costText(one.cost.value, lower), headWidth, 'start')
    return one === undefined ? text : paint.on(Math.max(0, one.cost.value) / most, text)
  }
  const dim = (text: string): string => styled(output, 'dim', text, environment)
  const width = widthOf(output, environment)
  const parts = columnParts(Array<number>(count).fill(headWidth), 1, width - widest - 1)
  const costly = [...heads].sort((a, b) => b.cost.value - a.cost.value).slice(0, 5)
  return [
    titleText(model, task, records, output, environment),
    '',
    ...wrapped(
      `${metric} ${scoreText(score.value)}  ${rangeText(score.low, score.high)}; ${lower ? 'how much more it is' : 'in hundredths, what it loses'} without a head (${
        ablation === 'zero' ? 'it gives nothing' : 'it attends to all alike'
      }):`,
      width,
    ),
    '',
    ...parts.flatMap((part) => [
      dim(`${padded('', widest)} ${part.map((head) => padded(String(head), headWidth, 'start')).join(' ')}`),
      ...names.map((name) => {
        const own = heads.filter(({ attention }) => attention === name)
        return `${dim(padded(escaped(attentionName(name)), widest))} ${part.map((head) => cell(own.find((one) => one.head === head))).join(' ')}`
      }),
      '',
    ]),
    ...tableLines(
      [
        [
          'attention',
          'head',
          lower ? 'more' : 'loses',
          'interval',
          'entropy',
          'previous',
          'first',
          'induction',
          ...(table.some(({ other }) => other > 0) ? ['other text'] : []),
        ],
        ...costly.map(({ attention, head, cost }) => [
          attentionName(attention),
          String(head),
          costText(cost.value, lower),
          `${costText(cost.low, lower)} … ${costText(cost.high, lower)}`,
          ...scoresIn(table, attention, head),
        ]),
      ],
      2,
      output,
      environment,
    ),
    '',
  ].join('\n')
}

/** What a head does; a dash where the table hasn't it. */
function scoresIn(table: readonly HeadRow[], attention: string, head: number): string[] {
  const row = table.find((one) => one.attention === attention && one.head === head)
  const { entropy, previous, first, induction, other } = row ?? {}
  // Where texts are read alone there is no other.
  const others = table.some((one) => one.other > 0) ? [other] : []
  return [entropy, previous, first, induction, ...others].map((value) =>
    value === undefined ? '–' : value.toFixed(2),
  )
}

/** Shares have four digits, other numbers as many as fit. */
function scoreText(value: number): string {
  return Number.isFinite(value) ? (Math.abs(value) < 10 ? value.toFixed(4) : value.toFixed(2)) : '–'
}

function rangeText(low: number, high: number): string {
  return `${scoreText(low)} … ${scoreText(high)}`
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${scoreText(Math.abs(value))}`
}

function numberText(value: number): string {
  return Number.isInteger(value) ? countText(value) : scoreText(value)
}
