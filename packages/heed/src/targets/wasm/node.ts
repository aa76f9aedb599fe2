/**
 * One WebAssembly instruction with the instructions that make its operands: what the encoder writes out in
 * post-order and the printer as a folded expression. `loop` and `if` hold blocks.
 */
export interface Node {
  readonly name: string
  readonly immediates: readonly number[]
  readonly operands: readonly Node[]
  readonly body?: readonly Node[]
  readonly otherwise?: readonly Node[]
}

export type LocalType = 'i32' | 'f32' | 'v128'

/** The one function of a module. Its first four locals are its parameters. */
export interface FunctionTree {
  readonly name: string
  readonly locals: readonly { readonly type: LocalType; readonly name: string }[]
  readonly statements: readonly Node[]
}

/** `run(parameters, begin, end, scratch)`. */
export const runParameters: readonly string[] = ['parameters', 'begin', 'end', 'scratch']

export function node(name: string, ...operands: readonly Node[]): Node {
  return { name, immediates: [], operands }
}
export function get(local: number): Node {
  return { name: 'local.get', immediates: [local], operands: [] }
}
export function set(local: number, value: Node): Node {
  return { name: 'local.set', immediates: [local], operands: [value] }
}
export function int(value: number): Node {
  return { name: 'i32.const', immediates: [value | 0], operands: [] }
}
export function lane(name: 'i32x4.extract_lane' | 'f32x4.extract_lane', index: number, vector: Node): Node {
  return { name, immediates: [index], operands: [vector] }
}
export function shuffle(bytes: readonly number[], a: Node, b: Node): Node {
  return { name: 'i8x16.shuffle', immediates: bytes, operands: [a, b] }
}
export function branch(condition: Node, then: readonly Node[], otherwise: readonly Node[] = []): Node {
  return { name: 'if', immediates: [], operands: [condition], body: then, otherwise }
}
/** A memory access: `alignment` is the log2 of the bytes to which the address is aligned. */
export function memory(name: string, alignment: number, offset: number, ...operands: readonly Node[]): Node {
  return { name, immediates: [alignment, offset], operands }
}
export function memoryLane(
  name: string,
  alignment: number,
  offset: number,
  index: number,
  ...operands: readonly Node[]
): Node {
  return { name, immediates: [alignment, offset, index], operands }
}
/** A vector of four 32-bit integers. */
export function vectorConstant(lanes: readonly number[]): Node {
  return { name: 'v128.const', immediates: lanes, operands: [] }
}
