import { type Expression, float, make } from './expression.js'
import { nodesOf } from './graph.js'
import type { GateName } from './operation.js'

type Float = Expression<'float'>

/**
 * Reverse-mode differentiation. It gives `seed` × ∂root/∂leaf for each float leaf that `root` depends on
 * (inputs, parameters, elements of captured tensors), as an expression over the same leaves. Leaves that get
 * no gradient are not in the map.
 *
 * Conventions are PyTorch's:
 *
 * - |x| has gradient 0 at 0, and NaN at NaN.
 * - min and max of equals give half to each operand, or all to the one that is no constant (as clamp does).
 *   Where one is NaN both get all.
 * - select gives to the chosen side only.
 * - floor and toInteger give nothing.
 *
 * Where the side that is not chosen has an infinite derivative, the product 0 × ∞ is NaN. Keep such arguments
 * away from the singular point with a select inside.
 */
export function differentiate(root: Float, seed: Float): Map<Float, Float> {
  const gradients = new Map<Expression, Float>([[root, seed]])
  const leaves = new Map<Float, Float>()
  const nodes = nodesOf([root])
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!
    const gradient = gradients.get(node)
    if (gradient === undefined || node.kind !== 'float') continue
    if (node.operation === 'input' || node.operation === 'parameter' || node.operation === 'capture') {
      leaves.set(node as Float, gradient)
      continue
    }
    for (const [operand, part] of parts(node as Float, gradient)) {
      if (!isFloat(operand) || operand.operation === 'constant') continue
      const other = gradients.get(operand)
      gradients.set(operand, other === undefined ? part : other.add(part))
    }
  }
  return leaves
}

const zero: Float = float(0)

/** What the operands of `node` get when it gets `g`. */
function parts(node: Float, g: Float): [Expression, Float][] {
  const [x, y] = node.operands as readonly [Float, Float]
  switch (node.operation) {
    case 'add':
      return [
        [x, g],
        [y, g],
      ]
    case 'sub':
      return [
        [x, g],
        [y, g.neg()],
      ]
    case 'mul':
      return [
        [x, g.mul(y)],
        [y, g.mul(x)],
      ]
    case 'div':
      return [
        [x, g.div(y)],
        [y, g.mul(node).div(y).neg()],
      ]
    case 'min':
    case 'max':
      return extremum(node, g)
    case 'neg':
      return [[x, g.neg()]]
    case 'abs':
      return [[x, x.gt(0).select(g, x.lt(0).select(g.neg(), g.mul(x)))]]
    case 'sqrt':
      return [[x, g.div(node.mul(2))]]
    case 'rsqrt':
      return [[x, g.mul(node.mul(node).mul(node)).mul(-0.5)]]
    case 'exp':
      return [[x, g.mul(node)]]
    case 'expm1':
      return [[x, g.mul(x.exp())]]
    case 'log':
      return [[x, g.div(x)]]
    case 'log1p':
      return [[x, g.div(x.add(1))]]
    case 'tanh':
      return [[x, g.mul(gate('tanhSlope', x))]]
    case 'erf':
      return [[x, g.mul(gate('gaussian', x)).mul(2 / Math.sqrt(Math.PI))]]
    case 'softplus':
      return [[x, g.mul(x.sigmoid())]]
    case 'sigmoid':
    case 'silu':
    case 'gelu':
    case 'geluQuick':
    case 'geluTanh':
      return [[x, g.mul(gate(`${node.operation}Slope`, x))]]
    case 'sigmoidSlope':
    case 'tanhSlope':
    case 'siluSlope':
    case 'geluSlope':
    case 'geluQuickSlope':
    case 'geluTanhSlope':
    case 'gaussian':
      return [[x, g.mul(curvature(node.operation, x))]]
    case 'sin':
      return [[x, g.mul(x.cos())]]
    case 'cos':
      return [[x, g.mul(x.sin()).neg()]]
    case 'pow': {
      const exponent = node.value as number
      return [[x, g.mul(make('float', 'pow', [x], exponent - 1)).mul(exponent)]]
    }
    case 'select': {
      const [condition, a, b] = node.operands as readonly [Expression<'boolean'>, Float, Float]
      return [
        [a, condition.select(g, zero)],
        [b, condition.select(zero, g)],
      ]
    }
    default:
      return []
  }
}

function gate(name: GateName, x: Float): Float {
  return make('float', name, [x])
}

/** The derivatives of the slopes. */
function curvature(name: GateName, x: Float): Float {
  /** The second derivative of x σ(z) is σ′(z) (2 z′ + x z″ + x z′² (σ(−z) − σ(z))). */
  const ofGate = (z: Float, slope: Float, bend: Float): Float =>
    gate('sigmoidSlope', z).mul(
      slope
        .mul(2)
        .add(bend.mul(x))
        .add(x.mul(slope).mul(slope).mul(z.neg().sigmoid().sub(z.sigmoid()))),
    )
  switch (name) {
    case 'sigmoidSlope':
      return gate(name, x).mul(x.neg().sigmoid().sub(x.sigmoid()))
    case 'tanhSlope':
      return gate(name, x).mul(x.tanh()).mul(-2)
    case 'siluSlope':
      return ofGate(x, float(1), float(0))
    case 'geluQuickSlope':
      return ofGate(x.mul(1.702), float(1.702), float(0))
    case 'geluTanhSlope': {
      const linear = 2 * Math.sqrt(2 / Math.PI)
      const cubic = linear * 0.044715
      const square = x.mul(x)
      const z = x.mul(square.mul(cubic).add(linear))
      return ofGate(z, square.mul(3 * cubic).add(linear), x.mul(6 * cubic))
    }
    case 'geluSlope':
      return gate('gaussian', x.mul(Math.SQRT1_2))
        .mul(float(2).sub(x.mul(x)))
        .mul(1 / Math.sqrt(2 * Math.PI))
    default:
      return gate('gaussian', x).mul(x).mul(-2)
  }
}

function extremum(node: Float, g: Float): [Expression, Float][] {
  const [x, y] = node.operands as readonly [Float, Float]
  const least = node.operation === 'min'
  if (y.operation === 'constant') return [[x, (least ? x.gt(y) : x.lt(y)).select(zero, g)]]
  if (x.operation === 'constant') return [[y, (least ? y.gt(x) : y.lt(x)).select(zero, g)]]
  const share = (a: Float, b: Float): Float =>
    (least ? a.gt(b) : a.lt(b)).select(zero, a.eq(b).select(g.mul(0.5), g))
  return [
    [x, share(x, y)],
    [y, share(y, x)],
  ]
}

function isFloat(node: Expression): node is Float {
  return node.kind === 'float'
}
