import { type Expression, float, make } from './expression.js'
import { nodesOf } from './graph.js'

type Float = Expression<'float'>

/**
 * Reverse-mode differentiation: for each float leaf that `root` depends on (inputs, parameters, elements of captured
 * tensors), `seed` × ∂root/∂leaf as an expression over the same leaves. Leaves that get no gradient are not in the map.
 *
 * Conventions are PyTorch's: |x| has gradient 0 at 0; min and max of equals give half to each, or all to the operand
 * that is no constant (as clamp does); select gives to the chosen side only; floor and toInteger give nothing. Where the
 * side that is not chosen has an infinite derivative the product 0 × ∞ is NaN: keep such arguments away from the
 * singular point with a select inside.
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
      return [[x, x.gt(0).select(g, x.lt(0).select(g.neg(), zero))]]
    case 'sqrt':
      return [[x, g.div(node.mul(2))]]
    case 'rsqrt':
      return [[x, g.mul(node.mul(node).mul(node)).mul(-0.5)]]
    case 'exp':
      return [[x, g.mul(node)]]
    case 'log':
      return [[x, g.div(x)]]
    case 'tanh':
      return [[x, g.mul(float(1).sub(node.mul(node)))]]
    case 'erf':
      return [[x, g.mul(x.mul(x).neg().exp()).mul(2 / Math.sqrt(Math.PI))]]
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

function extremum(node: Float, g: Float): [Expression, Float][] {
  const [x, y] = node.operands as readonly [Float, Float]
  const least = node.operation === 'min'
  if (y.operation === 'constant') return [[x, (least ? x.le(y) : x.ge(y)).select(g, zero)]]
  if (x.operation === 'constant') return [[y, (least ? y.le(x) : y.ge(x)).select(g, zero)]]
  const share = (a: Float, b: Float): Float =>
    (least ? a.lt(b) : a.gt(b)).select(g, a.eq(b).select(g.mul(0.5), zero))
  return [
    [x, share(x, y)],
    [y, share(y, x)],
  ]
}

function isFloat(node: Expression): node is Float {
  return node.kind === 'float'
}
