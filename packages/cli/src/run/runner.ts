import { HeedError, type Attention } from 'heed'
import type { Fields, TaskOptions } from './fields.js'
import type { Item } from './items.js'

/** What a task gave for one input: JSON either way, and what was attended where that was asked for. */
export type Outcome =
  | { readonly result: unknown; readonly attention?: Attention }
  | { readonly error: ErrorText }

/** An error that an input met, for a line of JSON. */
export interface ErrorText {
  readonly name: string
  readonly message: string
}

/** A task with its model, ready to run. */
export interface Runner {
  /** The model's name, and what tells its files from others. */
  readonly model: string
  readonly stamp: unknown
  /**
   * An outcome for each input. @throws whatever is no fault of an input
   *
   * @param told how much of them is done, from 0 to 1
   */
  run(
    inputs: readonly Fields[],
    options: TaskOptions,
    signal: AbortSignal,
    told?: (share: number) => void,
  ): Promise<readonly Outcome[]>
}

/** Inputs that run together, and the longest that they may be in all, in UTF-16 code units. */
const most = 64
const longest = 2 ** 18
/** A group takes about so many milliseconds: what a crash loses, and how long Ctrl-C waits. */
const patience = 1000

/** Items that run together, with all options of theirs. */
export interface Group<I extends Item = Item> {
  readonly items: readonly I[]
  readonly options: TaskOptions
}

/** Cuts items into groups of equal options, larger ones where they take little time. */
export async function* groupsOf<I extends Item>(
  items: AsyncIterable<I>,
  common: TaskOptions,
): AsyncGenerator<Group<I>> {
  let size = 1
  let group: I[] = []
  let length = 0
  let options: TaskOptions = common
  const all = (item: Item): TaskOptions => ({ ...common, ...item.options })
  const taken = function* (): Generator<Group<I>> {
    if (group.length === 0) return
    const began = performance.now()
    yield { items: group, options }
    const took = performance.now() - began
    size = took < patience / 2 ? Math.min(most, 2 * size) : took > patience ? Math.ceil(size / 2) : size
    group = []
    length = 0
  }
  for await (const item of items) {
    if (JSON.stringify(all(item)) !== JSON.stringify(options)) yield* taken()
    options = all(item)
    group.push(item)
    length += lengthOf(item)
    if (group.length >= size || length >= longest) yield* taken()
  }
  yield* taken()
}

/** UTF-16 code units of all texts of an item. */
export function lengthOf({ inputs }: Item): number {
  if (inputs instanceof Error) return 0
  return inputs.flatMap((fields) => Object.values(fields).flat()).reduce((sum, text) => sum + text.length, 0)
}

/** The outcomes of a group, for each of its items those of its inputs. */
export async function outcomesOf(
  runner: Runner,
  { items, options }: Group,
  signal: AbortSignal,
  told?: (share: number) => void,
): Promise<readonly (readonly Outcome[])[]> {
  const inputs = items.flatMap((item) => (item.inputs instanceof Error ? [] : item.inputs))
  const outcomes = inputs.length === 0 ? [] : await runner.run(inputs, options, signal, told)
  let at = 0
  return items.map(({ inputs: own }) =>
    own instanceof Error ? [{ error: errorText(own) }] : outcomes.slice(at, (at += own.length)),
  )
}

/** Whether an error is an input's own, so that others may be done. */
export function isOfInput(error: unknown): error is HeedError {
  return error instanceof HeedError && ['FormatError', 'UsageError', 'ShapeError'].includes(error.name)
}

export function errorText({ name, message }: Error): ErrorText {
  return { name, message }
}
