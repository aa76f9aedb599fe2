import { attendedBy, meanFilter, present, wordsMet } from '../attended.js'
import { textIn, type RunnableTask } from './task.js'

interface LabelScore {
  readonly label: string
  readonly score: number
}

/** `text-classification`: labels of a text, or of a pair. */
export const textClassification: RunnableTask = {
  defaults: { top_k: null },
  input: (fields) =>
    fields.text_pair === undefined
      ? textIn(fields, 'text')
      : { text: fields.text, text_pair: fields.text_pair },
  parts(fields, result) {
    const rows = [result as LabelScore | readonly LabelScore[]].flat()
    return present(
      { kind: 'text', text: textIn(fields, 'text') },
      fields.text_pair === undefined
        ? undefined
        : { kind: 'text', name: 'second text', text: textIn(fields, 'text_pair') },
      { kind: 'bars', rows: rows.map(({ label, score }) => ({ text: label, score })) },
    )
  },
  attended(fields, _, attention) {
    const { tokens = [] } = attention
    const filter = meanFilter(attention)
    if (filter === undefined) return []
    const texts = [textIn(fields, 'text'), textIn(fields, 'text_pair')] as const
    return fields.text_pair === undefined
      ? present(attendedBy('what the first token attended to (mean of all heads)', tokens, filter, [0]))
      : present(
          wordsMet(
            'which words of the first text (columns) each word of the second attended to (mean of all heads)',
            tokens,
            filter,
            texts,
          ),
        )
  },
}

/** `zero-shot-classification`: any labels. */
export const zeroShotClassification: RunnableTask = {
  async run(pipeline, inputs, { labels, ...options }) {
    return (await pipeline(
      inputs.map((fields) => textIn(fields, 'text')),
      labels,
      options,
    )) as readonly unknown[]
  },
  parts(fields, result) {
    const { labels, scores } = result as {
      readonly labels: readonly string[]
      readonly scores: readonly number[]
    }
    return [
      { kind: 'text', text: textIn(fields, 'text') },
      { kind: 'bars', rows: labels.map((text, i) => ({ text, score: scores[i]! })) },
    ]
  },
  attended(fields, result, attention) {
    const { tokens = [] } = attention
    const filter = meanFilter(attention)
    const { labels } = result as { readonly labels: readonly string[] }
    return filter === undefined
      ? []
      : present(
          wordsMet(
            `which words of the text (columns) those of “${labels[0]}” attended to (mean of all heads)`,
            tokens,
            filter,
            [textIn(fields, 'text'), ''],
          ),
        )
  },
}
