/** Writes GGUF files for tests: values by name, then the list of tensors. */

export type GgufTestValue =
  | string
  | boolean
  | readonly string[]
  | { readonly type: number; readonly value: number | bigint | readonly (number | bigint)[] }

export interface GgufTestTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: number
  readonly offset: number
}

/** A file of version 3; `changes` writes over the header's numbers. */
export function ggufFile(
  values: Readonly<Record<string, GgufTestValue>>,
  tensors: readonly GgufTestTensor[] = [],
  changes: { readonly version?: number; readonly bigEndian?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const little = changes.bigEndian !== true
  const bytes: number[] = []
  const put = (size: number, write: (view: DataView) => void): void => {
    const view = new DataView(new ArrayBuffer(size))
    write(view)
    for (let i = 0; i < size; i++) bytes.push(view.getUint8(i))
  }
  const u32 = (value: number): void => put(4, (view) => view.setUint32(0, value, little))
  const u64 = (value: number | bigint): void => put(8, (view) => view.setBigUint64(0, BigInt(value), little))
  const text = (value: string): void => {
    const encoded = new TextEncoder().encode(value)
    u64(encoded.length)
    for (const byte of encoded) bytes.push(byte)
  }
  const number = (type: number, value: number | bigint): void => {
    if (type === 0 || type === 1 || type === 7) bytes.push(Number(value) & 255)
    else if (type === 2 || type === 3) put(2, (view) => view.setUint16(0, Number(value) & 65535, little))
    else if (type === 4 || type === 5) put(4, (view) => view.setUint32(0, Number(value) >>> 0, little))
    else if (type === 6) put(4, (view) => view.setFloat32(0, Number(value), little))
    else if (type === 12) put(8, (view) => view.setFloat64(0, Number(value), little))
    else put(8, (view) => view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), little))
  }
  for (const letter of 'GGUF') bytes.push(letter.charCodeAt(0))
  u32(changes.version ?? 3)
  u64(tensors.length)
  u64(Object.keys(values).length)
  for (const [name, value] of Object.entries(values)) {
    text(name)
    if (typeof value === 'string') {
      u32(8)
      text(value)
    } else if (typeof value === 'boolean') {
      u32(7)
      bytes.push(Number(value))
    } else if (Array.isArray(value)) {
      u32(9)
      u32(8)
      u64(value.length)
      for (const item of value as readonly string[]) text(item)
    } else {
      const { type, value: content } = value as { type: number; value: number | bigint | readonly number[] }
      if (typeof content === 'object') {
        u32(9)
        u32(type)
        u64(content.length)
        for (const item of content) number(type, item)
      } else {
        u32(type)
        number(type, content)
      }
    }
  }
  for (const { name, shape, type, offset } of tensors) {
    text(name)
    u32(shape.length)
    shape.forEach(u64)
    u32(type)
    u64(offset)
  }
  return Uint8Array.from(bytes)
}
