import { TargetError } from '../../base/index.js'
import type { FunctionTree, LocalType, Node } from './node.js'
import { runParameters } from './node.js'
import type { Immediates } from './opcodes.js'
import { opcodes, unsigned } from './opcodes.js'

/**
 * What V8 and SpiderMonkey accept in one function (WebAssembly JavaScript interface, implementation limits).
 */
export const limits = { functionBytes: 7_654_321, locals: 50_000 } as const

const valueTypes: Readonly<Record<LocalType, number>> = { i32: 0x7f, f32: 0x7d, v128: 0x7b }

/**
 * The bytes of a module that imports `env.memory` and exports `run`. An import that is not shared and has no
 * maximum takes every memory that is not shared; a shared one with the largest maximum takes every shared
 * memory.
 */
export function encodeModule(tree: FunctionTree, shared: boolean): Uint8Array {
  const locals = tree.locals.slice(runParameters.length)
  if (locals.length > limits.locals) throw tooLarge(tree.name, `${limits.locals} locals`, `${locals.length}`)
  const body = new Bytes(tree.name)
  const runs: { type: LocalType; count: number }[] = []
  for (const { type } of locals) {
    const last = runs.at(-1)
    if (last?.type === type) last.count++
    else runs.push({ type, count: 1 })
  }
  body.unsigned(runs.length)
  for (const { type, count } of runs) {
    body.unsigned(count)
    body.push(valueTypes[type])
  }
  for (const statement of tree.statements) encodeNode(statement, body)
  body.push(0x0b)

  const i32 = valueTypes.i32
  const module = new Bytes(tree.name)
  module.push(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00)
  module.section(1, [1, 0x60, 4, i32, i32, i32, i32, 0])
  module.section(2, [
    1,
    ...text('env'),
    ...text('memory'),
    0x02,
    ...(shared ? [0x03, 0, ...unsigned(65536)] : [0x00, 0]),
  ])
  module.section(3, [1, 0])
  module.section(7, [1, ...text('run'), 0x00, 0])
  const size = unsigned(body.length)
  module.push(10)
  module.unsigned(1 + size.length + body.length)
  module.push(1, ...size)
  module.append(body)
  return module.finish()
}

function text(value: string): number[] {
  return [value.length, ...Array.from(value, (letter) => letter.charCodeAt(0))]
}

function tooLarge(name: string, expected: string, found: string): TargetError {
  return new TargetError({
    operation: `wasm: kernel '${name}'`,
    expected: `at most ${expected}`,
    found,
    hint: 'unroll less, or split the kernel',
  })
}

function encodeNode(node: Node, bytes: Bytes): void {
  for (const operand of node.operands) encodeNode(operand, bytes)
  const [opcode, immediates] = opcodes[node.name]!
  bytes.push(...opcode)
  encodeImmediates(immediates, node.immediates, bytes)
  if (!node.body) return
  for (const statement of node.body) encodeNode(statement, bytes)
  if (node.otherwise?.length) {
    bytes.push(0x05)
    for (const statement of node.otherwise) encodeNode(statement, bytes)
  }
  bytes.push(0x0b)
}

function encodeImmediates(kind: Immediates, values: readonly number[], bytes: Bytes): void {
  switch (kind) {
    case 'none':
      return
    case 'block':
      bytes.push(0x40)
      return
    case 'i32':
      bytes.signed(values[0]!)
      return
    case 'f32':
      bytes.float(values[0]!)
      return
    case 'lane':
    case 'lanes':
      bytes.push(...values)
      return
    case 'v128':
      for (const value of values)
        bytes.push(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24)
      return
    case 'index':
    case 'memory':
    case 'memory lane':
      for (const value of values) bytes.unsigned(value)
  }
}

/** Growing bytes, up to the size of the largest function that engines take. */
class Bytes {
  readonly #name: string
  #bytes = new Uint8Array(1024)
  length = 0

  constructor(name: string) {
    this.#name = name
  }

  push(...values: readonly number[]): void {
    this.#reserve(values.length)
    for (const value of values) this.#bytes[this.length++] = value
  }
  append(other: Bytes): void {
    this.#reserve(other.length)
    this.#bytes.set(other.#bytes.subarray(0, other.length), this.length)
    this.length += other.length
  }
  unsigned(value: number): void {
    this.push(...unsigned(value))
  }
  signed(value: number): void {
    let rest = value
    for (;;) {
      const byte = rest & 127
      rest >>= 7
      if ((rest === 0 && byte < 64) || (rest === -1 && byte >= 64)) {
        this.push(byte)
        return
      }
      this.push(byte | 128)
    }
  }
  float(value: number): void {
    this.#reserve(4)
    new DataView(this.#bytes.buffer).setFloat32(this.length, value, true)
    this.length += 4
  }
  section(id: number, content: readonly number[]): void {
    this.push(id, ...unsigned(content.length), ...content)
  }
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.length)
  }

  #reserve(count: number): void {
    const needed = this.length + count
    if (needed > limits.functionBytes)
      throw tooLarge(this.#name, `${limits.functionBytes} bytes of code`, 'more')
    if (needed <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.length))
    this.#bytes = larger
  }
}
