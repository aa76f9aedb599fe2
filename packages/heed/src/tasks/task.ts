/** What all tasks have in common: the options of a call, and the shapes of what it gives. */
import type { HeedError, StopSignal } from '../base/index.js'
import type { Running } from '../models/index.js'
import type { Tokenizer } from '../text/index.js'
import type { Attention } from './attention.js'

/** What any call of a pipeline may be told. */
export interface TaskOptions {
  /** Stops between two batches: the call throws the signal's reason. */
  readonly signal?: (StopSignal & { readonly reason?: unknown }) | undefined
  /**
   * Told after each batch how many of the inputs are done, and which share of all: from 0 to 1, with the part
   * of a long text that is done.
   */
  readonly progress?: ((done: number, total: number, share: number) => void) | undefined
  /** Whether each result has, as `attention`, what its tokens attended to. Default false. */
  readonly attention?: boolean | undefined
  /**
   * Where an input can't be run: `throw` its error, or `return` it in the place of its result, and do the
   * others. Default `throw`.
   */
  readonly errors?: 'throw' | 'return' | undefined
  /** Tokens that run together; default 2,048. Changes nothing but speed and memory. */
  readonly batchTokens?: number | undefined
}

/** The names of `TaskOptions`, for `checkNames`. */
export const taskOptionNames: readonly (keyof TaskOptions)[] = [
  'signal',
  'progress',
  'attention',
  'errors',
  'batchTokens',
]

/** What every pipeline has beside its call. */
export interface TaskPipeline<Task extends string = string, Input = never> {
  readonly task: Task
  readonly model: Running
  readonly tokenizer: Tokenizer
  /** The text of an input, for people. */
  textOf(input: Input): string
  /** Frees the weights, where the pipeline read them itself. A call afterwards throws StateError. */
  dispose(): void
}

/** A result, and what was attended where the options ask for it. */
export type Attended<Result, Options> = Options extends { readonly attention: true }
  ? Result & { readonly attention: Attention }
  : Result

/** A result, or an error where the options ask for errors in results' places. */
export type OrError<Result, Options> = Options extends { readonly errors: 'return' }
  ? Result | HeedError
  : Result

/** What a call gives: of one input its result, of a list a list. */
export type TaskResult<Input, Options, One, Each = One> = Input extends readonly unknown[]
  ? OrError<Attended<Each, Options>, Options>[]
  : OrError<Attended<One, Options>, Options>
