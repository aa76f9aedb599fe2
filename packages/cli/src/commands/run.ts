import { Option, type Command } from 'commander'
import type { RunCommandOptions } from '../actions/run.js'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import { weightChoices } from '../options.js'
import { taskList, type TaskEntry } from '../run/task-list.js'
import { padded } from '../terminal.js'

/** `heed run`: a task on texts, a command for each. */
export function register(program: Command, context: Context): void {
  const run = program
    .command('run')
    .argument('[task]', 'what to do; alone, heed run lists the tasks')
    .summary('run a task on texts or pictures: answer questions, classify, find, summarize, describe')
    .description('Runs a task on texts or pictures. heed run TASK --help shows what each takes.')
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText('after', `\nTasks:\n${taskLines()}`)
    .action(async (name: string | undefined) => {
      if (name !== undefined) await refuseTask(name)
      context.output.write(`${taskLines()}\n\nheed run TASK --help shows what a task takes, with examples.\n`)
    })
  for (const task of taskList) registerTask(run, task, context)
}

function taskLines(): string {
  const widest = Math.max(...taskList.map(({ name }) => name.length))
  return taskList.map(({ name, summary }) => `  ${padded(name, widest)}  ${summary}`).join('\n')
}

async function refuseTask(name: string): Promise<never> {
  const { nearest } = await import('heed/internals')
  const known = taskList.flatMap((task) => [task.name, ...(task.aliases ?? [])])
  const close = nearest(name, known)
  throw new UsageError(
    `run: expected a task, found '${name}'; ` +
      (close === undefined ? 'heed run lists them' : `did you mean '${close}'?`),
  )
}

function registerTask(run: Command, task: TaskEntry, context: Context): void {
  const command = run
    .command(task.name, { hidden: true })
    .allowExcessArguments(false)
    .summary(task.summary)
    .description(
      `${task.summary.charAt(0).toUpperCase()}${task.summary.slice(1)}. What stands in files is the ${task.read}; ` +
        `${task.each === 'file' ? 'a file' : 'each line'} is one. Lines of JSON have ${fieldNames(task)}.`,
    )
  for (const alias of task.aliases ?? []) command.alias(alias)
  for (const { name, help, isList, isOptional } of task.fields)
    // What is missing may come by a pipe; the action says what is.
    command.argument(
      `[${name}${isList === true ? '...' : ''}]`,
      isOptional === true ? `${help} (optional)` : help,
    )
  for (const { flags, help, parse, choices } of task.options) {
    const option = new Option(flags, help)
    if (parse !== undefined) option.argParser(parse)
    if (choices !== undefined) option.choices(choices)
    command.addOption(option)
  }
  command
    .option(
      '--model <path>',
      'a folder with config.json, weights and a tokenizer, or a GGUF file (default: the model that heed ships for the task)',
    )
    .option('--adapter <folder>', 'a LoRA adapter on top of it')
    .addOption(new Option('--weights <format>', 'what matrices are in memory').choices(weightChoices))
    .addOption(
      new Option(
        '--input <path>',
        `a file or a folder to read ${task.read} from; "-" is the standard input`,
      ).argParser(once('--input')),
    )
    .addOption(
      new Option(
        '--each <what>',
        `what of a file is one text (default: ${task.each}; of a folder: file)`,
      ).choices(['line', 'file']),
    )
    .option('--json-lines', 'lines are JSON, whatever the name of the file says')
    .option(
      '--output <file>',
      'write all results to a .jsonl file; the same command goes on where it was stopped',
    )
    .option('--json', 'print a line of JSON for each result')
    .option('--attend', 'show what was attended')
    .option('--html <file>', 'write a page with the results and with all that was attended')
    .addHelpText(
      'after',
      `\nExamples:\n${task.examples.map((example) => `  $ heed run ${task.name} ${example}`).join('\n')}`,
    )
    .action(async (...given: readonly unknown[]) => {
      const args = given
        .slice(0, task.fields.length)
        .flat()
        .filter((one) => one !== undefined) as string[]
      const { runTask } = await import('../actions/run.js')
      await runTask(task, args, given[task.fields.length] as RunCommandOptions, context)
    })
}

/** What is given twice is refused: only the last would be used. */
function once(option: string): (value: string, before: string | undefined) => string {
  return (value, before) => {
    if (before !== undefined)
      throw new UsageError(`run: expected ${option} once, found it twice; put the files into a folder`)
    return value
  }
}

function fieldNames({ fields }: TaskEntry): string {
  return fields.map(({ name, isOptional }) => `"${name}"${isOptional === true ? ' (or not)' : ''}`).join(', ')
}
