import { answerText, renderAnswers, titleOf, type AnswerSection } from '@heed/studio'
import type { Context } from '../context.js'
import { drained } from '../drained.js'
import { UsageError } from '../errors.js'
import { checkApart, checkPage, writePage } from '../html.js'
import { listenForInterruption } from '../interruption.js'
import { ProgressLine } from '../progress-line.js'
import { runBatch } from '../run/batch.js'
import type { Fields, TaskOptions } from '../run/fields.js'
import { itemsIn, sizeAt, type InputChoice, type Item } from '../run/items.js'
import { openRunner, type ModelChoice, type PipelineRunner } from '../run/open-runner.js'
import { outcomeLine } from '../run/outcome-line.js'
import { groupsOf, lengthOf, outcomesOf, type Group, type Outcome } from '../run/runner.js'
import { optionName, type TaskEntry } from '../run/task-list.js'
import { partsOf, sectionOf, shownInput } from '../run/sections.js'
import { escaped, isLive, jsonText, styled } from '../terminal.js'

export interface RunCommandOptions extends ModelChoice {
  readonly input?: string
  readonly each?: 'line' | 'file'
  readonly jsonLines?: boolean
  readonly output?: string
  readonly json?: boolean
  readonly attend?: boolean
  readonly html?: string
  /** Options of the task, by commander's names. */
  readonly [name: string]: unknown
}

/** Inputs that a page shows at most. */
const mostSections = 50

/** Runs a task on what the arguments, a file, a folder or a pipe give. */
export async function runTask(
  task: TaskEntry,
  args: readonly string[],
  options: RunCommandOptions,
  context: Context,
): Promise<void> {
  const { output: path, html } = options
  const { given, choice } = inputsFrom(task, args, options)
  const asked = taskOptions(task, options)
  check(options, choice)
  checkFields(task, given, asked)
  if (path !== undefined) await checkPage(path, '--output', 'results')
  if (html !== undefined) await checkPage(html)
  if (choice !== undefined) {
    if (path !== undefined) await checkApart(choice.path, path)
    if (html !== undefined) await checkApart(choice.path, html, '--html')
  }
  const runner = await openRunner(task, options)
  const interruption = listenForInterruption()
  const { signal } = interruption
  const items = (): AsyncIterable<Item> =>
    choice === undefined
      ? once({ place: {}, inputs: [given], options: {}, bytes: 0 })
      : itemsIn(task, choice, given, signal)
  const work: Work = {
    task,
    runner,
    items,
    options: asked,
    signal,
  }
  try {
    const count =
      path === undefined
        ? await toOutput(work, choice, options, context)
        : await toFile(work, path, choice!, context)
    if (count === 0 && choice !== undefined && !signal.aborted)
      context.errorOutput.write(`nothing to do: ${placeOf(choice)} has no text\n`)
    if (signal.aborted)
      throw new Error(
        `run: stopped before the end${path === undefined ? '' : '; the same command goes on from here'}`,
      )
  } finally {
    interruption.end()
  }
}

interface Work {
  readonly task: TaskEntry
  readonly runner: PipelineRunner
  readonly items: () => AsyncIterable<Item>
  readonly options: TaskOptions
  readonly signal: AbortSignal
}

async function* once(item: Item): AsyncGenerator<Item> {
  yield item
}

/** Requests as any other inputs: only lines of JSON have OpenAI's form. */
async function* shownItems(items: AsyncIterable<Item>): AsyncGenerator<Item> {
  for await (const item of items) {
    const { endpoint: _, ...options } = item.options
    yield { ...item, options }
  }
}

/** The inputs that the arguments give, and what is read besides: `-` in its place is the standard input. */
function inputsFrom(
  task: TaskEntry,
  all: readonly string[],
  { input: named, each, jsonLines }: RunCommandOptions,
): { readonly given: Fields; readonly choice: InputChoice | undefined } {
  const { name, fields, read } = task
  const place = fields.findIndex((field) => field.name === read)
  const isDash = named === undefined && all[place] === '-'
  const input = isDash ? '-' : named
  const args = isDash ? all.toSpliced(place, 1) : all
  if (args.includes('-'))
    throw new UsageError(
      `run: '-' is the standard input, which gives the ${read} alone; see heed run ${name} --help`,
    )
  const required = fields.filter(({ isOptional }) => isOptional !== true)
  const others = required.filter((field) => field.name !== read)
  // Without the text that is read it may come by a pipe.
  const isPiped = input === undefined && args.length < required.length && process.stdin.isTTY !== true
  const path = input ?? (isPiped ? '-' : undefined)
  const slots = path === undefined ? fields : fields.filter((field) => field.name !== read)
  const least = path === undefined ? required.length : input === undefined ? others.length : 0
  const list = slots.find(({ isList }) => isList === true)
  if (args.length < least || (list === undefined && args.length > slots.length)) {
    const names = slots.map((field) => (field.isOptional === true ? `[${field.name}]` : `<${field.name}>`))
    throw new UsageError(
      `run: expected ${names.join(' ') || 'no arguments'}${path === undefined ? ', or --input' : ' beside what is read'}, ` +
        `found ${args.length} of them; see heed run ${name} --help`,
    )
  }
  const given = Object.fromEntries(
    slots.flatMap((field, i): [string, string | readonly string[]][] => {
      if (args[i] === undefined) return []
      const { isList, parse = (argument) => [argument] } = field
      return [[field.name, isList === true ? args.slice(i).flatMap(parse) : args[i]]]
    }),
  )
  return { given, choice: path === undefined ? undefined : { path, each, jsonLines } }
}

function check({ output, html, attend, json }: RunCommandOptions, choice: InputChoice | undefined): void {
  if (attend === true && json === true)
    throw new UsageError(
      'run: --attend is drawn, which JSON has no place for; leave out --json, or add --html',
    )
  if (output === undefined) return
  if (choice === undefined || choice.path === '-')
    throw new UsageError('run: --output takes a file or a folder of inputs, given with --input')
  if (!/\.(jsonl|ndjson)$/.test(output))
    throw new UsageError(`run: expected --output to end in .jsonl, found '${output}'`)
  const other =
    html !== undefined ? '--html' : attend === true ? '--attend' : json === true ? '--json' : undefined
  if (other !== undefined) throw new UsageError(`run: --output and ${other} don't go together`)
}

/** @throws {UsageError} where an option gives what arguments give already */
function checkFields({ options: known }: TaskEntry, given: Fields, asked: TaskOptions): void {
  for (const option of known) {
    const { flags, field } = option
    if (field === undefined || given[field] === undefined || asked[optionName(option)] === undefined) continue
    throw new UsageError(`run: expected ${field} as arguments or by ${flags.replace(/ .*/, '')}, found both`)
  }
}

/** What the command says of the task, by the pipeline's names. */
function taskOptions(task: TaskEntry, options: RunCommandOptions): TaskOptions {
  return Object.fromEntries(
    task.options.flatMap((option) => {
      const name = optionName(option)
      const value = options[name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

async function toFile(
  { task, runner, items, options, signal }: Work,
  path: string,
  choice: InputChoice,
  { errorOutput, environment }: Context,
): Promise<number> {
  const size = await sizeAt(choice.path)
  const progress = new ProgressLine(errorOutput, environment)
  try {
    const {
      isDone,
      items: count,
      failed,
    } = await runBatch({
      runner,
      task: task.name,
      items,
      options,
      path,
      lineOf: (item, outcomes) => outcomeLine(runner.model, item, outcomes),
      signal,
      onBegin: (known) => {
        if (known > 0) errorOutput.write(`goes on after ${known} results that are there already\n`)
      },
      onBytes: (bytes) => {
        if (size > 0) progress.update(task.name, bytes, size, 'bytes')
      },
    })
    progress.end()
    if (!isDone) return count
    errorOutput.write(`wrote ${escaped(path)}: ${count} results\n`)
    if (failed > 0) throw failure(failed, count)
    return count
  } finally {
    progress.end()
  }
}

async function toOutput(
  work: Work,
  choice: InputChoice | undefined,
  options: RunCommandOptions,
  context: Context,
): Promise<number> {
  const { task, runner, items, signal } = work
  const { output, rawOutput, errorOutput, environment } = context
  const size = choice === undefined ? 0 : await sizeAt(choice.path)
  const progress = new ProgressLine(errorOutput, environment)
  let before = 0
  /** Of arguments it is their characters that are counted; how much a pipe has is not known. */
  const told = ({ items }: Group) => {
    const end = items.at(-1)!.bytes
    const length = items.reduce((sum, item) => sum + lengthOf(item), 0)
    return (share: number): void => {
      if (size > 0) progress.update(task.name, before + Math.round(share * (end - before)), size, 'bytes')
      else if (choice === undefined)
        progress.update(task.name, Math.round(share * length), length, 'characters')
    }
  }
  const sections: AnswerSection[] = []
  const isAttended = options.html !== undefined || (options.attend === true && options.json !== true)
  const asked = { ...work.options, ...(isAttended && { attention: true }) }
  const read = options.json === true ? items() : shownItems(items())
  let [count, failed] = [0, 0]
  try {
    for await (const group of groupsOf(read, asked)) {
      if (signal.aborted) break
      const outcomes = await outcomesOf(runner, group, signal, told(group))
      // Results scroll through the same terminal.
      if (rawOutput.isTTY === true) progress.end()
      for (const [i, item] of group.items.entries()) {
        count++
        if (outcomes[i]!.some((outcome) => 'error' in outcome)) failed++
        if (choice === undefined) throwFirst(outcomes[i]!)
        if (options.html !== undefined && sections.length < mostSections) {
          if (options.json === true && item.options.endpoint !== undefined)
            throw new UsageError(
              'run: requests of a batch file are shown by --html, or answered by --json, not both',
            )
          sections.push(
            ...outcomes[i]!.map((outcome, j) =>
              sectionOf(task, runner, headingOf(task, item), inputAt(item, j), outcome),
            ),
          )
        }
        if (options.json === true) output.write(`${lineOf(runner.model, item, outcomes[i]!)}\n`)
        else await show(work, item, outcomes[i]!, count, options, context)
        await drained(rawOutput)
      }
      before = group.items.at(-1)!.bytes
      if (size > 0) progress.update(task.name, before, size, 'bytes')
    }
  } catch (error) {
    if (signal.aborted) return count
    throw error
  } finally {
    progress.end()
  }
  if (signal.aborted) return count
  if (options.html !== undefined && sections.length > 0) {
    await writePage(options.html, renderAnswers(titleOf(firstText(sections)), sections))
    const of = count > mostSections ? `, the first ${mostSections} of ${count} inputs` : ''
    errorOutput.write(`wrote ${escaped(options.html)}${of}\n`)
  }
  if (failed > 0) throw failure(failed, count)
  return count
}

/** Characters that act on a terminal are escaped, as in all JSON of the command. */
function lineOf(model: string, item: Item, outcomes: readonly Outcome[]): string {
  return jsonText(JSON.parse(outcomeLine(model, item, outcomes)))
}

/** What arguments ask for fails as any call does. */
function throwFirst(outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) {
    if (!('error' in outcome)) continue
    const { name, message } = outcome.error
    throw name === 'UsageError' ? new UsageError(message) : new Error(message)
  }
}

function failure(failed: number, count: number): Error {
  return new Error(`run: ${failed} of ${count} inputs failed; their lines say why`)
}

function placeOf({ path }: InputChoice): string {
  return path === '-' ? 'the standard input' : `'${escaped(path)}'`
}

/** `reviews.txt, line 3` */
function placeText({ place, request }: Item): string {
  const { file, line, id } = place
  const parts = [
    ...(file === undefined ? [] : [file]),
    ...(line === undefined ? [] : [`line ${line}`]),
    ...(id === undefined ? [] : [String(id)]),
    ...(request === undefined ? [] : [request.customId]),
  ]
  return parts.join(', ')
}

async function show(
  { task }: Work,
  item: Item,
  outcomes: readonly Outcome[],
  number: number,
  { attend }: RunCommandOptions,
  { output, environment }: Context,
): Promise<void> {
  for (const [i, outcome] of outcomes.entries()) {
    if (number > 1 || i > 0) output.write('\n')
    const place = placeText(item)
    if (place !== '') output.write(`${styled(output, 'dim', escaped(place), environment)}\n`)
    if ('error' in outcome)
      output.write(`${styled(output, 'red', escaped(outcome.error.message), environment)}\n`)
    else {
      const fields = inputAt(item, i)
      const before = isLive(output, environment) ? await shownInput(task, fields) : []
      const parts = [...before, ...partsOf(task, fields, outcome, attend === true)]
      output.write(answerText(parts, { output, environment }))
    }
  }
}

function inputAt({ inputs }: Item, at: number): Fields {
  return inputs instanceof Error ? {} : inputs[at]!
}

function headingOf({ name }: TaskEntry, item: Item): string {
  const place = placeText(item)
  return place === '' ? name : `${name}: ${place}`
}

/** What a page is about: the question, or what else its first text is called; else the text. */
function firstText(sections: readonly AnswerSection[]): string {
  const parts = sections.flatMap((section) => section.parts ?? [])
  const first = parts.find((part) => part.kind === 'text')
  return first?.name ?? first?.text ?? ''
}
