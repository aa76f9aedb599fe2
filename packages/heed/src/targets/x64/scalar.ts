import type { BinaryOperation, Comparison, UnaryOperation } from '../../kernels/index.js'
import { type Condition, general, immediate, vector } from './code.js'
import type { Lowering } from './lowering.js'
import type { Of } from './value.js'
import { lowerMaskBinary, lowerVectorBinary, lowerVectorCompare, lowerVectorUnary } from './vector.js'

// Integers and booleans in general registers (a boolean is 0 or 1). Floats of either shape are in
// `vector.ts`.

const commutative: ReadonlySet<BinaryOperation> = new Set(['add', 'mul', 'and', 'or', 'xor'])
const plain: Readonly<Partial<Record<BinaryOperation, string>>> = {
  add: 'add',
  sub: 'sub',
  mul: 'imul',
  and: 'and',
  or: 'or',
  xor: 'xor',
}
const shifts: Readonly<Partial<Record<BinaryOperation, string>>> = { shl: 'shl', shr: 'sar', ushr: 'shr' }

export function lowerBinary(instruction: Of<'binary'>, lowering: Lowering): void {
  const type = lowering.type(instruction.result)
  if (type === 'mask') return lowerMaskBinary(instruction, lowering)
  if (type !== 'i32' && type !== 'bool') return lowerVectorBinary(instruction, lowering)
  const { name } = instruction
  if (shifts[name]) return lowerShift(instruction, lowering)
  if (name === 'div' || name === 'rem') return lowerDivision(instruction, lowering)
  if (name === 'min' || name === 'max') return lowerExtreme(instruction, lowering)
  if (name === 'add' && lowerAddress(instruction, lowering)) return
  const { result } = instruction
  let [a, b] = [instruction.a, instruction.b]
  // The left operand is the one that is changed: what dies there, or is the variable that the result goes to.
  if (commutative.has(name) && (lowering.isKnown(a) || lowering.accumulates(b, result))) [a, b] = [b, a]
  else if (
    commutative.has(name) &&
    lowering.dies(b) &&
    !lowering.dies(a) &&
    !lowering.accumulates(a, result)
  ) {
    if (!lowering.isKnown(b)) [a, b] = [b, a]
  }
  const left = lowering.take(a)
  const known = lowering.known(b)
  if (known !== undefined) {
    if (name === 'mul') {
      const to = lowering.target(result)
      lowering.code.emit('imul', general(to), general(left.register), immediate(known))
      return lowering.define(result, to)
    }
    const to = lowering.changeable(result, left)
    lowering.code.emit(plain[name]!, general(to), immediate(known))
    return lowering.define(result, to)
  }
  const right = lowering.source(b)
  const others = right.kind === 'register' ? [right.number] : right.index === undefined ? [] : [right.index]
  const to = lowering.changeable(result, left, others)
  lowering.code.emit(plain[name]!, general(to), right)
  lowering.define(result, to)
}

/** Sums by `lea`, where that saves a copy or takes a shift along. */
function lowerAddress({ result, a, b }: Of<'binary'>, lowering: Lowering): boolean {
  const { code } = lowering
  if (lowering.isKnown(a)) [a, b] = [b, a]
  let scaled = lowering.scaled(b)
  if (scaled === undefined && (scaled = lowering.scaled(a)) !== undefined) [a, b] = [b, a]
  if (scaled !== undefined) {
    const base = lowering.take(a).register
    const to = lowering.target(result)
    const scale = (1 << scaled.shift) as 2 | 4 | 8
    code.emit('lea', general(to), { kind: 'memory', base, index: scaled.register, scale })
    lowering.define(result, to)
    return true
  }
  const changes =
    lowering.dies(a) || lowering.accumulates(a, result) || lowering.dies(b) || lowering.accumulates(b, result)
  if (changes || lowering.inMemory(b)) return false
  const base = lowering.take(a).register
  const known = lowering.known(b)
  const other =
    known === undefined ? { index: lowering.take(b).register, scale: 1 as const } : { displacement: known }
  const to = lowering.target(result)
  code.emit('lea', general(to), { kind: 'memory', base, ...other })
  lowering.define(result, to)
  return true
}

function lowerShift({ name, result, a, b }: Of<'binary'>, lowering: Lowering): void {
  const known = lowering.isKnown(b) ? lowering.known(b)! & 31 : undefined
  if (known !== undefined && name === 'shl' && known >= 1 && known <= 3 && !lowering.isKnown(a))
    return lowering.wait(result, { kind: 'scaled', a, shift: known })
  const left = lowering.take(a)
  if (known !== undefined) {
    const to = lowering.changeable(result, left)
    lowering.code.emit(shifts[name]!, general(to), immediate(known))
    return lowering.define(result, to)
  }
  const count = lowering.take(b).register
  const to = lowering.target(result)
  lowering.code.emit(`${shifts[name]!}x`, general(to), general(left.register), general(count))
  lowering.define(result, to)
}

/** The quotient is exact in f64, and a zero divisor does not trap: lanes outside a mask may hold one. */
function lowerDivision({ name, result, a, b }: Of<'binary'>, lowering: Lowering): void {
  const { code } = lowering
  const [x, y] = [lowering.take(a).register, lowering.take(b).register]
  const [dividend, divisor] = [lowering.temporary('f32'), lowering.temporary('f32')]
  for (const [to, from] of [
    [dividend, x],
    [divisor, y],
  ] as const) {
    code.emit('vxorps', to, to, to)
    code.emit('vcvtsi2sd', to, to, general(from))
  }
  code.emit('vdivsd', dividend, dividend, divisor)
  if (name === 'div') {
    const to = lowering.target(result)
    code.emit('vcvttsd2si', general(to), dividend)
    return lowering.define(result, to)
  }
  const product = lowering.fresh('i32')
  code.emit('vcvttsd2si', general(product), dividend)
  code.emit('imul', general(product), general(y))
  const rest = lowering.fresh('i32')
  code.emit('mov', general(rest), general(x))
  code.emit('sub', general(rest), general(product))
  lowering.define(result, rest)
}

function lowerExtreme({ name, result, a, b }: Of<'binary'>, lowering: Lowering): void {
  const left = lowering.take(a)
  const right = lowering.take(b).register
  const to = lowering.changeable(result, left, [right])
  lowering.code.emit('cmp', general(to), general(right))
  lowering.code.emit(name === 'min' ? 'cmovg' : 'cmovl', general(to), general(right))
  lowering.define(result, to)
}

export function lowerUnary(instruction: Of<'unary'>, lowering: Lowering): void {
  const { name, result, a } = instruction
  const type = lowering.type(result)
  if (type !== 'i32' && type !== 'bool') return lowerVectorUnary(instruction, lowering)
  const { code } = lowering
  const taken = lowering.take(a)
  if (name === 'abs') {
    const to = lowering.fresh('i32')
    code.emit('mov', general(to), general(taken.register))
    code.emit('neg', general(to))
    code.emit('cmovs', general(to), general(taken.register))
    return lowering.define(result, to)
  }
  const to = lowering.changeable(result, taken)
  if (type === 'bool') code.emit('xor', general(to), immediate(1))
  else code.emit(({ neg: 'neg', not: 'not' } as Partial<Record<UnaryOperation, string>>)[name]!, general(to))
  lowering.define(result, to)
}

const signed: Readonly<Record<Comparison, Condition>> = {
  eq: 'e',
  ne: 'ne',
  lt: 'l',
  le: 'le',
  gt: 'g',
  ge: 'ge',
}

export function lowerCompare(instruction: Of<'compare'>, lowering: Lowering): void {
  const { name, result, a, b } = instruction
  const type = lowering.type(a)
  if (type === 'f32') return compareFloats(instruction, lowering)
  if (type !== 'i32' && type !== 'bool') return lowerVectorCompare(instruction, lowering)
  lowering.wait(result, {
    kind: 'condition',
    test: () => {
      const left = general(lowering.take(a).register)
      const known = lowering.known(b)
      lowering.code.emit('cmp', left, known === undefined ? lowering.source(b) : immediate(known))
      return signed[name]
    },
  })
}

/** Unordered operands set the carry, so `above` is false for them; equality needs the parity flag too. */
function compareFloats({ name, result, a, b }: Of<'compare'>, lowering: Lowering): void {
  const { code } = lowering
  if (name === 'eq' || name === 'ne') {
    const [x, y] = [lowering.register(a), lowering.source(b)]
    const [first, second] = [lowering.fresh('bool'), lowering.fresh('bool')]
    code.emit('vucomiss', x, y)
    code.emit(name === 'eq' ? 'setnp' : 'setp', general(first, 8))
    code.emit(name === 'eq' ? 'sete' : 'setne', general(second, 8))
    code.emit(name === 'eq' ? 'and' : 'or', general(first), general(second))
    code.emit('and', general(first), immediate(1))
    return lowering.define(result, first)
  }
  const swap = name === 'lt' || name === 'le'
  lowering.wait(result, {
    kind: 'condition',
    test: () => {
      const x = lowering.register(swap ? b : a)
      code.emit('vucomiss', x, lowering.source(swap ? a : b))
      return name === 'lt' || name === 'gt' ? 'a' : 'ae'
    },
  })
}

export function lowerSelect({ result, condition, a, b }: Of<'select'>, lowering: Lowering): void {
  const { code } = lowering
  const type = lowering.type(result)
  if (type === 'i32' || type === 'bool') {
    const chosen = lowering.take(a).register
    const other = lowering.take(b)
    const to = lowering.changeable(result, other, [chosen])
    const test = lowering.condition(condition)
    code.emit(`cmov${test}`, general(to), general(chosen))
    return lowering.define(result, to)
  }
  if (type === 'mask') return selectMasks(result, condition, a, b, lowering)
  if (type === 'f32') {
    const bits = lowering.fresh('i32')
    code.emit('mov', general(bits), general(lowering.take(condition).register))
    code.emit('neg', general(bits))
    const [x, y] = [lowering.register(a), lowering.register(b)]
    if (lowering.masks) {
      const mask = lowering.temporary('mask')
      code.emit('kmovw', mask, general(bits))
      const to = lowering.target(result)
      code.masked('vblendmps', mask.number, false, vector(to, 128), y, x)
      return lowering.define(result, to)
    }
    const mask = lowering.temporary('f32')
    code.emit('vmovd', mask, general(bits))
    const to = lowering.target(result)
    code.emit('vblendvps', vector(to, 128), y, x, mask)
    return lowering.define(result, to)
  }
  const test = lowering.register(condition)
  const other = lowering.register(b)
  const chosen = lowering.source(a)
  const to = lowering.operand(type, lowering.target(result))
  if (lowering.masks) code.masked('vblendmps', test.number, false, to, other, chosen)
  else code.emit('vblendvps', to, other, chosen, test)
  lowering.define(result, to.number)
}

function selectMasks(result: number, condition: number, a: number, b: number, lowering: Lowering): void {
  const { code } = lowering
  const [test, x, y] = [lowering.register(condition), lowering.register(a), lowering.register(b)]
  const [yes, no] = [lowering.temporary('mask'), lowering.temporary('mask')]
  const [and, not, or] = lowering.masks ? ['kandw', 'kandnw', 'korw'] : ['vandps', 'vandnps', 'vorps']
  code.emit(and!, yes, test, x)
  code.emit(not!, no, test, y)
  const to = lowering.operand('mask', lowering.target(result))
  code.emit(or!, to, yes, no)
  lowering.define(result, to.number)
}
