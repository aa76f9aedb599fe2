/** What an expression's value is. */
export type Kind = 'float' | 'integer' | 'boolean'

export type UnaryName =
  | 'neg'
  | 'abs'
  | 'sqrt'
  | 'rsqrt'
  | 'exp'
  | 'expm1'
  | 'log'
  | 'log1p'
  | 'tanh'
  | 'erf'
  | 'sin'
  | 'cos'
  | 'floor'
  | 'not'
  | GateName
/**
 * Functions that become 0 far out, and what their derivatives are made of, each an operation of its own so
 * that small results keep their digits: see `gates.ts`. `…Slope` is the derivative of what stands before it.
 */
export type GateName =
  | 'sigmoid'
  | 'sigmoidSlope'
  | 'softplus'
  | 'silu'
  | 'siluSlope'
  | 'geluQuick'
  | 'geluQuickSlope'
  | 'geluTanh'
  | 'geluTanhSlope'
  | 'gelu'
  | 'geluSlope'
  /** exp(−x²) */
  | 'gaussian'
  | 'tanhSlope'
export type BinaryName =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'min'
  | 'max'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shr'
  | 'ushr'
export type ComparisonName = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge'

const gates: Readonly<Record<GateName, true>> = {
  sigmoid: true,
  sigmoidSlope: true,
  softplus: true,
  silu: true,
  siluSlope: true,
  geluQuick: true,
  geluQuickSlope: true,
  geluTanh: true,
  geluTanhSlope: true,
  gelu: true,
  geluSlope: true,
  gaussian: true,
  tanhSlope: true,
}
export function isGate(operation: Operation): operation is GateName {
  return operation in gates
}

/**
 * `pow`, `divideBy` and `remainderBy` carry their right side as `value`, leaves carry the slot or the axis,
 * and `random` which of the four words it is.
 */
export type Operation =
  | 'constant'
  | 'input'
  | 'index'
  | 'parameter'
  | 'capture'
  | UnaryName
  | BinaryName
  | ComparisonName
  | 'random'
  | 'pow'
  | 'divideBy'
  | 'remainderBy'
  | 'select'
  | 'toFloat'
  | 'toInteger'

/** What the parts of this folder have in common: an operation on nodes. */
export interface Node {
  readonly kind: Kind
  readonly operation: Operation
  readonly operands: readonly Node[]
  readonly value: number | string
}
