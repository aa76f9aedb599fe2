import type { JsonValue } from '../../base/index.js'

/** A text of one character, which may be two UTF-16 code units. */
export function readCharacter(value: JsonValue): string {
  const text = value.string()
  const units = (text.codePointAt(0) ?? 0) > 0xffff ? 2 : 1
  return text.length === units ? text : value.refuse('one character')
}
