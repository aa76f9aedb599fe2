/**
 * Which atom becomes which, from what one head attends to (Schwaller et al. 2021, Science Advances 7,
 * eabe4166).
 */
import type { Reaction, Side } from './smiles.js'

/** How much more an atom counts whose neighbours are neighbours of atoms that are mapped already. */
const neighbourFactor = 90

/** For each product atom the reactant atom that it was, −1 for none, and how sure that is. */
export interface AtomMap {
  readonly mapping: readonly number[]
  readonly confidences: readonly number[]
}

/**
 * How much each product atom and each reactant atom attend to one another, both ways; 0 where they are of
 * different elements.
 *
 * @param filter query × key, of the reaction's tokens
 */
export function matches({ product, reactant }: Reaction, filter: ArrayLike<number>): number[][] {
  const length = Math.sqrt(filter.length)
  return product.tokens.map((p, i) =>
    reactant.tokens.map((r, j) =>
      product.elements[i] === reactant.elements[j] ? filter[p * length + r]! + filter[r * length + p]! : 0,
    ),
  )
}

/**
 * The atom map of a reaction: the surest pair first; then its neighbours count more, and neither of the two
 * is mapped again.
 */
export function atomMap(reaction: Reaction, filter: ArrayLike<number>): AtomMap {
  const { product, reactant } = reaction
  const match = matches(reaction, filter)
  const [products, reactants] = [product.tokens.length, reactant.tokens.length]
  const factor = match.map((row) => row.map(() => 1))
  const [nearProduct, nearReactant] = [neighbours(product), neighbours(reactant)]
  const mapping = new Array<number>(products).fill(-1)
  const confidences = new Array<number>(products).fill(1)
  for (let step = 0; step < products; step++) {
    let best = { share: 0, p: -1, r: -1 }
    for (let p = 0; p < products; p++) {
      const weighed = match[p]!.map((value, r) => value * factor[p]![r]!)
      const sum = weighed.reduce((total, value) => total + value, 0)
      for (let r = 0; r < reactants; r++) {
        const share = sum === 0 ? 0 : weighed[r]! / sum
        if (share > best.share) best = { share, p, r }
      }
    }
    const { share, p, r } = best
    if (share === 0) break
    mapping[p] = r
    confidences[p] = share
    for (const near of nearProduct[p]!)
      for (const other of nearReactant[r]!) factor[near]![other]! *= neighbourFactor
    factor[p]!.fill(0)
    for (const row of factor) row[r] = 0
  }
  return { mapping, confidences }
}

/**
 * The share of the product's bonds that stand between atoms which were bonded before, where each product atom
 * was the one that it attends to most. Few bonds change in a reaction: so this says, without anybody's map,
 * whether a head knows which atom is which.
 */
export function keptBonds(reaction: Reaction, filter: ArrayLike<number>): number {
  const { product, reactant } = reaction
  const best = matches(reaction, filter).map((row) => row.indexOf(Math.max(...row)))
  const before = neighbours(reactant)
  const kept = product.bonds.filter(([a, b]) => before[best[a]!]!.includes(best[b]!)).length
  return kept / Math.max(1, product.bonds.length)
}

function neighbours({ tokens, bonds }: Side): number[][] {
  const near = tokens.map((): number[] => [])
  for (const [a, b] of bonds) {
    near[a]!.push(b)
    near[b]!.push(a)
  }
  return near
}
