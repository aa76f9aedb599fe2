import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { register as attend } from './commands/attend.js'
import { register as convert } from './commands/convert.js'
import { register as doctor } from './commands/doctor.js'
import { register as embed } from './commands/embed.js'
import { register as evaluate } from './commands/evaluate.js'
import { register as generate } from './commands/generate.js'
import { register as inspect } from './commands/inspect.js'
import { register as kernel } from './commands/kernel.js'
import { register as runTasks } from './commands/run.js'
import { register as tokenize } from './commands/tokenize.js'
import { register as tour } from './commands/tour.js'
import { register as train } from './commands/train.js'
import { register as trainTokenizer } from './commands/train-tokenizer.js'
import type { Context, Register } from './context.js'
import { describeError, isWrongUse } from './errors.js'
import { guarded, hasColor, styled, widthOf, type Environment, type Output } from './terminal.js'

const commands: readonly Register[] = [
  tour,
  runTasks,
  attend,
  generate,
  embed,
  train,
  evaluate,
  inspect,
  convert,
  tokenize,
  trainTokenizer,
  kernel,
  doctor,
]

/** Exit statuses of `heed`: done; failed; called wrongly. */
export type ExitStatus = 0 | 1 | 2

export interface RunOptions {
  readonly commands?: readonly Register[]
  readonly output?: Output
  readonly errorOutput?: Output
  readonly environment?: Environment
}

/**
 * Runs the `heed` command.
 *
 * @param args the arguments after the command's own name
 * @returns the exit status: 0 done, 1 failed, 2 called wrongly. Nothing is thrown: an error becomes one line
 *   on the error output, and its stack as well where HEED_DEBUG=1.
 */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<ExitStatus> {
  const environment = options.environment ?? process.env
  const rawOutput: Output = options.output ?? process.stdout
  const output = guarded(rawOutput, environment)
  const errorOutput = guarded(options.errorOutput ?? process.stderr, environment)
  const fail = (error: unknown): void => {
    errorOutput.write(failureText(error, errorOutput, environment))
  }

  const program = new Command('heed')
    .description('Self-attention: build it, train it, run it, see it.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.write(text),
      writeErr: (text) => errorOutput.write(text),
      outputError: (text) => {
        const said = text.replace(/^error: /, '')
        fail(
          said.startsWith('too many arguments')
            ? `${said.trimEnd()} Text with spaces takes quotation marks.`
            : said,
        )
      },
      getOutHelpWidth: () => widthOf(output, environment),
      getErrHelpWidth: () => widthOf(errorOutput, environment),
      getOutHasColors: () => hasColor(output, environment),
      getErrHasColors: () => hasColor(errorOutput, environment),
    })
  const context: Context = { output, rawOutput, errorOutput, environment, version: version() }
  for (const register of options.commands ?? commands) register(program, context)

  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    // Commander has already written its own message, or the help or the version that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    fail(error)
    return (await isWrongUse(error)) ? 2 : 1
  }
}

/** What is said of an error: one line, or its stack as well where HEED_DEBUG=1. */
export function failureText(
  error: unknown,
  errorOutput: Output = process.stderr,
  environment: Environment = process.env,
): string {
  const message = describeError(error, environment.HEED_DEBUG === '1')
  return `${styled(errorOutput, 'red', 'heed:', environment)} ${message}\n`
}

function version(): string {
  const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(file) as { version: string }
  return version
}
