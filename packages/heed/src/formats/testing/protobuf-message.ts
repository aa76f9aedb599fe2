/** Writes messages of protocol buffers for tests. */

export type FieldValue = number | string | Uint8Array | { readonly float: number }

/** A message of fields in order; of a field that comes several times, several pairs. */
export function protobufMessage(
  fields: readonly (readonly [field: number, value: FieldValue])[],
): Uint8Array<ArrayBuffer> {
  const bytes: number[] = []
  const varint = (value: bigint): void => {
    let rest = BigInt.asUintN(64, value)
    for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
    bytes.push(Number(rest))
  }
  for (const [field, value] of fields) {
    if (typeof value === 'number') {
      varint(BigInt(field) << 3n)
      varint(BigInt(value))
    } else if (typeof value === 'string' || value instanceof Uint8Array) {
      const content = typeof value === 'string' ? new TextEncoder().encode(value) : value
      varint((BigInt(field) << 3n) | 2n)
      varint(BigInt(content.length))
      for (const byte of content) bytes.push(byte)
    } else {
      varint((BigInt(field) << 3n) | 5n)
      bytes.push(...new Uint8Array(Float32Array.of(value.float).buffer))
    }
  }
  return Uint8Array.from(bytes)
}
