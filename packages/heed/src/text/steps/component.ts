import type { JsonValue } from '../../base/index.js'
import { checkGrowth } from './growth.js'

/** What the components of a file share while they are read: nested ones count together. */
export class ReadContext {
  static readonly mostSteps = 64
  #steps = 0
  /** Of the vocabulary and the added tokens. */
  readonly highestId: number

  constructor(highestId: number) {
    this.highestId = highestId
  }

  /** The steps of a list, up to `mostSteps` in all. */
  items(value: JsonValue): readonly JsonValue[] {
    const items = value.items()
    this.#steps += items.length
    if (this.#steps > ReadContext.mostSteps)
      value.refuse(`one of at most ${ReadContext.mostSteps} steps in all`, { found: 'more' })
    return items
  }
}

/**
 * A kind of step, as a file names it by `type`. `read` checks a file's fields, fills in what older files
 * leave out, and gives the definition: plain JSON, field by field as the file spells it, which is also what
 * is saved.
 */
export interface Component<Definition extends { readonly type: string }, Step> {
  readonly read: (value: JsonValue, context: ReadContext) => Definition
  readonly create: (definition: Definition) => Step
}

/** The kinds of step that a room has, by the `type` that files name them by. */
export type Components<Definition extends { readonly type: string }, Step> = {
  readonly [Type in Definition['type']]: Component<Extract<Definition, { readonly type: Type }>, Step>
}

/**
 * Reads a step of any kind.
 *
 * @param marks for the oldest files, which have no `type`: fields by which a kind is known
 * @throws FormatError for a type that isn't known, and for fields that don't fit it
 */
export function readStep<Definition extends { readonly type: string }, Step>(
  components: Components<Definition, Step>,
  value: JsonValue,
  context: ReadContext,
  marks: readonly (readonly [field: string, type: Definition['type']])[] = [],
): Definition {
  const named = value.member('type')
  const mark =
    named.value === undefined ? marks.find(([field]) => value.member(field).value !== undefined) : undefined
  const type = mark?.[1] ?? named.choice(Object.keys(components) as Definition['type'][])
  return components[type].read(value, context)
}

export function createStep<Definition extends { readonly type: string }, Step>(
  components: Components<Definition, Step>,
  definition: Definition,
): Step {
  const component: unknown = components[definition.type as Definition['type']]
  return (component as Component<Definition, Step>).create(definition)
}

/** Steps one after another: each takes what the one before gives. `Field` is what the file calls them. */
export type SequenceDefinition<Field extends string, Item> = { readonly type: 'Sequence' } & {
  readonly [Name in Field]: readonly Item[]
}

/** @param lengthOf how long a value is, so that steps that make it longer and longer are stopped */
export function sequenceOf<Field extends string, Item, Value>(
  field: Field,
  operation: string,
  read: (value: JsonValue, context: ReadContext) => Item,
  create: (definition: Item) => (value: Value) => Value,
  lengthOf: (value: Value) => number,
): Component<SequenceDefinition<Field, Item>, (value: Value) => Value> {
  return {
    read: (value, context) => {
      const items = context.items(value.member(field)).map((item) => read(item, context))
      return { type: 'Sequence', [field]: items } as unknown as SequenceDefinition<Field, Item>
    },
    create: (definition) => {
      const steps = definition[field].map(create)
      return (input) => {
        let value = input
        for (const step of steps) {
          value = step(value)
          checkGrowth(operation, lengthOf(value), lengthOf(input))
        }
        return value
      }
    },
  }
}
