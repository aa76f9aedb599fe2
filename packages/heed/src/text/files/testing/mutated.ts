import fc from 'fast-check'

/** Numbers that files are often wrong by. */
const values = [0, 1, 0x22, 0x2c, 0x30, 0x5b, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xc3, 0xff]

type Edit = readonly [kind: number, at: number, value: number]

/** A file with a few changes: other bytes, parts left out, twice, or cut off. */
export function mutated(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const value = fc.oneof(fc.constantFrom(...values), fc.nat(255))
  const edit: fc.Arbitrary<Edit> = fc.tuple(fc.nat(9), fc.nat(bytes.length - 1), value)
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => edits.reduce(changed, bytes))
}

function changed(bytes: Uint8Array, [kind, place, value]: Edit): Uint8Array {
  const at = Math.min(place, bytes.length)
  const end = Math.min(bytes.length, at + 1 + (value % 16))
  const joined = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]))
  if (kind === 0) return bytes.slice(0, at)
  if (kind === 1) return joined(bytes.subarray(0, at), bytes.subarray(end))
  if (kind === 2) return joined(bytes.subarray(0, end), bytes.subarray(at))
  if (kind === 3) return joined(bytes.subarray(0, at), Uint8Array.of(value), bytes.subarray(at))
  const copy = Uint8Array.from(bytes)
  if (at < copy.length) copy[at] = value
  return copy
}
