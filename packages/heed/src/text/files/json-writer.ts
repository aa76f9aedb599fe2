import { Vocabulary } from '../steps/vocabulary.js'

/** A number that is written with a decimal point, whole or not. */
export class Decimal {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/**
 * Writes JSON as Rust's `serde_json` does, letter by letter. A Map becomes an object in the Map's order,
 * which an object with keys like '1' hasn't. A Vocabulary becomes an object in the order of ids; anything
 * else that can be iterated a list.
 *
 * @param isPretty indented by two; false: without line breaks and spaces
 */
export function writeJson(value: unknown, isPretty: boolean): string {
  const parts: string[] = []
  const [colon, newLine, indent] = isPretty ? [': ', '\n', '  '] : [':', '', '']
  const write = (one: unknown, before: string): void => {
    if (one instanceof Decimal) parts.push(decimalText(one.value))
    else if (typeof one !== 'object' || one === null) parts.push(JSON.stringify(one))
    else if (one instanceof Map || one instanceof Vocabulary || !(Symbol.iterator in one))
      writeAll('{}', entriesOf(one), before, ([name, item], inner) => {
        parts.push(JSON.stringify(name), colon)
        write(item, inner)
      })
    else writeAll('[]', one as Iterable<unknown>, before, write)
  }
  const writeAll = <Item>(
    brackets: string,
    items: Iterable<Item>,
    before: string,
    writeItem: (item: Item, inner: string) => void,
  ): void => {
    const inner = before + indent
    let isFirst = true
    parts.push(brackets.charAt(0))
    for (const item of items) {
      parts.push(isFirst ? newLine : `,${newLine}`, inner)
      isFirst = false
      writeItem(item, inner)
    }
    parts.push(isFirst ? brackets.charAt(1) : `${newLine}${before}${brackets.charAt(1)}`)
  }
  write(value, '')
  return parts.join('')
}

function entriesOf(record: object): Iterable<readonly [string, unknown]> {
  if (record instanceof Vocabulary) return byId(record)
  return record instanceof Map ? (record as ReadonlyMap<string, unknown>) : Object.entries(record)
}

function* byId(vocabulary: Vocabulary): Generator<readonly [string, number]> {
  for (let id = 0; id <= vocabulary.highestId; id++) {
    const place = vocabulary.placeOfId(id)
    if (place >= 0) yield [vocabulary.tokenAt(place), id]
  }
}

/** The fewest digits that give the number back, with an exponent where it is very small or large. */
function decimalText(value: number): string {
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-5 || size >= 1e16)) return value.toExponential()
  if (!Number.isInteger(value)) return String(value)
  return `${Object.is(value, -0) ? '-0' : value}.0`
}
