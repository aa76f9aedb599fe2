/** Tasks on sequences of random symbols: what each asks, and how it is drawn. */
import { foldIn, type RandomKey } from 'heed'
import { integerAt } from 'heed/internals'
import { special } from './contestants.js'
import type { SymbolTask, SymbolTaskName } from './settings.js'

/** A source, and what is to be written for it: ids, without start and end. */
export interface Pair {
  readonly source: readonly number[]
  readonly target: readonly number[]
}

/** The first id of a symbol. */
const firstSymbol = special.end + 1

/** Symbols, and the numbers of places, have ids behind the special ones. */
export function symbolVocabulary({ symbols, longest }: SymbolTask): number {
  return firstSymbol + symbols + longest
}

/**
 * Sequences of `length` symbols. `recall` names a place behind them, and wants the symbol there; places that
 * were not trained on are not asked for. `copy` wants all symbols.
 */
export function drawPairs(
  name: SymbolTaskName,
  { symbols, longest }: SymbolTask,
  { key, length, count }: { readonly key: RandomKey; readonly length: number; readonly count: number },
): Pair[] {
  const places = foldIn(key, 'places')
  return Array.from({ length: count }, (_, i) => {
    const own = Array.from(
      { length },
      (_symbol, at) => firstSymbol + integerAt(key, i * length + at, symbols),
    )
    if (name === 'copy') return { source: own, target: own }
    const place = integerAt(places, i, Math.min(length, longest))
    return { source: [...own, firstSymbol + symbols + place], target: [own[place]!] }
  })
}

/** A pair in letters: symbols `a`, `b`, …, places `1`, `2`, … */
export function symbolText({ symbols }: SymbolTask, id: number): string {
  const number = id - firstSymbol
  if (number < 0) return id === special.start ? '<start>' : '<end>'
  return number < symbols ? String.fromCodePoint(0x61 + number) : String(number - symbols + 1)
}
