import { answerText, renderAnswers, type AnswerSection } from '@heed/studio'
import { StateError } from 'heed'
import { shippedPath } from 'heed/internals'
import type { Context } from '../context.js'
import { describeError, UsageError } from '../errors.js'
import { checkPage, writePage } from '../html.js'
import { listenForInterruption } from '../interruption.js'
import type { Fields, TaskOptions } from '../run/fields.js'
import { openRunner } from '../run/open-runner.js'
import { partsOf, sectionOf } from '../run/sections.js'
import { taskList } from '../run/task-list.js'
import { escaped, styled } from '../terminal.js'

export interface TourOptions {
  readonly html?: string
  /** `task=path` */
  readonly model?: readonly string[]
}

/** A stop of the tour. */
interface Stop {
  readonly task: string
  readonly heading: string
  readonly fields: Fields
  readonly options?: TaskOptions
  /** The task whose shipped model it takes; default its own. */
  readonly by?: string
}

const stops: readonly Stop[] = [
  {
    task: 'question-answering',
    heading: 'A question is answered from a text',
    fields: {
      question: 'Who designed the Analytical Engine?',
      context:
        'The Analytical Engine was a mechanical computer that Charles Babbage designed in 1837. It was never ' +
        'finished. In 1843 Ada Lovelace translated an article about it by the Italian engineer Luigi Menabrea, ' +
        'and added notes of her own. They contain the first program that was written for the machine: it ' +
        'computes Bernoulli numbers.',
    },
  },
  {
    task: 'text-classification',
    heading: 'Whether one sentence follows from another',
    fields: {
      text: 'A man is playing a guitar on a stage in front of a crowd.',
      text_pair: 'Somebody is making music.',
    },
  },
  {
    task: 'sentence-similarity',
    heading: 'The sentence that is nearest in meaning',
    fields: {
      source_sentence: 'How long do eggs have to boil?',
      sentences: [
        'A hard-boiled egg takes about ten minutes in hot water.',
        'The hen house is behind the barn.',
        'Water boils at a lower temperature on a mountain.',
        'The meeting was longer than planned.',
        'Bake the bread for forty minutes.',
      ],
    },
  },
  {
    task: 'rerank',
    heading: 'Documents by which of their words meet those of a question',
    fields: {
      query: 'When does the museum open?',
      documents: [
        'The ticket office is closed on public holidays.',
        'Visitors may enter the gallery from nine in the morning.',
        'The museum shop sells postcards and books.',
      ],
    },
    options: { method: 'late' },
    by: 'sentence-similarity',
  },
  {
    task: 'text-generation',
    heading: 'A text is written on',
    fields: { text: 'The river flows through' },
    options: { max_new_tokens: 40, do_sample: true, temperature: 0.8, top_p: 0.9, seed: 1 },
  },
]

/** Shows each task that a model is there for on an example, and writes one page with all of it. */
export async function tour(
  { html, model = [] }: TourOptions,
  { output, errorOutput, environment }: Context,
): Promise<void> {
  if (html !== undefined) await checkPage(html)
  const named = modelsByTask(model)
  const interruption = listenForInterruption()
  const sections: AnswerSection[] = []
  try {
    for (const { task: name, heading, fields, options = {}, by = name } of stops) {
      if (interruption.signal.aborted) throw new Error('tour: stopped before the end')
      const task = taskList.find((entry) => entry.name === name)!
      const own = named.get(name)
      const path = own ?? shippedOrNone(by, heading, errorOutput.write.bind(errorOutput))
      if (path === undefined) continue
      // A shipped model runs in the numbers that it is stored as.
      const runner = await openRunner(task, { model: path, ...(own === undefined && { weights: 'stored' }) })
      const asked = { ...options, attention: true }
      const [outcome] = await runner.run([fields], asked, interruption.signal)
      output.write(
        `${styled(output, 'bold', heading, environment)} (heed run ${name}, ${escaped(runner.model)})\n\n`,
      )
      if ('error' in outcome!) throw new Error(outcome.error.message)
      output.write(`${answerText(partsOf(task, fields, outcome!, true), { output, environment })}\n\n`)
      sections.push(sectionOf(task, runner, heading, fields, outcome!))
    }
  } finally {
    interruption.end()
  }
  if (sections.length === 0)
    throw new StateError({
      operation: 'tour',
      expected: 'at least one of the models that heed ships',
      found: 'none installed',
      hint: `name one: --model ${stops[0]!.task}=FOLDER`,
    })
  if (html === undefined) return
  await writePage(html, renderAnswers('What heed does, and what it attended to', sections))
  errorOutput.write(`wrote ${escaped(html)}: open it in a browser\n`)
}

function modelsByTask(given: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    given.map((one) => {
      const [, task, path] = /^([\w-]+)=(.+)$/s.exec(one) ?? []
      if (task !== undefined && path !== undefined && stops.some((stop) => stop.task === task))
        return [task, path]
      const names = stops.map((stop) => stop.task).join(', ')
      throw new UsageError(`tour: expected --model TASK=FOLDER, TASK one of ${names}, found '${one}'`)
    }),
  )
}

/** The path of the shipped model; where there is none, that is said. */
function shippedOrNone(task: string, heading: string, say: (text: string) => unknown): string | undefined {
  try {
    return shippedPath(task)
  } catch (error) {
    say(`left out (${heading}): ${describeError(error, false)}\n`)
    return undefined
  }
}
