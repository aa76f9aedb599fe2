import type { Program } from '../../kernels/index.js'
import { lower } from './lower.js'
import type { WasmOptions } from './lowering.js'
import type { FunctionTree, Node } from './node.js'
import { runParameters } from './node.js'
import { opcodes } from './opcodes.js'

const width = 110

/** WebAssembly text (folded expressions), valid as input of other tools. */
export function printWasm(program: Program, options: WasmOptions): string {
  return printModule(lower(program, options), options.shared)
}

function printModule(tree: FunctionTree, shared: boolean): string {
  const names = tree.locals.map(({ name }) => `$${name}`)
  const lines = [
    `;; kernel ${tree.name}`,
    '(module',
    `  (import "env" "memory" (memory ${shared ? '0 65536 shared' : '0'}))`,
    `  (func (export "run") ${runParameters.map((name) => `(param $${name} i32)`).join(' ')}`,
  ]
  const locals = tree.locals.slice(runParameters.length)
  for (let i = 0; i < locals.length; i += 6)
    lines.push(
      `    ${locals
        .slice(i, i + 6)
        .map(({ name, type }) => `(local $${name} ${type})`)
        .join(' ')}`,
    )
  for (const statement of tree.statements) printNode(statement, '    ', names, lines)
  lines[lines.length - 1] += '))'
  return `${lines.join('\n')}\n`
}

function printNode(node: Node, indent: string, names: readonly string[], lines: string[]): void {
  const inner = `${indent}  `
  const head = `(${[node.name, ...immediateTexts(node, names)].join(' ')}`
  if (node.body) {
    lines.push(indent + head)
    for (const operand of node.operands) printNode(operand, inner, names, lines)
    if (node.name === 'if') lines.push(`${inner}(then`)
    for (const statement of node.body)
      printNode(statement, node.name === 'if' ? `${inner}  ` : inner, names, lines)
    if (node.name === 'if') lines[lines.length - 1] += ')'
    if (node.otherwise?.length) {
      lines.push(`${inner}(else`)
      for (const statement of node.otherwise) printNode(statement, `${inner}  `, names, lines)
      lines[lines.length - 1] += ')'
    }
    lines[lines.length - 1] += ')'
    return
  }
  const line = oneLine(node, names, width - indent.length)
  if (line !== undefined) {
    lines.push(indent + line)
    return
  }
  lines.push(indent + head)
  for (const operand of node.operands) printNode(operand, inner, names, lines)
  lines[lines.length - 1] += ')'
}

/** The instruction on one line, if it fits into `room` characters. */
function oneLine(node: Node, names: readonly string[], room: number): string | undefined {
  let line = `(${[node.name, ...immediateTexts(node, names)].join(' ')}`
  for (const operand of node.operands) {
    const part = oneLine(operand, names, room - line.length)
    if (part === undefined) return undefined
    line += ` ${part}`
  }
  line += ')'
  return line.length > room ? undefined : line
}

function immediateTexts(node: Node, names: readonly string[]): string[] {
  const values = node.immediates
  if (node.name.startsWith('local.')) return [names[values[0]!]!]
  switch (opcodes[node.name]![1]) {
    case 'v128':
      return ['i32x4', ...values.map((value) => `${value}`)]
    case 'f32':
      return [floatText(values[0]!)]
    case 'memory':
    case 'memory lane': {
      const [alignment, offset, lane] = values as [number, number, number?]
      return [
        ...(offset ? [`offset=${offset}`] : []),
        `align=${2 ** alignment}`,
        ...(lane === undefined ? [] : [`${lane}`]),
      ]
    }
    default:
      return values.map((value) => `${value}`)
  }
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  return Object.is(value, -0) ? '-0' : `${value}`
}
