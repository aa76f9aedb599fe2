/** How tasks run lists of inputs: in batches of like lengths, with pauses for other work between them. */
import {
  checkBooleans,
  checkFunction,
  checkWhole,
  HeedError,
  inWords,
  pause,
  StateError,
  UsageError,
} from '../base/index.js'
import { batchesByLength } from '../models/index.js'
import type { TaskOptions } from './task.js'

/**
 * What a task does with its inputs. An input is one piece of text that the model reads, or several: windows
 * of a long text, a pair for each label.
 */
export interface TaskWork<Input, Piece, Output, Result> {
  /** The task's name. */
  readonly operation: string
  /** What the model reads of an input. Throws a HeedError where the input can't be read. */
  pieces(input: Input): readonly Piece[] | Promise<readonly Piece[]>
  /** Tokens of a piece. */
  length(piece: Piece): number
  /** What the model gives for each of these. */
  run(pieces: readonly Piece[]): readonly Output[] | Promise<readonly Output[]>
  /** The result of an input from what the model gave for its pieces. */
  result(input: Input, outputs: readonly Output[], pieces: readonly Piece[]): Result | Promise<Result>
}

/** Tokens of a batch where nobody says another number. */
const defaultBatchTokens = 2048
/** How many batches of pieces wait at most: as many are put in order by length. */
const waitingBatches = 32

/** An input that waits for what the model gives for its pieces. */
interface Waiting<Piece, Output> {
  readonly at: number
  readonly pieces: readonly Piece[]
  readonly outputs: Output[]
  /** Pieces that haven't run. */
  left: number
  failed: boolean
}

/**
 * The results of inputs, in their order; errors among them where `errors` is `return`.
 *
 * @throws HeedError the first error of an input, unless errors are returned; UsageError for options that make
 * no sense; what the signal gives as its reason
 */
export async function runTask<Input, Piece, Output, Result>(
  work: TaskWork<Input, Piece, Output, Result>,
  inputs: readonly Input[],
  options: TaskOptions,
): Promise<(Result | HeedError)[]> {
  const { operation } = work
  checkBooleans(operation, options, ['attention'])
  const { signal, progress, attention = false, errors = 'throw', batchTokens = defaultBatchTokens } = options
  checkWhole(operation, 'batchTokens', batchTokens, 1)
  if (progress !== undefined) checkFunction(operation, 'progress', progress)
  if (signal !== undefined && typeof signal?.aborted !== 'boolean')
    throw new UsageError({
      operation,
      expected: 'signal, an AbortSignal',
      found: inWords(signal),
      hint: 'give the signal of an AbortController',
    })
  if (errors !== 'throw' && errors !== 'return')
    throw new UsageError({
      operation,
      expected: "errors 'throw' or 'return'",
      found: inWords(errors),
      hint: 'correct the option',
    })
  const results: (Result | HeedError)[] = []
  let done = 0
  /** Inputs that are done, and the parts of others. */
  let worked = 0
  /** Does a part of an input's work; its error is the input's. */
  const guarded = async <T>(body: () => T | Promise<T>): Promise<T | HeedError> => {
    try {
      return await body()
    } catch (error) {
      if (errors === 'throw' || !(error instanceof HeedError)) throw error
      return error
    }
  }
  const finish = (at: number, result: Result | HeedError): void => {
    results[at] = result
    done++
  }
  const finishRun = async ({ at, pieces, outputs }: Waiting<Piece, Output>): Promise<void> => {
    // Another run of the model, which shows its filters.
    if (attention) await pauseFor(operation, signal)
    finish(at, await guarded(() => work.result(inputs[at]!, outputs, pieces)))
  }
  const runWaiting = async (waiting: readonly Waiting<Piece, Output>[]): Promise<void> => {
    const all = waiting.flatMap((one) => one.pieces.map((piece, number) => ({ one, piece, number })))
    const lengths = all.map(({ piece }) => work.length(piece))
    for (const batch of batchesByLength(lengths, batchTokens)) {
      await pauseFor(operation, signal)
      const chosen = batch.map((i) => all[i]!).filter(({ one }) => !one.failed)
      const pieces = chosen.map(({ piece }) => piece)
      const together = pieces.length === 0 ? [] : await guarded(() => work.run(pieces))
      for (const [i, { one, piece, number }] of chosen.entries()) {
        if (one.failed) continue
        // What fails together may run alone.
        const given =
          together instanceof HeedError && pieces.length > 1
            ? await guarded(() => work.run([piece]))
            : together
        if (given instanceof HeedError) {
          one.failed = true
          worked += one.left / one.pieces.length
          finish(one.at, given)
        } else {
          one.outputs[number] = given === together ? given[i]! : given[0]!
          worked += 1 / one.pieces.length
          if (--one.left === 0) await finishRun(one)
        }
      }
      progress?.(done, inputs.length, done === inputs.length ? 1 : Math.min(1, worked / inputs.length))
    }
  }
  let waiting: Waiting<Piece, Output>[] = []
  let tokens = 0
  for (const at of inputs.keys()) {
    const pieces = await guarded(() => work.pieces(inputs[at]!))
    if (pieces instanceof HeedError || pieces.length === 0) worked++
    if (pieces instanceof HeedError) {
      finish(at, pieces)
      continue
    }
    const one = { at, pieces, outputs: [], left: pieces.length, failed: false }
    if (pieces.length === 0) await finishRun(one)
    else waiting.push(one)
    for (const piece of pieces) tokens += work.length(piece)
    if (tokens < waitingBatches * batchTokens) continue
    await runWaiting(waiting)
    waiting = []
    tokens = 0
  }
  await runWaiting(waiting)
  checkSignal(operation, signal)
  return results
}

/** Lets other work go on, then checks whether it is to stop. */
async function pauseFor(operation: string, signal: TaskOptions['signal']): Promise<void> {
  await pause()
  checkSignal(operation, signal)
}

function checkSignal(operation: string, signal: TaskOptions['signal']): void {
  if (signal?.aborted !== true) return
  throw (
    signal.reason ??
    new StateError({
      operation,
      expected: 'to run to its end',
      found: 'a signal to stop',
      hint: 'what was done so far is lost',
    })
  )
}
