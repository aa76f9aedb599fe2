import { type Expression, input } from '../expression/index.js'
import type { Cell } from './cell.js'

type Float = Expression<'float'>

/** Gates of a GRU cell: reset, update, new. */
const gates = 3

/**
 * The GRU cell (Cho et al. 2014) with the reset gate after the hidden projection, as PyTorch and cuDNN have
 * it: new = tanh(x + reset · u), hidden = (1 − update) new + update · previous. Slots: the three gates'
 * shares of the input, those of the previous state, the previous state; where some sequences may have ended,
 * whether the sequence goes on (≠ 0). Output: the hidden state.
 */
export function gruCellOf({ ending }: { readonly ending: boolean }): Cell {
  return ending ? (endingCell ??= step(true)) : (endlessCell ??= step(false))
}

// Traced when first asked for.
let endlessCell: Cell | undefined
let endingCell: Cell | undefined

function step(ending: boolean): Cell {
  const gate = (number: number): Float => input(number).add(input(gates + number))
  const previous = input(2 * gates)
  const [reset, update] = [gate(0).sigmoid(), gate(1).sigmoid()]
  // 1 − update, with all its digits.
  const rest = gate(1).neg().sigmoid()
  const fresh = input(2)
    .add(reset.mul(input(gates + 2)))
    .tanh()
  const hidden = rest.mul(fresh).add(update.mul(previous))
  if (!ending) return { inputs: 2 * gates + 1, outputs: [hidden] }
  return {
    inputs: 2 * gates + 2,
    outputs: [
      input(2 * gates + 1)
        .ne(0)
        .select(hidden, previous),
    ],
  }
}
