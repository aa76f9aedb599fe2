/** Molecules as lines of text (Weininger 1988, "SMILES"): their atoms, and which of them are bonded. */

/** One side of a reaction. */
export interface Side {
  /** The token that each atom is. */
  readonly tokens: readonly number[]
  /** Atomic numbers; 0 for a wildcard. */
  readonly elements: readonly number[]
  /** Pairs of atoms that are bonded, by their numbers on this side. */
  readonly bonds: readonly (readonly [number, number])[]
}

/** A reaction: what goes in, and what comes out. */
export interface Reaction {
  readonly reactant: Side
  readonly product: Side
}

const symbols = (
  'H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc ' +
  'Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi'
).split(' ')

/**
 * The atoms of a reaction `reactants>>products` that was cut into tokens, as its tokenizer cuts it: an atom,
 * a bond, a bracket or the number of a ring is a token.
 *
 * @param tokens the text of each; '' for those that are not of the text
 */
export function readReaction(tokens: readonly string[]): Reaction {
  const arrow = tokens.indexOf('>>')
  if (arrow < 0) throw new Error(`a reaction has '>>' between its sides, found ${tokens.join('')}`)
  return { reactant: readSide(tokens, 0, arrow), product: readSide(tokens, arrow + 1, tokens.length) }
}

function readSide(tokens: readonly string[], from: number, to: number): Side {
  const places: number[] = []
  const elements: number[] = []
  const bonds: [number, number][] = []
  const branches: number[] = []
  const rings = new Map<string, number>()
  let last = -1
  for (let token = from; token < to; token++) {
    const text = tokens[token]!
    const element = elementOf(text)
    if (element !== undefined) {
      const atom = places.push(token) - 1
      elements.push(element)
      if (last >= 0) bonds.push([last, atom])
      last = atom
    } else if (text === '(') branches.push(last)
    else if (text === ')') last = branches.pop() ?? -1
    else if (text === '.') last = -1
    else if (/^%?\d+$/.test(text)) {
      // The number opens a ring, or closes it.
      const opened = rings.get(text)
      if (opened === undefined) rings.set(text, last)
      else {
        bonds.push([opened, last])
        rings.delete(text)
      }
    }
  }
  return { tokens: places, elements, bonds }
}

/** The atomic number of an atom's token; undefined for a token that is none. */
function elementOf(text: string): number | undefined {
  const [, bracketed, plain] =
    /^(?:\[\d*(\*|[A-Z][a-z]?|[a-z][a-z]?).*\]|(\*|Br|Cl|[BCNOSPFI]|[bcnosp]))$/.exec(text) ?? []
  const symbol = bracketed ?? plain
  if (symbol === undefined) return undefined
  if (symbol === '*') return 0
  for (const name of [symbol, symbol[0]!]) {
    const number = symbols.indexOf(name[0]!.toUpperCase() + name.slice(1)) + 1
    if (number > 0) return number
  }
  return 0
}
