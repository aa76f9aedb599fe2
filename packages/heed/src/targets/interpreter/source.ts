import type {
  BinaryOperation,
  Block,
  Instruction,
  MachineElement,
  Program,
  StoredElement,
} from '../../kernels/index.js'

/**
 * A program as the body of a JavaScript function of (parameters, begin, end, scratch): one lane, floats in
 * f64.
 */
export function javaScriptSource(program: Program): string {
  const writer = new Writer(program)
  writer.block(program.prologue, 1)
  writer.line(1, `for (let r${program.task} = begin; r${program.task} < end; r${program.task}++) {`)
  writer.block(program.body, 2)
  writer.line(1, '}')
  return writer.text()
}

const comparisons = { eq: '===', ne: '!==', lt: '<', le: '<=', gt: '>', ge: '>=' } as const

class Writer {
  readonly #program: Program
  readonly #lines: string[] = []

  constructor(program: Program) {
    this.#program = program
  }

  text(): string {
    return this.#lines.join('\n') + '\n'
  }

  line(depth: number, text: string): void {
    this.#lines.push('  '.repeat(depth) + text)
  }

  block(block: Block, depth: number): void {
    for (const instruction of block) this.#instruction(instruction, depth)
  }

  #integer(result: number): boolean {
    const type = this.#program.types[result]
    return type === 'i32' || type === 'ivector'
  }

  #condition(result: number): boolean {
    const type = this.#program.types[result]
    return type === 'bool' || type === 'mask'
  }

  #instruction(instruction: Instruction, depth: number): void {
    const set = (result: number, expression: string): void =>
      this.line(depth, `const r${result} = ${expression}`)
    switch (instruction.op) {
      case 'constant':
        set(
          instruction.result,
          this.#condition(instruction.result) ? String(instruction.value !== 0) : literal(instruction.value),
        )
        break
      case 'parameter': {
        const float = this.#program.parameters[instruction.index]?.type === 'f32'
        set(
          instruction.result,
          float
            ? `loadF32(parameters + ${8 * instruction.index})`
            : `loadI32(parameters + ${8 * instruction.index})`,
        )
        break
      }
      case 'scratch':
        set(instruction.result, 'scratch')
        break
      case 'laneIndex':
        set(instruction.result, '0')
        break
      case 'binary':
        set(
          instruction.result,
          this.#binary(instruction.name, instruction.result, `r${instruction.a}`, `r${instruction.b}`),
        )
        break
      case 'unary':
        set(instruction.result, this.#unary(instruction, `r${instruction.a}`))
        break
      case 'math': {
        const a = `r${instruction.a}`
        set(
          instruction.result,
          instruction.name === 'rsqrt'
            ? `1 / Math.sqrt(${a})`
            : instruction.name === 'erf' || instruction.name === 'erfcx'
              ? `${instruction.name}(${a})`
              : `Math.${instruction.name}(${a})`,
        )
        break
      }
      case 'compare':
        set(instruction.result, `r${instruction.a} ${comparisons[instruction.name]} r${instruction.b}`)
        break
      case 'convert': {
        const a = `r${instruction.a}`
        const form = {
          toFloat: a,
          broadcast: a,
          toInt: `Math.trunc(${a}) | 0`,
          toBits: `toBits(${a})`,
          fromBits: `fromBits(${a})`,
        }
        set(instruction.result, form[instruction.name])
        break
      }
      case 'reduce':
        set(instruction.result, `r${instruction.a}`)
        break
      case 'shuffle':
        throw new Error('one lane has no order')
      case 'fma':
        set(instruction.result, `r${instruction.a} * r${instruction.b} + r${instruction.c}`)
        break
      case 'dot': {
        // Pairs of bf16 are written out by the builder.
        const name = instruction.name === 'bytes' ? 'dotBytes' : 'dotShorts'
        set(instruction.result, `${name}(r${instruction.a}, r${instruction.b}, r${instruction.c})`)
        break
      }
      case 'select':
        set(instruction.result, `r${instruction.condition} ? r${instruction.a} : r${instruction.b}`)
        break
      case 'load': {
        const read = `${loader(instruction.element)}(r${instruction.address} + ${instruction.offset})`
        set(instruction.result, instruction.mask === undefined ? read : `r${instruction.mask} ? ${read} : 0`)
        break
      }
      case 'gather': {
        const size = instruction.element === 'f32' ? this.#program.machine.floatBytes : 4
        const read = `${loader(instruction.element)}(r${instruction.address} + ${instruction.offset} + r${instruction.indices} * ${size})`
        set(instruction.result, instruction.mask === undefined ? read : `r${instruction.mask} ? ${read} : 0`)
        break
      }
      case 'store': {
        const write = `${storer(instruction.element)}(r${instruction.address} + ${instruction.offset}, r${instruction.value})`
        this.line(depth, instruction.mask === undefined ? write : `if (r${instruction.mask}) ${write}`)
        break
      }
      case 'prefetch':
        break
      case 'declare':
        this.line(depth, `let v${instruction.variable} = r${instruction.value}`)
        break
      case 'assign':
        this.line(depth, `v${instruction.variable} = r${instruction.value}`)
        break
      case 'read':
        set(instruction.result, `v${instruction.variable}`)
        break
      case 'loop': {
        const i = `r${instruction.counter}`
        this.line(
          depth,
          `for (let ${i} = r${instruction.start}; ${i} < r${instruction.end}; ${i} = (${i} + r${instruction.step}) | 0) {`,
        )
        this.block(instruction.body, depth + 1)
        this.line(depth, '}')
        break
      }
      case 'while':
        this.line(depth, 'for (;;) {')
        this.block(instruction.condition, depth + 1)
        this.line(depth + 1, `if (!r${instruction.test}) break`)
        this.block(instruction.body, depth + 1)
        this.line(depth, '}')
        break
      case 'if':
        this.line(depth, `if (r${instruction.test}) {`)
        this.block(instruction.then, depth + 1)
        if (instruction.otherwise.length > 0) {
          this.line(depth, '} else {')
          this.block(instruction.otherwise, depth + 1)
        }
        this.line(depth, '}')
        break
    }
  }

  #binary(name: BinaryOperation, result: number, a: string, b: string): string {
    if (this.#condition(result)) {
      return name === 'and' ? `${a} && ${b}` : name === 'or' ? `${a} || ${b}` : `${a} !== ${b}`
    }
    const integer = this.#integer(result)
    switch (name) {
      case 'add':
        return integer ? `(${a} + ${b}) | 0` : `${a} + ${b}`
      case 'sub':
        return integer ? `(${a} - ${b}) | 0` : `${a} - ${b}`
      case 'mul':
        return integer ? `Math.imul(${a}, ${b})` : `${a} * ${b}`
      case 'div':
        return integer ? `(${a} / ${b}) | 0` : `${a} / ${b}`
      case 'rem':
        return `${a} % ${b} | 0`
      case 'min':
        return `${b} < ${a} ? ${b} : ${a}`
      case 'max':
        return `${a} < ${b} ? ${b} : ${a}`
      case 'and':
        return `${a} & ${b}`
      case 'or':
        return `${a} | ${b}`
      case 'xor':
        return `${a} ^ ${b}`
      case 'shl':
        return `${a} << ${b}`
      case 'shr':
        return `${a} >> ${b}`
      case 'ushr':
        return `${a} >>> ${b} | 0`
    }
  }

  #unary(instruction: Extract<Instruction, { op: 'unary' }>, a: string): string {
    const integer = this.#integer(instruction.result)
    switch (instruction.name) {
      case 'neg':
        return integer ? `-${a} | 0` : `-${a}`
      case 'abs':
        return integer ? `Math.abs(${a}) | 0` : `Math.abs(${a})`
      case 'sqrt':
        return `Math.sqrt(${a})`
      case 'floor':
        return `Math.floor(${a})`
      case 'ceil':
        return `Math.ceil(${a})`
      case 'round':
        return `round(${a})`
      case 'not':
        return integer ? `~${a}` : `!${a}`
    }
  }
}

function literal(value: number): string {
  if (Object.is(value, -0)) return '-0'
  return value < 0 ? `(${value})` : String(value)
}

function loader(element: MachineElement): string {
  return `load${element.toUpperCase()}`
}
function storer(element: StoredElement): string {
  return `store${element.toUpperCase()}`
}
