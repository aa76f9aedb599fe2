import type { Reached } from './compare.js'

/** What was reached, as a table in Markdown: accuracy in percent, mean and deviation over draws. */
export function resultsTable(rows: readonly Reached[]): string {
  const cells = rows.map(({ set, method, each, accuracies }) => {
    const { mean, deviation } = spreadOf(accuracies.map((value) => value * 100))
    const reached = deviation === undefined ? mean.toFixed(1) : `${mean.toFixed(1)} ± ${deviation.toFixed(1)}`
    return `| ${set} | ${method} | ${each} | ${reached} |`
  })
  return ['| set | method | examples of each class | accuracy, % |', '|---|---|--:|--:|', ...cells, ''].join(
    '\n',
  )
}

/** Mean, and deviation of one draw from it (of the sample); undefined of a single one. */
export function spreadOf(values: readonly number[]): {
  readonly mean: number
  readonly deviation: number | undefined
} {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  if (values.length < 2) return { mean, deviation: undefined }
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) }
}
