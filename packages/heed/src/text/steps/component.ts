import type { JsonValue } from '../../base/index.js'

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
