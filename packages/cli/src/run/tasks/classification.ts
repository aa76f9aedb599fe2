import { UsageError } from 'heed'
import { present, tokenAttended, wordsMet } from '../attended.js'
import type { Fields } from '../fields.js'
import { forPart, textIn, textsIn, type RunInputs, type RunnableTask } from './task.js'

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
  attended: (fields, _, attention) =>
    fields.text_pair === undefined
      ? [tokenAttended('what the first token attended to', attention, 0)]
      : present(
          wordsMet('which words of the first text (columns) those of the second attended to', attention, [
            textIn(fields, 'text'),
            textIn(fields, 'text_pair'),
          ]),
        ),
}

function withoutLabels(operation: string): UsageError {
  return new UsageError({
    operation,
    expected: 'labels',
    found: 'none',
    hint: 'name them behind the text, with --labels, or as candidate_labels of a line',
  })
}

/** Runs what takes labels of its own: inputs of the same labels together. */
export function labelled(operation: string, inputOf: (fields: Fields) => unknown): RunInputs {
  return async (pipeline, inputs, { labels, ...options }) => {
    const labelsOf = (fields: Fields): readonly string[] =>
      fields.candidate_labels === undefined
        ? ((labels as readonly string[] | undefined) ?? [])
        : textsIn(fields, 'candidate_labels')
    const results: unknown[] = []
    for (let at = 0; at < inputs.length;) {
      const own = labelsOf(inputs[at]!)
      let end = at + 1
      while (end < inputs.length && labelsOf(inputs[end]!).join('\n') === own.join('\n')) end++
      if (own.length === 0) {
        results.push(...inputs.slice(at, end).map(() => withoutLabels(operation)))
        at = end
        continue
      }
      const together = inputs.slice(at, end).map(inputOf)
      const told = forPart(options, at, end, inputs.length)
      results.push(...((await pipeline(together, own, told)) as readonly unknown[]))
      at = end
    }
    return results
  }
}

/** `zero-shot-classification`: any labels, those of the input or of the options. */
export const zeroShotClassification: RunnableTask = {
  run: labelled('zero-shot-classification', (fields) => textIn(fields, 'text')),
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
    const { labels } = result as { readonly labels: readonly string[] }
    return present(
      wordsMet(`which words of the text (columns) those about “${labels[0]}” attended to`, attention, [
        textIn(fields, 'text'),
      ]),
    )
  },
}
