/** What a GGUF file says of its model, and what is to be said of one. */
import { FormatError, UsageError } from '../base/index.js'
import type { FileTensor, Gguf, GgufValue } from '../formats/index.js'

/** The fields of a hub's `config.json`. */
export type HubConfig = Readonly<Record<string, unknown>>

/** A model's values in a GGUF file. Keys are given without the architecture's name before them. */
export class GgufFacts {
  /** `general.architecture` */
  readonly architecture: string
  readonly metadata: Gguf
  readonly tensors: ReadonlyMap<string, FileTensor>

  constructor(architecture: string, metadata: Gguf, tensors: ReadonlyMap<string, FileTensor>) {
    this.architecture = architecture
    this.metadata = metadata
    this.tensors = tensors
  }

  /**
   * A number, in as few digits as give it in f32 (what was 1e-5 is 1e-5 again). A list, with a number for
   * each layer, must have the same one everywhere.
   *
   * @param absent where the file has none; undefined: it must
   * @throws FormatError where there is none, or lists differ
   */
  number(key: string, absent?: number): number {
    return this.optional(key) ?? absent ?? this.refuse(key, 'a number', 'none')
  }

  /** As `number`; undefined where there is none. */
  optional(key: string): number | undefined {
    const name = this.#named(key)
    if (!this.metadata.has(name)) return undefined
    const count = this.metadata.countOf(name)
    if (count === undefined) return shortest(this.metadata.number(name)!)
    if (count === 0 || count > mostLayers) return this.refuse(key, 'a number for each layer', count)
    const numbers = this.metadata.numbers(name)!
    const other = numbers.find((number) => number !== numbers[0])
    if (other === undefined) return shortest(numbers[0]!)
    return this.refuse(key, 'the same for each layer', `${numbers[0]} and ${other}`)
  }

  /** A whole number from 1 to 2^24. */
  count(key: string, absent?: number): number {
    const value = this.number(key, absent)
    const most = key.endsWith('block_count') ? mostLayers : 2 ** 24
    if (Number.isInteger(value) && value >= 1 && value <= most) return value
    return this.refuse(key, `a whole number from 1 to ${most}`, value)
  }

  flag(key: string, absent: boolean): boolean {
    return this.metadata.boolean(this.#named(key)) ?? absent
  }

  text(key: string): string | undefined {
    return this.metadata.string(this.#named(key))
  }

  /** Number, or truth values for each layer. */
  pattern(key: string): number | readonly boolean[] | undefined {
    const name = this.#named(key)
    const count = this.metadata.countOf(name)
    if (count === undefined) return this.optional(key)
    if (count > mostLayers) return this.refuse(key, `at most ${mostLayers} layers`, count)
    const { type, value } = this.metadata.value(name)!
    if (type === 'bool') return value as readonly boolean[]
    return this.refuse(key, 'truth values', `a list of ${type}`)
  }

  has(tensor: string): boolean {
    return this.tensors.has(tensor)
  }

  /**
   * How many rows a table has.
   *
   * @throws FormatError where there is no such tensor
   */
  rows(tensor: string): number {
    const rows = this.tensors.get(tensor)?.shape[0]
    if (rows !== undefined) return rows
    throw new FormatError({
      operation,
      expected: `a tensor '${tensor}'`,
      found: `none among ${this.tensors.size}`,
      hint: 'the file has no weights, or those of another model',
    })
  }

  /** The numbers of a vector that must have so many; undefined where there is none. */
  vector(tensor: string, length: number): number[] | undefined {
    const found = this.tensors.get(tensor)
    if (found === undefined) return undefined
    if (found.shape.length === 1 && found.shape[0] === length) return [...found.toFloat32()]
    throw new FormatError({
      operation,
      expected: `'${tensor}' of ${length} numbers`,
      found: `[${found.shape.join(', ')}]`,
      hint: 'the file is damaged',
    })
  }

  /** Throws the error about a value. */
  refuse(key: string, expected: string, found: string | number): never {
    return this.metadata.refuse(this.#named(key), expected, found)
  }

  #named(key: string): string {
    return /^(general|tokenizer)\./.test(key) ? key : `${this.architecture}.${key}`
  }
}

const operation = 'hubConfig'
const mostLayers = 2 ** 16

/** The number of fewest digits that is the same in f32. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
}

/** Values for a GGUF file out of a hub's configuration. */
export class GgufValues {
  readonly architecture: string
  readonly config: HubConfig
  readonly values: Map<string, GgufValue> = new Map()
  /** Vectors that stand among the tensors: factors of rotary frequencies. */
  readonly vectors: Map<string, Float32Array> = new Map()

  constructor(architecture: string, config: HubConfig) {
    this.architecture = architecture
    this.config = config
    this.set('general.architecture', 'string', architecture)
  }

  /** A field that isn't null. */
  field(name: string): unknown {
    return this.config[name] ?? undefined
  }

  /** @throws UsageError where the field is no number, or there is none */
  number(name: string, absent?: number): number {
    const value = this.field(name) ?? absent
    return typeof value === 'number' ? value : this.refuse(name, 'a number', typeof value)
  }

  set(key: string, type: GgufValue['type'], value: GgufValue['value']): void {
    const name = /^(general|tokenizer)\./.test(key) ? key : `${this.architecture}.${key}`
    this.values.set(name, { type, value })
  }

  refuse(name: string, expected: string, found: string): never {
    throw new UsageError({
      operation: 'ggufMetadata',
      expected: `the configuration's ${name} to be ${expected}`,
      found,
      hint: `take a configuration as the hub has it; GGUF has ${this.architecture} only so`,
    })
  }
}
