import type { BinaryOperation, Comparison, Type, UnaryOperation } from '../../kernels/index.js'
import { immediate, maskRegister, vector } from './code.js'
import type { Memory, Register } from './operand.js'
import type { Lowering } from './lowering.js'
import type { Of } from './value.js'

// Floats in either shape, vectors of integers, and masks.

const commutative: ReadonlySet<BinaryOperation> = new Set(['add', 'mul', 'and', 'or', 'xor'])
const integers: Readonly<Partial<Record<BinaryOperation, string>>> = {
  add: 'vpaddd',
  sub: 'vpsubd',
  mul: 'vpmulld',
  min: 'vpminsd',
  max: 'vpmaxsd',
  and: 'vandps',
  or: 'vorps',
  xor: 'vxorps',
}
/** Conditions of float comparisons that raise nothing for quiet NaNs. */
const predicates: Readonly<Record<Comparison, number>> = {
  eq: 0,
  ne: 4,
  lt: 0x11,
  le: 0x12,
  gt: 0x1e,
  ge: 0x1d,
}
const integerPredicates: Readonly<Record<Comparison, number>> = { eq: 0, lt: 1, le: 2, ne: 4, ge: 5, gt: 6 }
const roundings: Readonly<Partial<Record<UnaryOperation, number>>> = { round: 8, floor: 9, ceil: 10 }

/** `ps` for vectors, `ss` for scalars. */
function shape(type: Type): 'ps' | 'ss' {
  return type === 'f32' ? 'ss' : 'ps'
}

export function lowerVectorBinary(instruction: Of<'binary'>, lowering: Lowering): void {
  const { name, result } = instruction
  const type = lowering.type(result)
  if (type === 'ivector') {
    if (name === 'div' || name === 'rem') return lowerDivision(instruction, lowering)
    if (name === 'shl' || name === 'shr' || name === 'ushr') return lowerShift(instruction, lowering)
    return threeOperands(
      integers[name]!,
      result,
      instruction.a,
      instruction.b,
      commutative.has(name),
      lowering,
    )
  }
  // min and max give their second operand where they can't say which is the lesser: ours is the first.
  if (name === 'min' || name === 'max')
    return threeOperands(`v${name}${shape(type)}`, result, instruction.b, instruction.a, false, lowering)
  threeOperands(
    `v${name}${shape(type)}`,
    result,
    instruction.a,
    instruction.b,
    commutative.has(name),
    lowering,
  )
}

function threeOperands(
  name: string,
  result: number,
  a: number,
  b: number,
  swappable: boolean,
  lowering: Lowering,
): void {
  if (swappable && lowering.inMemory(a) && !lowering.inMemory(b)) [a, b] = [b, a]
  const type = lowering.type(result)
  const left = lowering.take(a)
  const right = lowering.source(b)
  const to = lowering.target(result)
  lowering.code.emit(name, lowering.operand(type, to), lowering.operand(type, left.register), right)
  lowering.define(result, to)
}

function lowerShift({ name, result, a, b }: Of<'binary'>, lowering: Lowering): void {
  const { code } = lowering
  const value = lowering.register(a)
  const known = lowering.known(b)
  if (known !== undefined) {
    const to = lowering.operand('ivector', lowering.target(result))
    code.emit(
      ({ shl: 'vpslld', shr: 'vpsrad', ushr: 'vpsrld' } as Record<string, string>)[name]!,
      to,
      value,
      immediate(known & 31),
    )
    return lowering.define(result, to.number)
  }
  const counts = lowering.temporary('ivector')
  code.emit('vandps', counts, lowering.register(b), lowering.constantOperand('ivector', 31))
  const to = lowering.operand('ivector', lowering.target(result))
  code.emit(
    ({ shl: 'vpsllvd', shr: 'vpsravd', ushr: 'vpsrlvd' } as Record<string, string>)[name]!,
    to,
    value,
    counts,
  )
  lowering.define(result, to.number)
}

/** In f64, where quotients of 32-bit integers are exact; a zero divisor gives some number. */
function lowerDivision({ name, result, a, b }: Of<'binary'>, lowering: Lowering): void {
  const { code, width } = lowering
  const [x, y] = [lowering.register(a), lowering.register(b)]
  const half = (width / 2) as 128 | 256
  const narrow = (register: Register): Register => vector(register.number, half)
  const [extract, insert] =
    width === 512 ? ['vextracti64x4', 'vinserti64x4'] : ['vextracti128', 'vinserti128']
  const quotient = (upper: boolean): Register => {
    const [above, below] = [lowering.temporary('ivector'), lowering.temporary('ivector')]
    for (const [to, from] of [
      [above, x],
      [below, y],
    ] as const) {
      if (upper) {
        code.emit(extract, narrow(to), from, immediate(1))
        code.emit('vcvtdq2pd', to, narrow(to))
      } else code.emit('vcvtdq2pd', to, narrow(from))
    }
    code.emit('vdivpd', above, above, below)
    const to = lowering.temporary('ivector')
    code.emit('vcvttpd2dq', narrow(to), above)
    return to
  }
  const [low, high] = [quotient(false), quotient(true)]
  if (name === 'div') {
    const to = lowering.operand('ivector', lowering.target(result))
    code.emit(insert, to, low, narrow(high), immediate(1))
    return lowering.define(result, to.number)
  }
  const product = lowering.temporary('ivector')
  code.emit(insert, product, low, narrow(high), immediate(1))
  code.emit('vpmulld', product, product, y)
  const to = lowering.operand('ivector', lowering.target(result))
  code.emit('vpsubd', to, x, product)
  lowering.define(result, to.number)
}

/**
 * a × b + c in one instruction, which overwrites one of the three and may read one from memory. It overwrites
 * the sum where that dies or goes back to its variable. Else it overwrites a factor that dies, else a copy of
 * the sum.
 */
export function lowerFma({ result, a, b, c }: Of<'fma'>, lowering: Lowering): void {
  const { code } = lowering
  const type = lowering.type(result)
  if (type === 'i32' || type === 'ivector') {
    const [x, y, z] = [lowering.register(a), lowering.register(b), lowering.register(c)]
    const to = lowering.operand(type, lowering.fresh(type))
    if (type === 'i32') {
      code.emit('mov', to, x)
      code.emit('imul', to, y)
      code.emit('add', to, z)
    } else {
      code.emit('vpmulld', to, x, y)
      code.emit('vpaddd', to, to, z)
    }
    return lowering.define(result, to.number)
  }
  const suffix = shape(type)
  const free = (id: number): boolean => lowering.dies(id) || lowering.accumulates(id, result)
  const emit = (order: '132' | '213' | '231', changed: number, second: number, third: number): void => {
    const taken = lowering.take(changed)
    const other = lowering.register(second)
    const last = lowering.source(third)
    const to = lowering.changeable(result, taken, [other.number, ...registersOf(last)])
    code.emit(`vfmadd${order}${suffix}`, lowering.operand(type, to), other, last)
    lowering.define(result, to)
  }
  if (lowering.inMemory(a)) [a, b] = [b, a]
  const [factorInMemory, sumInMemory] = [lowering.inMemory(b), lowering.inMemory(c)]
  if (sumInMemory) {
    // A constant factor is read into a register that dies at once.
    if (!free(a)) [a, b] = [b, a]
    return emit('213', a, b, c)
  }
  if (free(c)) return emit('231', c, a, b)
  if (free(a)) return factorInMemory ? emit('132', a, c, b) : emit('213', a, b, c)
  if (!factorInMemory && free(b)) return emit('213', b, a, c)
  emit('231', c, a, b)
}

function registersOf(operand: Register | Memory): readonly number[] {
  return operand.kind === 'register' ? [operand.number] : []
}

export function lowerVectorUnary({ name, result, a }: Of<'unary'>, lowering: Lowering): void {
  const { code } = lowering
  const type = lowering.type(result)
  if (type === 'mask' && lowering.masks) {
    const value = lowering.register(a)
    const to = maskRegister(lowering.target(result))
    code.emit('knotw', to, value)
    return lowering.define(result, to.number)
  }
  const whole = (register: Register): Register =>
    vector(register.number, type === 'f32' ? 128 : lowering.width)
  if (name === 'sqrt') {
    const value = lowering.register(a)
    const to = lowering.operand(type, lowering.target(result))
    if (type === 'f32') code.emit('vsqrtss', to, value, value)
    else code.emit('vsqrtps', to, value)
    return lowering.define(result, to.number)
  }
  const rounding = roundings[name]
  if (rounding !== undefined) {
    const value = lowering.register(a)
    const to = lowering.operand(type, lowering.target(result))
    const opcode = `${lowering.masks ? 'vrndscale' : 'vround'}${shape(type)}`
    if (type === 'f32') code.emit(opcode, to, value, value, immediate(rounding))
    else code.emit(opcode, to, value, immediate(rounding))
    return lowering.define(result, to.number)
  }
  const value = whole(lowering.register(a))
  if (type === 'ivector' && (name === 'neg' || name === 'abs')) {
    const to = lowering.operand(type, lowering.target(result))
    if (name === 'abs') code.emit('vpabsd', to, value)
    else {
      const zero = lowering.temporary('ivector')
      code.emit('vxorps', zero, zero, zero)
      code.emit('vpsubd', to, zero, value)
    }
    return lowering.define(result, to.number)
  }
  const [opcode, bits] =
    name === 'neg' ? ['vxorps', 0x80000000 | 0] : name === 'abs' ? ['vandps', 0x7fffffff] : ['vxorps', -1]
  const to = whole(lowering.operand(type, lowering.target(result)))
  if (type === 'f32') {
    // The whole register takes part: four words.
    code.emit(opcode as string, to, value, {
      kind: 'memory',
      constant: lowering.pool([bits, bits, bits, bits] as number[]),
    })
  } else code.emit(opcode as string, to, value, lowering.constantOperand('ivector', bits as number))
  lowering.define(result, to.number)
}

export function lowerVectorCompare({ name, result, a, b }: Of<'compare'>, lowering: Lowering): void {
  const { code } = lowering
  const type = lowering.type(a)
  if (type === 'mask') return compareMasks(name, result, a, b, lowering)
  const left = lowering.register(a)
  if (lowering.masks) {
    const right = lowering.source(b)
    const to = maskRegister(lowering.target(result))
    if (type === 'vector') code.emit('vcmpps', to, left, right, immediate(predicates[name]))
    else code.emit('vpcmpd', to, left, right, immediate(integerPredicates[name]))
    return lowering.define(result, to.number)
  }
  if (type === 'vector') {
    const right = lowering.source(b)
    const to = lowering.operand('mask', lowering.target(result))
    code.emit('vcmpps', to, left, right, immediate(predicates[name]))
    return lowering.define(result, to.number)
  }
  const right = lowering.register(b)
  const swapped = name === 'lt' || name === 'ge'
  const [x, y] = swapped ? [right, left] : [left, right]
  const negated = name === 'ne' || name === 'le' || name === 'ge'
  const opcode = name === 'eq' || name === 'ne' ? 'vpcmpeqd' : 'vpcmpgtd'
  const to = lowering.operand('mask', negated ? lowering.fresh('mask') : lowering.target(result))
  code.emit(opcode, to, x, y)
  if (negated) code.emit('vxorps', to, to, lowering.constantOperand('ivector', -1))
  lowering.define(result, to.number)
}

/** True is the greater. */
function compareMasks(name: Comparison, result: number, a: number, b: number, lowering: Lowering): void {
  const { code } = lowering
  const [x, y] = [lowering.register(a), lowering.register(b)]
  const to = lowering.operand('mask', lowering.fresh('mask'))
  const [xor, not] = lowering.masks ? ['kxorw', 'kandnw'] : ['vxorps', 'vandnps']
  if (name === 'eq' || name === 'ne') code.emit(xor!, to, x, y)
  else if (name === 'lt' || name === 'ge') code.emit(not!, to, x, y)
  else code.emit(not!, to, y, x)
  if (name === 'eq' || name === 'le' || name === 'ge') {
    if (lowering.masks) code.emit('knotw', to, to)
    else code.emit('vxorps', to, to, lowering.constantOperand('ivector', -1))
  }
  lowering.define(result, to.number)
}

export function lowerMaskBinary({ name, result, a, b }: Of<'binary'>, lowering: Lowering): void {
  const [x, y] = [lowering.register(a), lowering.register(b)]
  const to = lowering.operand('mask', lowering.target(result))
  const opcode = lowering.masks ? `k${name}w` : `v${name}ps`
  lowering.code.emit(opcode, to, x, y)
  lowering.define(result, to.number)
}
