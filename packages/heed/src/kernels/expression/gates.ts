import {
  type Builder,
  chosen,
  chosenSlope,
  type FloatType,
  gated,
  gatedSlope,
  gaussian,
  gatedByNormal,
  gatedByNormalSlope,
  identityForm,
  logistic,
  type Logistic,
  type LogisticForm,
  normalTail,
  type NormalTail,
  notChosen,
  quickForm,
  softExcess,
  tanhForm,
  twiceForm,
  type Term,
} from '../language/index.js'
import type { Expression } from './expression.js'
import type { GateName } from './operation.js'

type Float = Term<FloatType>

/** What has been written of the gates of each argument: a function and its slope share the exponential. */
export class Gates {
  readonly #k: Builder
  readonly #logistic: Map<string, Map<Expression, Logistic<FloatType>>>
  readonly #tails: Map<Expression, NormalTail<FloatType>>
  readonly #excess: Map<Expression, Float>

  /** @param outer of an enclosing block: its parts are known here too */
  constructor(k: Builder, outer?: Gates) {
    this.#k = k
    this.#logistic = new Map()
    this.#tails = new Map()
    this.#excess = new Map()
    if (outer === undefined) return
    for (const [name, parts] of outer.#logistic) this.#logistic.set(name, new Map(parts))
    for (const [node, tail] of outer.#tails) this.#tails.set(node, tail)
    for (const [node, excess] of outer.#excess) this.#excess.set(node, excess)
  }

  /** The gate of x, or of −x where `negated`; `node` is what x was emitted for. */
  write(name: GateName, node: Expression, x: Float, negated: boolean): Float {
    switch (name) {
      case 'sigmoid': {
        const parts = this.#parts('identity', identityForm, node, x)
        return negated ? notChosen(parts) : chosen(parts)
      }
      // Even functions.
      case 'sigmoidSlope':
        return chosenSlope(this.#parts('identity', identityForm, node, x), 1)
      case 'tanhSlope':
        // 1 − tanh² x = 4 σ(2x) σ(−2x)
        return chosenSlope(this.#parts('twice', twiceForm, node, x), 2)
      case 'softplus': {
        let excess = this.#excess.get(node)
        if (excess === undefined) this.#excess.set(node, (excess = softExcess(this.#k, x)))
        return negated ? excess.sub(x.min(0)) : excess.add(x.max(0))
      }
      case 'gaussian':
        return gaussian(this.#k, x)
      default:
        return negated ? this.#product(name, x.neg()) : this.#product(name, x, node)
    }
  }

  /** x σ(z) or x Φ(x), and their slopes; found again by the node where one is given. */
  #product(name: GateName, x: Float, node?: Expression): Float {
    switch (name) {
      case 'silu':
        return gated(this.#parts('identity', identityForm, node, x))
      case 'geluQuick':
        return gated(this.#parts('quick', quickForm, node, x))
      case 'geluTanh':
        return gated(this.#parts('tanh', tanhForm, node, x))
      case 'siluSlope':
        return gatedSlope(this.#parts('identity', identityForm, node, x), identityForm)
      case 'geluQuickSlope':
        return gatedSlope(this.#parts('quick', quickForm, node, x), quickForm)
      case 'geluTanhSlope':
        return gatedSlope(this.#parts('tanh', tanhForm, node, x), tanhForm)
      case 'gelu':
        return gatedByNormal(x, this.#tail(node, x))
      case 'geluSlope':
        return gatedByNormalSlope(x, this.#tail(node, x))
      default:
        throw new TypeError(`${name} is no product`)
    }
  }

  #parts(name: string, form: LogisticForm, node: Expression | undefined, x: Float): Logistic<FloatType> {
    const known = this.#logistic.get(name) ?? new Map<Expression, Logistic<FloatType>>()
    this.#logistic.set(name, known)
    let parts = node && known.get(node)
    if (parts === undefined) {
      parts = logistic(this.#k, x, form)
      if (node !== undefined) known.set(node, parts)
    }
    return parts
  }

  #tail(node: Expression | undefined, x: Float): NormalTail<FloatType> {
    let tail = node && this.#tails.get(node)
    if (tail === undefined) {
      tail = normalTail(this.#k, x)
      if (node !== undefined) this.#tails.set(node, tail)
    }
    return tail
  }
}
