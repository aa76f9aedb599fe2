/**
 * JSON (RFC 8259) from outside, read in one pass. What nobody asks for is never built. So time and memory are
 * bounded by what the reader keeps, whatever the text holds. Each error says the file, the line and column,
 * the path (`layers[3].width`), what was expected there and what was found.
 */
import { type JsonOptions, JsonScanner, noKey } from './json-scanner.js'
import { JsonValue } from './json-value.js'

const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const zero = 0x30
const colon = 0x3a
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/**
 * A whole JSON text as a tree.
 *
 * @throws FormatError for anything else, or more than the options allow
 */
export function readJson(text: string | Uint8Array, options: JsonOptions): JsonValue {
  const reader = new JsonReader(text, options)
  const value = reader.value()
  reader.end()
  return value
}

/** A place to come back to. */
export interface JsonPlace {
  readonly at: number
  readonly keys: readonly number[]
}

/**
 * Reads values one after the other, each by the method for what is expected. `record` and `list` call back at
 * each of their values, which has to be read (or skipped) there. Texts are read as bytes of UTF-8: a string
 * is made only where somebody asks for it.
 */
export class JsonReader extends JsonScanner {
  readonly #depth: number
  readonly #most: number
  #built = 0

  /** @throws FormatError where there are too many bytes */
  constructor(text: string | Uint8Array, options: JsonOptions) {
    super(text, options)
    const { depth = 64, values = 2 ** 16 } = options
    this.#depth = depth
    this.#most = values
  }

  /** Where the next value begins, for `refuse`. */
  get at(): number {
    this.space()
    return this.position
  }

  /** Where the next value begins, to come back to. */
  place(): JsonPlace {
    return { at: this.at, keys: [...this.keys] }
  }

  /** Goes on reading from a place. */
  goTo({ at, keys }: JsonPlace): void {
    this.position = at
    this.keys = [...keys]
  }

  /**
   * Reads `{ … }`, calling `member` at each value.
   *
   * @param keyed true: the names are data. They are not kept here, and `member` sees to it that none comes
   * twice
   */
  record(member: (name: string) => void, keyed = false): void {
    this.#members(member, keyed, keyed ? undefined : new Set())
  }

  #members(member: (name: string) => void, keyed: boolean, seen: Set<string> | undefined): void {
    if (!this.enter('{')) return
    do {
      const { at } = this
      this.name(keyed)
      const name = this.spanText()
      if (seen?.has(name)) this.refuse('there once', { found: 'it again', at })
      seen?.add(name)
      member(name)
    } while (this.next('}'))
  }

  /** Reads `[ … ]`, calling `item` at each value. */
  list(item: (index: number) => void): void {
    if (!this.enter('[')) return
    let index = 0
    do item(index++)
    while (this.next(']'))
  }

  /**
   * Begins a record or a list, and answers whether there is anything in it. Then each value is read, behind
   * its `name` in a record, and `next` says whether there is one more.
   */
  enter(bracket: '{' | '['): boolean {
    this.space()
    const isList = bracket === '['
    if (this.bytes[this.position] !== (isList ? openBracket : openBrace))
      this.refuse(isList ? 'a list' : 'an object')
    if (this.keys.length === this.#depth) this.refuse(`at most ${this.#depth} levels deep`, { found: 'more' })
    this.position++
    this.space()
    if (this.bytes[this.position] === (isList ? closeBracket : closeBrace)) {
      this.position++
      return false
    }
    this.keys.push(isList ? 0 : noKey)
    return true
  }

  /** Whether one more value follows in the record or the list, which ends where there is none. */
  next(bracket: '}' | ']'): boolean {
    this.space()
    const keys = this.keys
    const last = keys.length - 1
    const byte = this.bytes[this.position]
    if (byte === comma) {
      this.position++
      keys[last] = bracket === ']' ? keys[last]! + 1 : noKey
      return true
    }
    if (byte !== (bracket === ']' ? closeBracket : closeBrace)) {
      keys[last] = noKey
      this.#refuseToken(`',' or '${bracket}'`)
    }
    this.position++
    keys.pop()
    return false
  }

  /**
   * Reads a value's name, as `span` reads a string, and what stands between it and the value.
   *
   * @param isData whether names are data, as a vocabulary's tokens are: for errors
   */
  name(isData: boolean): void {
    this.space()
    const at = this.position
    if (this.bytes[at] !== quote) this.#refuseToken('a name in quotes')
    this.span()
    this.keys[this.keys.length - 1] = -2 - 2 * at - (isData ? 1 : 0)
    this.space()
    if (this.bytes[this.position] !== colon) this.#refuseToken("':'")
    this.position++
  }

  /** Whether what comes next begins with this, in ASCII. */
  sees(text: string): boolean {
    this.space()
    for (let i = 0; i < text.length; i++)
      if (this.bytes[this.position + i] !== text.charCodeAt(i)) return false
    return true
  }

  /**
   * Any value, as a tree.
   *
   * @param streams members of the value, a record, that are read by these and are not in the tree
   */
  value(streams?: Readonly<Record<string, (reader: JsonReader) => void>>): JsonValue {
    return this.#build(undefined, this.path(), streams)
  }

  #build(
    parent: JsonValue | undefined,
    key: string | number,
    streams: Readonly<Record<string, (reader: JsonReader) => void>> = {},
  ): JsonValue {
    const { at } = this
    if (++this.#built > this.#most) this.refuse(`at most ${this.#most} values in all`, { found: 'more' })
    const node = (value: JsonValue['value']): JsonValue => new JsonValue(value, parent, key, this, at)
    switch (this.bytes[at]) {
      case openBrace: {
        const members = new Map<string, JsonValue>()
        const record = node(members)
        this.record((name) => {
          if (Object.hasOwn(streams, name)) streams[name]!(this)
          else members.set(name, this.#build(record, name))
        })
        return record
      }
      case openBracket: {
        const items: JsonValue[] = []
        const list = node(items)
        this.list((index) => items.push(this.#build(list, index)))
        return list
      }
      case quote:
        return node(this.string())
      default:
        return node(this.#literalOrNumber())
    }
  }

  #literalOrNumber(): boolean | null | number {
    const literal = this.#literal()
    if (literal !== undefined) return literal
    const byte = this.bytes[this.position]!
    if (byte >= 0x80) this.pastCharacter(this.position)
    if (byte !== minus && !(byte >= zero && byte < zero + 10)) this.refuse('a value of JSON')
    return this.number()
  }

  /** null, true or false, if they come next. */
  #literal(): boolean | null | undefined {
    for (const literal of [null, true, false])
      if (this.sees(String(literal))) {
        this.position += String(literal).length
        return literal
      }
    return undefined
  }

  /** All that is read, in UTF-8: for whoever reads a long list faster where it is plain. */
  get text(): Uint8Array {
    return this.bytes
  }

  /** Goes on behind a value of the list or the record that is being read, which ends at `at`. */
  resume(at: number): void {
    this.position = at
  }

  /** Reads over a value. */
  skip(): void {
    const isRecord = this.sees('{')
    if (isRecord || this.sees('[')) {
      if (!this.enter(isRecord ? '{' : '[')) return
      do {
        if (isRecord) this.name(false)
        this.skip()
      } while (this.next(isRecord ? '}' : ']'))
    } else if (this.sees('"')) this.span()
    else if (this.#literal() === undefined) this.number()
  }

  /** Nothing but white space may come any more. */
  end(): void {
    if (this.at < this.bytes.length) this.refuse('nothing more')
  }

  #refuseToken(expected: string): never {
    const path = this.path()
    return this.refuseAt(this.position, '', `JSON with ${expected}${path === '' ? '' : ` in ${path}`}`)
  }
}
