import { activations, type Expression, input } from '../expression/index.js'
import type { Cell } from './cell.js'

type Float = Expression<'float'>

/** Gates of an LSTM cell: input, forget, cell, output. */
const gates = 4

/**
 * The LSTM cell (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000; equations and
 * order of gates are PyTorch's). Outputs: hidden state, cell state. Slots:
 *
 * - the four gates' shares of the input, then those of the previous state;
 * - the previous cell state;
 * - where some sequences may have ended, the previous hidden state, and whether the sequence goes on (≠ 0).
 *   One that has ended keeps its state.
 */
export function lstmCellOf({ ending }: { readonly ending: boolean }): Cell {
  return ending ? (endingCell ??= step(true)) : (endlessCell ??= step(false))
}

// Traced when first asked for.
let endlessCell: Cell | undefined
let endingCell: Cell | undefined

const sigmoid = activations.sigmoid

function step(ending: boolean): Cell {
  const gate = (number: number): Float => input(number).add(input(gates + number))
  const previous = input(2 * gates)
  const kept = sigmoid(gate(1)).mul(previous)
  const cell = sigmoid(gate(0)).mul(gate(2).tanh()).add(kept)
  const hidden = sigmoid(gate(3)).mul(cell.tanh())
  if (!ending) return { inputs: 2 * gates + 1, outputs: [hidden, cell] }
  const goesOn = input(2 * gates + 2).ne(0)
  return {
    inputs: 2 * gates + 3,
    outputs: [goesOn.select(hidden, input(2 * gates + 1)), goesOn.select(cell, previous)],
  }
}
