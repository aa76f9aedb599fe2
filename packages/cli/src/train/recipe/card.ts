import type { Evaluation, EvaluationScore } from 'heed'
import type { RecipeConfig } from './config.js'
import { headsText } from './heads-card.js'
import { filled, table } from './markdown.js'
import type { FirstScores, MeasuredTask, RecipeResults } from './results.js'
import type { PublishConfig } from './results-config.js'

/** The card of a model (Mitchell et al. 2019, "Model Cards for Model Reporting"), in Markdown. */
export function cardText(
  { card, task, publish }: RecipeConfig,
  { name, licence }: Pick<PublishConfig, 'name' | 'licence'>,
  results: RecipeResults,
): string {
  const { title, summary, data, limits, sources, example } = card
  const parts = [
    `# ${title}`,
    summary,
    example === undefined ? [] : ['```sh', example, '```'].join('\n'),
    facts([
      ['package', `\`${name}\``],
      ['task', `\`${task}\``],
      ['parameters', thousands(results.parameters)],
      [
        'weights',
        `${thousands(results.bytes)} bytes${publish === undefined ? '' : `, ${weightsOf(results)}`}`,
      ],
      ['licence', licence],
    ]),
    ...(data.length === 0
      ? []
      : [
          '## Data',
          table(
            ['data', 'used for', 'licence', 'source'],
            data.map((own) => [own.name, own.use, own.licence, own.source ?? '']),
          ),
        ]),
    '## Training',
    `${thousands(results.steps)} steps over ${thousands(results.records)} records, ${hoursText(results.hours)}, on ` +
      `${results.machine}. Seed ${results.seed}, heed ${results.heed}.${lossText(results)}`,
    ...(results.evaluation.length === 0 ? [] : ['## Scores', intervals, ...results.evaluation.map(scores)]),
    ...headsText(results),
    ...(limits.length === 0 ? [] : ['## Limits', list(limits)]),
    ...(sources.length === 0 ? [] : ['## Sources', list(sources)]),
  ]
  const written = parts.flat().filter((part) => part !== '')
  return `${filled(written.join('\n\n'))}\n`
}

function weightsOf({ bytes, parameters }: RecipeResults): string {
  return `${(bytes / parameters).toFixed(1)} a parameter`
}

function hoursText(hours: number): string {
  return hours < 1 ? `${Math.round(hours * 60)} minutes` : `${hours.toFixed(1)} hours`
}

function lossText({ validation, metrics }: RecipeResults): string {
  if (validation === null) return ''
  const others = Object.entries(metrics ?? {}).map(([name, value]) => `, ${name} ${value.toFixed(3)}`)
  return ` The last evaluation on the way: loss ${validation.toFixed(4)}${others.join('')}.`
}

const intervals = 'In brackets: where 95 % of bootstrap samples of the same records lie.'

/** The scores of one evaluation: the model first, then baselines, then models beside it. */
function scores({ name, found, first, beside }: MeasuredTask): string {
  const metrics = found.scores.map(({ metric }) => metric)
  const names = [...new Set(found.scores.flatMap((score) => score.beside.map((each) => each.name)))]
  const rows = [
    ['**this model**', ...found.scores.map((score) => `**${scoreText(score)}**`)],
    ...names.map((other) => [
      other,
      ...found.scores.map((score) => {
        const own = score.beside.find((each) => each.name === other)
        return own === undefined ? '' : scoreText(own)
      }),
    ]),
    ...Object.entries(beside).map(([other, evaluation]) => [other, ...scoresOf(evaluation, metrics)]),
  ]
  const count = found.scores[0]?.count ?? 0
  return [
    `### ${name}`,
    `${thousands(count)} records, \`${found.task}\`.`,
    table(['', ...metrics], rows),
    ...(first === undefined ? [] : [firstText(first)]),
  ].join('\n\n')
}

/** What a test measures again. */
function firstText({ records, scores: reached }: FirstScores): string {
  const all = Object.entries(reached).map(([metric, value]) => `${metric} ${number(value)}`)
  return `The first ${thousands(records)} records alone, by the files of this package: ${all.join(', ')}.`
}

function scoresOf({ scores: own }: Evaluation, metrics: readonly string[]): string[] {
  return metrics.map((metric) => {
    const score = own.find((each) => each.metric === metric)
    return score === undefined ? '' : scoreText(score)
  })
}

function scoreText({ value, low, high }: Pick<EvaluationScore, 'value' | 'low' | 'high'>): string {
  return `${number(value)} (${number(low)} to ${number(high)})`
}

/** JSON has null for what is no finite number: of vectors that are all alike there is no correlation. */
function number(value: number | null): string {
  return value === null || !Number.isFinite(value) ? '–' : value.toFixed(3)
}

function facts(rows: readonly (readonly [string, string])[]): string {
  return table(['', ''], rows)
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n')
}

function thousands(count: number): string {
  return count.toLocaleString('en-US')
}
