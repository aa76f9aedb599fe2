/** Writes ONNX models as bytes (onnx.proto, IR version 9): only what the benches need. */

type Bytes = Uint8Array

function join(parts: readonly (Bytes | readonly number[])[]): Bytes {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    const low = Number(rest & 127n)
    rest >>= 7n
    bytes.push(rest ? low | 128 : low)
  } while (rest)
  return bytes
}

// Protocol buffers: wire type 0 is a varint, 2 a length and bytes, 5 four bytes.
const integer = (field: number, value: number): Bytes => join([varint(field << 3), varint(value)])
const bytes = (field: number, value: Bytes): Bytes =>
  join([varint((field << 3) | 2), varint(value.length), value])
const text = (field: number, value: string): Bytes => bytes(field, new TextEncoder().encode(value))
const float = (field: number, value: number): Bytes =>
  join([varint((field << 3) | 5), new Uint8Array(Float32Array.of(value).buffer)])

/** Numbers of TensorProto.DataType. */
const dataType = (values: Float32Array | Uint8Array | BigInt64Array): number =>
  values instanceof Float32Array ? 1 : values instanceof Uint8Array ? 2 : 7

/** TensorProto: a constant of the graph. */
export function constant(
  name: string,
  shape: readonly number[],
  values: Float32Array | Uint8Array | BigInt64Array,
): Bytes {
  return join([
    ...shape.map((size) => integer(1, size)),
    integer(2, dataType(values)),
    text(8, name),
    bytes(9, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  ])
}

export const indices = (name: string, ...values: number[]): Bytes =>
  constant(name, [values.length], BigInt64Array.from(values, BigInt))
export const scalar = (name: string, value: number): Bytes => constant(name, [], Float32Array.of(value))

/** ValueInfoProto: an input or output. A size that differs from run to run is a name. */
export function value(
  name: string,
  shape: readonly (number | string)[],
  type: 'float32' | 'int64' | 'int32' = 'float32',
): Bytes {
  const dimensions = shape.map((size) =>
    bytes(1, typeof size === 'number' ? integer(1, size) : text(2, size)),
  )
  const element = integer(1, { float32: 1, int32: 6, int64: 7 }[type])
  return join([text(1, name), bytes(2, bytes(1, join([element, bytes(2, join(dimensions))])))])
}

/** A float attribute is written { float: x }, so that 1 stays an integer. */
export type Attribute = number | readonly number[] | { float: number }

function attribute(name: string, given: Attribute): Bytes {
  if (typeof given === 'number') return join([text(1, name), integer(3, given), integer(20, 2)])
  if ('float' in given) return join([text(1, name), float(2, given.float), integer(20, 1)])
  return join([text(1, name), ...given.map((one) => integer(8, one)), integer(20, 7)])
}

/** NodeProto: `operation` may carry its domain: 'com.microsoft.MultiHeadAttention'. */
export function node(
  operation: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Record<string, Attribute> = {},
): Bytes {
  const dot = operation.lastIndexOf('.')
  return join([
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, operation.slice(dot + 1)),
    ...Object.entries(attributes).map(([name, given]) => bytes(5, attribute(name, given))),
    ...(dot < 0 ? [] : [text(7, operation.slice(0, dot))]),
  ])
}

export type Graph = {
  nodes: Bytes[]
  constants: Bytes[]
  inputs?: Bytes[]
  outputs: Bytes[]
}

/** ModelProto with one graph, for operator set 23 (which has Attention) and ONNX Runtime's own operators. */
export function model({ nodes, constants, inputs = [], outputs }: Graph): Bytes {
  const graph = join([
    ...nodes.map((one) => bytes(1, one)),
    text(2, 'bench'),
    ...constants.map((one) => bytes(5, one)),
    ...inputs.map((one) => bytes(11, one)),
    ...outputs.map((one) => bytes(12, one)),
  ])
  return join([
    integer(1, 10),
    bytes(7, graph),
    bytes(8, join([text(1, ''), integer(2, 23)])),
    bytes(8, join([text(1, 'com.microsoft'), integer(2, 1)])),
  ])
}
