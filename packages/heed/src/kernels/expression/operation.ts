/** What an expression's value is. */
export type Kind = 'float' | 'integer' | 'boolean'

export type UnaryName =
  | 'neg'
  | 'abs'
  | 'sqrt'
  | 'rsqrt'
  | 'exp'
  | 'log'
  | 'tanh'
  | 'erf'
  | 'sin'
  | 'cos'
  | 'floor'
  | 'not'
export type BinaryName = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max' | 'and' | 'or' | 'shl' | 'shr'
export type ComparisonName = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge'

/** `pow`, `divideBy` and `remainderBy` carry their right side as `value`, leaves carry the slot or the axis. */
export type Operation =
  | 'constant'
  | 'input'
  | 'index'
  | 'parameter'
  | 'capture'
  | UnaryName
  | BinaryName
  | ComparisonName
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
