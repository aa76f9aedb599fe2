import type { BinaryOperation, Comparison, Instruction, Reduction } from '../../kernels/index.js'
import type { Lowering } from './lowering.js'
import { allLanes } from './lowering.js'
import type { Node } from './node.js'
import { int, lane, node, shuffle } from './node.js'

type Of<Op extends Instruction['op']> = Instruction & { readonly op: Op }
type Kind = 'i32' | 'f32' | 'i32x4' | 'f32x4'

function kind(id: number, lowering: Lowering): Kind {
  const type = lowering.type(id)
  if (type === 'vector') return 'f32x4'
  return lowering.isVector(id) ? 'i32x4' : type === 'f32' ? 'f32' : 'i32'
}

/** The operations that are one instruction each, the same for every kind of operand that has them. */
const simple: Readonly<Partial<Record<BinaryOperation, Readonly<Partial<Record<Kind, string>>>>>> = {
  add: { i32: 'i32.add', f32: 'f32.add', i32x4: 'i32x4.add', f32x4: 'f32x4.add' },
  sub: { i32: 'i32.sub', f32: 'f32.sub', i32x4: 'i32x4.sub', f32x4: 'f32x4.sub' },
  mul: { i32: 'i32.mul', f32: 'f32.mul', i32x4: 'i32x4.mul', f32x4: 'f32x4.mul' },
  div: { f32: 'f32.div', f32x4: 'f32x4.div' },
  // pmin(a, b) = b < a ? b : a and pmax(a, b) = a < b ? b : a
  min: { i32x4: 'i32x4.min_s', f32x4: 'f32x4.pmin' },
  max: { i32x4: 'i32x4.max_s', f32x4: 'f32x4.pmax' },
  and: { i32: 'i32.and', i32x4: 'v128.and' },
  or: { i32: 'i32.or', i32x4: 'v128.or' },
  xor: { i32: 'i32.xor', i32x4: 'v128.xor' },
  shl: { i32: 'i32.shl' },
  shr: { i32: 'i32.shr_s' },
  ushr: { i32: 'i32.shr_u' },
}

export function lowerBinary(instruction: Of<'binary'>, lowering: Lowering): void {
  const { name, result } = instruction
  const type = kind(result, lowering)
  const opcode = simple[name]?.[type]
  if (opcode) {
    const [a, b] = [lowering.use(instruction.a), lowering.use(instruction.b)]
    lowering.define(
      result,
      a.parts.map((part, i) => node(opcode, part, b.parts[i]!)),
      [a, b],
    )
  } else if (name === 'min' || name === 'max') {
    const [a, b] = [lowering.repeat(instruction.a), lowering.repeat(instruction.b)]
    const [x, y] = [a.parts[0]!, b.parts[0]!]
    const less = type === 'f32' ? 'f32.lt' : 'i32.lt_s'
    lowering.define(
      result,
      [node('select', y, x, name === 'min' ? node(less, y, x) : node(less, x, y))],
      [a, b],
    )
  } else if (name === 'div' || name === 'rem') lowerDivision(instruction, lowering)
  else lowerVectorShift(instruction, lowering)
}

/**
 * The quotient is exact in f64 (53 bits, two 32-bit integers), and a zero divisor does not trap: lanes
 * outside a mask may hold one. −2³¹ / −1 wraps as integers do. A scalar divisor that is known takes the plain
 * instruction.
 */
function lowerDivision({ name, result, a, b }: Of<'binary'>, lowering: Lowering): void {
  const vector = lowering.isVector(result)
  const [dividend, divisor] = [lowering.repeat(a), lowering.repeat(b)]
  const parts = dividend.parts.map((x, i) => {
    const y = divisor.parts[i]!
    if (!vector && y.name === 'i32.const' && y.immediates[0] !== 0 && y.immediates[0] !== -1)
      return node(name === 'div' ? 'i32.div_s' : 'i32.rem_s', x, y)
    const truncated = vector
      ? vectorQuotient(x, y)
      : node(
          'i32.trunc_sat_f64_s',
          node('f64.div', node('f64.convert_i32_s', x), node('f64.convert_i32_s', y)),
        )
    const quotient = vector
      ? node(
          'v128.bitselect',
          node('i32x4.neg', x),
          truncated,
          node('i32x4.eq', y, lowering.constant(allLanes(-1))),
        )
      : node('select', node('i32.sub', int(0), x), truncated, node('i32.eq', y, int(-1)))
    if (name === 'div') return quotient
    return vector
      ? node('i32x4.sub', x, node('i32x4.mul', quotient, y))
      : node('i32.sub', x, node('i32.mul', quotient, y))
  })
  lowering.define(result, parts, [
    { parts, depth: 6, memory: false, variables: [...dividend.variables, ...divisor.variables] },
  ])
}

function vectorQuotient(x: Node, y: Node): Node {
  const half = (a: Node, b: Node): Node =>
    node(
      'i32x4.trunc_sat_f64x2_s_zero',
      node('f64x2.div', node('f64x2.convert_low_i32x4_s', a), node('f64x2.convert_low_i32x4_s', b)),
    )
  const high = (a: Node): Node => shuffle(highHalf, a, a)
  return shuffle([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23], half(x, y), half(high(x), high(y)))
}

/** One instruction where all lanes shift alike; else lane by lane. */
function lowerVectorShift({ name, result, a, b }: Of<'binary'>, lowering: Lowering): void {
  const scalar = { shl: 'i32.shl', shr: 'i32.shr_s', ushr: 'i32.shr_u' } as const
  const vector = { shl: 'i32x4.shl', shr: 'i32x4.shr_s', ushr: 'i32x4.shr_u' } as const
  const which = name as keyof typeof scalar
  if (lowering.uniform.has(b)) {
    const known = lowering.uniform.get(b)
    const [value, counts] = [lowering.use(a), lowering.repeat(b)]
    const count = known === undefined ? lane('i32x4.extract_lane', 0, counts.parts[0]!) : int(known)
    lowering.define(
      result,
      value.parts.map((part) => node(vector[which], part, count)),
      [value, counts],
    )
    return
  }
  const [value, counts] = [lowering.repeat(a), lowering.repeat(b)]
  const parts = value.parts.map((part, index) => {
    let shifted = part
    for (let i = 0; i < 4; i++) {
      const one = node(
        scalar[which],
        lane('i32x4.extract_lane', i, part),
        lane('i32x4.extract_lane', i, counts.parts[index]!),
      )
      shifted = { name: 'i32x4.replace_lane', immediates: [i], operands: [shifted, one] }
    }
    return shifted
  })
  lowering.define(result, parts, [
    { parts, depth: 5, memory: false, variables: [...value.variables, ...counts.variables] },
  ])
}

export function lowerUnary({ name, result, a }: Of<'unary'>, lowering: Lowering): void {
  const type = kind(result, lowering)
  const scalarInteger = type === 'i32'
  const value = scalarInteger && name === 'abs' ? lowering.repeat(a) : lowering.use(a)
  const parts = value.parts.map((part) => {
    if (!scalarInteger) {
      const nearest = name === 'round' ? 'nearest' : name
      return node(name === 'not' ? 'v128.not' : `${type}.${nearest}`, part)
    }
    if (name === 'neg') return node('i32.sub', int(0), part)
    if (name === 'not')
      return lowering.type(result) === 'bool' ? node('i32.eqz', part) : node('i32.xor', part, int(-1))
    const sign = node('i32.shr_s', part, int(31))
    return node('i32.sub', node('i32.xor', part, sign), sign)
  })
  lowering.define(result, parts, [value])
}

export function lowerCompare({ name, result, a, b }: Of<'compare'>, lowering: Lowering): void {
  const type = kind(a, lowering)
  const [left, right] = [lowering.use(a), lowering.use(b)]
  const opcode = compareOpcode(name, type, lowering.type(a) === 'mask')
  lowering.define(
    result,
    left.parts.map((part, i) => node(opcode, part, right.parts[i]!)),
    [left, right],
  )
}

/** True lanes of a mask are all ones: unsigned, they are the greater. */
function compareOpcode(name: Comparison, type: Kind, mask: boolean): string {
  const sign = type === 'f32' || type === 'f32x4' || name === 'eq' || name === 'ne' ? '' : mask ? '_u' : '_s'
  return `${type}.${name}${sign}`
}

export function lowerConvert({ name, result, a }: Of<'convert'>, lowering: Lowering): void {
  if (name === 'broadcast') return lowerBroadcast(result, a, lowering)
  const vector = lowering.isVector(result)
  const value = lowering.use(a)
  const opcode = (
    {
      toFloat: vector ? 'f32x4.convert_i32x4_s' : 'f32.convert_i32_s',
      toInt: vector
        ? lowering.options.relaxed
          ? 'i32x4.relaxed_trunc_f32x4_s'
          : 'i32x4.trunc_sat_f32x4_s'
        : 'i32.trunc_sat_f32_s',
      toBits: vector ? undefined : 'i32.reinterpret_f32',
      fromBits: vector ? undefined : 'f32.reinterpret_i32',
    } as const
  )[name]
  lowering.define(result, opcode ? value.parts.map((part) => node(opcode, part)) : value.parts, [value])
}

function lowerBroadcast(result: number, a: number, lowering: Lowering): void {
  const value = lowering.use(a)
  const scalar = value.parts[0]!
  lowering.uniform.set(result, undefined)
  let splat: Node
  if (scalar.name === 'f32.load' || scalar.name === 'i32.load')
    splat = { ...scalar, name: 'v128.load32_splat' }
  else if (lowering.type(a) === 'f32') splat = node('f32x4.splat', scalar)
  else splat = node('i32x4.splat', lowering.type(a) === 'bool' ? node('i32.sub', int(0), scalar) : scalar)
  if (lowering.parts === 1) {
    lowering.define(result, [splat], [value])
    return
  }
  const kept = lowering.keep('v128', splat)
  lowering.define(
    result,
    Array.from({ length: lowering.parts }, () => kept),
  )
}

export function lowerFma({ result, a, b, c }: Of<'fma'>, lowering: Lowering): void {
  const type = kind(result, lowering)
  const values = [lowering.use(a), lowering.use(b), lowering.use(c)] as const
  const [x, y, z] = values
  lowering.define(
    result,
    x.parts.map((part, i) => multiplyAdd(type, part, y.parts[i]!, z.parts[i]!, lowering.options.relaxed)),
    values,
  )
}

/** Pairs of shorts, and bytes below 128: the others are written out by the builder. */
export function lowerDot({ name, result, a, b, c }: Of<'dot'>, lowering: Lowering): void {
  const values = [lowering.use(a), lowering.use(b), lowering.use(c)] as const
  const [x, y, sum] = values
  lowering.define(
    result,
    x.parts.map((part, i) =>
      name === 'sevenBits'
        ? node('i32x4.relaxed_dot_i8x16_i7x16_add_s', y.parts[i]!, part, sum.parts[i]!)
        : node('i32x4.add', node('i32x4.dot_i16x8_s', part, y.parts[i]!), sum.parts[i]!),
    ),
    values,
  )
}

/** In bytes of a group, those of the second behind those of the first. */
const lanesOf = (...lanes: number[]): number[] =>
  lanes.flatMap((lane) => [0, 1, 2, 3].map((i) => 4 * lane + i))
const withinGroups = {
  low: lanesOf(0, 4, 1, 5),
  high: lanesOf(2, 6, 3, 7),
  lowPairs: lanesOf(0, 1, 4, 5),
  highPairs: lanesOf(2, 3, 6, 7),
} as const

export function lowerShuffle({ name, result, a, b }: Of<'shuffle'>, lowering: Lowering): void {
  const values = [lowering.use(a), lowering.use(b)] as const
  const [x, y] = values
  if (name === 'evenGroups' || name === 'oddGroups') {
    const first = name === 'evenGroups' ? 0 : 1
    return lowering.defineAcross(
      result,
      [...x.parts, ...y.parts].filter((_, i) => i % 2 === first),
      values,
    )
  }
  lowering.define(
    result,
    x.parts.map((part, i) => shuffle(withinGroups[name], part, y.parts[i]!)),
    values,
  )
}

/** Scalars are fused as vectors are, in lane 0 of one: WebAssembly has no scalar form. */
function multiplyAdd(type: Kind, x: Node, y: Node, z: Node, relaxed: boolean): Node {
  if (relaxed && type === 'f32x4') return node('f32x4.relaxed_madd', x, y, z)
  if (relaxed && type === 'f32') {
    return lane(
      'f32x4.extract_lane',
      0,
      node('f32x4.relaxed_madd', node('f32x4.splat', x), node('f32x4.splat', y), node('f32x4.splat', z)),
    )
  }
  return node(`${type}.add`, node(`${type}.mul`, x, y), z)
}

export function lowerSelect({ result, condition, a, b }: Of<'select'>, lowering: Lowering): void {
  const values = [lowering.use(a), lowering.use(b), lowering.use(condition)] as const
  const [x, y, test] = values
  const opcode = lowering.isVector(result) ? 'v128.bitselect' : 'select'
  lowering.define(
    result,
    x.parts.map((part, i) => node(opcode, part, y.parts[i]!, test.parts[i]!)),
    values,
  )
}

const highHalf: readonly number[] = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]
const secondLane: readonly number[] = [4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15]
const combining: Readonly<
  Record<Exclude<Reduction, 'any' | 'all'>, Readonly<Record<'f32x4' | 'i32x4', string>>>
> = {
  sum: { f32x4: 'f32x4.add', i32x4: 'i32x4.add' },
  least: { f32x4: 'f32x4.pmin', i32x4: 'i32x4.min_s' },
  largest: { f32x4: 'f32x4.pmax', i32x4: 'i32x4.max_s' },
}

/**
 * Halves combined until one lane is left: with four lanes (l0 + l2) + (l1 + l3); with eight, lane i + 4 is
 * added to lane i before.
 */
export function lowerReduce({ name, result, a }: Of<'reduce'>, lowering: Lowering): void {
  const value = lowering.use(a)
  if (name === 'any' || name === 'all') {
    const joined = value.parts.reduce((x, y) => node(name === 'any' ? 'v128.or' : 'v128.and', x, y))
    lowering.define(result, [node(name === 'any' ? 'v128.any_true' : 'i32x4.all_true', joined)], [value])
    return
  }
  const type = kind(a, lowering) as 'f32x4' | 'i32x4'
  const opcode = combining[name][type]
  const four = lowering.keep(
    'v128',
    value.parts.reduce((x, y) => node(opcode, x, y)),
  )
  const two = lowering.keep('v128', node(opcode, four, shuffle(highHalf, four, four)))
  lowering.define(result, [lane(`${type}.extract_lane`, 0, node(opcode, two, shuffle(secondLane, two, two)))])
}
