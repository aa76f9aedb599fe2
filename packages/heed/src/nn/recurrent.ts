/**
 * Recurrent layers over sequences: what sequence models were before attention, and what it was first added
 * to. A step sees the input at its position and the state that the step before left.
 */
import { foldIn, type RandomKey, UsageError } from '../base/index.js'
import { tap } from '../observe/index.js'
import {
  concat,
  gruCell,
  gruReset,
  gruUpdate,
  lstmCell,
  type LstmState,
  map,
  range,
  scope,
  slice,
  stack,
  type Tensor,
  uniform,
  zeros,
} from '../tensor/index.js'
import { linear, type Linear } from './linear.js'
import type { Sequence } from './sequence.js'

/**
 * A recurrent layer: what the gates take from the input, and what they take from the previous state (axis
 * `state`, as many as units). An LSTM has four gates: input, forget, cell, output. A GRU has three: reset,
 * update, new.
 *
 * PyTorch's weight_ih and weight_hh are these with `gate` and `unit` as one axis.
 * `weight.split('gates', { gate: 4, unit })` takes it apart. Both biases are kept.
 */
export interface Recurrent {
  readonly input: Linear<'width', 'gate' | 'unit'>
  readonly hidden: Linear<'state', 'gate' | 'unit'>
}

/** The state of each sequence after its last step. */
export type HiddenState = Tensor<'batch' | 'unit'>

/** What a recurrent layer may be told: the state to begin with, real lengths, and the direction. */
export interface RecurrentOptions<S> {
  /** The state before the first step; default zeros. */
  readonly initial?: S | undefined
  /** How many positions of each sequence are real, i32; the others are padding at its end. Default all. */
  readonly lengths?: Tensor<'batch'> | undefined
  /** From the last real position to the first. */
  readonly reverse?: boolean | undefined
}

/**
 * Where a GRU's reset gate acts on the share that the new gate takes of the previous state. Default 'after'.
 *
 * - 'after': on the result of the projection (PyTorch, cuDNN; ONNX's linear_before_reset = 1).
 * - 'before': on the state, before its projection (Cho et al. 2014; ONNX's default; Keras' reset_after =
 *   false).
 *
 * The weights have the same shapes for both. A model works only with the one that it was trained with.
 */
export type GruReset = 'before' | 'after'

/** What `gru` may be told: the first state, the lengths, and where the reset gate acts. */
export interface GruOptions extends RecurrentOptions<HiddenState> {
  /** Before or after the projection of the hidden state; see `GruReset`. Default 'after'. */
  readonly reset?: GruReset | undefined
}

/** The hidden state at each position, 0 beyond a sequence's length, and the state after the last step. */
export interface RecurrentResult<S> {
  readonly output: Tensor<'batch' | 'position' | 'unit'>
  readonly last: S
}

/** The hidden and cell state of an LSTM. */
export type LongShortState = LstmState<'batch' | 'unit'>

/**
 * LSTM (Hochreiter and Schmidhuber 1997; with forget gate, Gers et al. 2000) over a sequence. With i, f, g, o
 * = σ, σ, tanh, σ of the gates:
 *
 *     cell = f cell + i g        hidden = o tanh(cell)
 *
 * Beyond its length a sequence keeps its state. Tap: output.
 *
 * @throws UsageError if a length is below 0 or above the number of positions
 * @throws ShapeError if axes or sizes do not fit
 */
export function lstm(
  parameters: Recurrent,
  x: Sequence,
  options: RecurrentOptions<LongShortState> = {},
): RecurrentResult<LongShortState> {
  const nothing = (): LongShortState => ({ hidden: noState(parameters, x), cell: noState(parameters, x) })
  return overPositions('lstm', parameters, x, options, nothing, {
    step: (share, state, active) => lstmFromShares(parameters, share, state, active),
    hidden: ({ hidden }) => hidden,
  })
}

/** One step of an LSTM, as a decoder takes it: x batch width. */
export function lstmStep(
  parameters: Recurrent,
  x: Tensor<'batch' | 'width'>,
  state: LongShortState,
): LongShortState {
  return lstmFromShares(parameters, linear(parameters.input, x, 'width'), state)
}

/**
 * GRU (Cho et al. 2014) over a sequence. With x the share of the input and u that of the previous state:
 *
 *     new = tanh(x + u)        hidden = (1 − update) new + update hidden
 *
 * The reset gate multiplies u after its projection, or the state before it (`reset`). Beyond its length a
 * sequence keeps its state. Tap: output.
 *
 * @throws UsageError if a length is below 0 or above the number of positions, or for another `reset`
 * @throws ShapeError if axes or sizes do not fit
 */
export function gru(
  parameters: Recurrent,
  x: Sequence,
  { reset, ...options }: GruOptions = {},
): RecurrentResult<HiddenState> {
  return overPositions('gru', parameters, x, options, () => noState(parameters, x), {
    step: gruOf(parameters, reset),
    hidden: (state) => state,
  })
}

/**
 * One step of a GRU, as a decoder takes it: x batch width.
 *
 * @throws UsageError for another `reset` than 'before' and 'after'
 */
export function gruStep(
  parameters: Recurrent,
  x: Tensor<'batch' | 'width'>,
  state: HiddenState,
  { reset }: Pick<GruOptions, 'reset'> = {},
): HiddenState {
  return gruOf(parameters, reset)(linear(parameters.input, x, 'width'), state)
}

/** One of each for the two directions. */
export interface BothDirections<T> {
  readonly forward: T
  readonly backward: T
}

/**
 * What a bidirectional recurrent layer may be told: a state to begin with for each direction, and how many
 * positions of each sequence are real. The backward direction begins at the last real one.
 */
export interface BothOptions<S> {
  readonly initial?: BothDirections<S> | undefined
  readonly lengths?: Tensor<'batch'> | undefined
}

/**
 * The outputs of both directions side by side along `unit`, forward first, and the state that each ends with.
 */
export interface BothResult<S> {
  readonly output: Tensor<'batch' | 'position' | 'unit'>
  readonly last: BothDirections<S>
}

/** An LSTM in each direction (Schuster and Paliwal 1997). Errors are those of `lstm`. */
export function bidirectionalLstm(
  parameters: BothDirections<Recurrent>,
  x: Sequence,
  options: BothOptions<LongShortState> = {},
): BothResult<LongShortState> {
  return bothWays(lstm, parameters, x, options)
}

/** A GRU in each direction (Schuster and Paliwal 1997). Errors are those of `gru`. */
export function bidirectionalGru(
  parameters: BothDirections<Recurrent>,
  x: Sequence,
  { reset, ...options }: BothOptions<HiddenState> & Pick<GruOptions, 'reset'> = {},
): BothResult<HiddenState> {
  return bothWays((own, sequence, given) => gru(own, sequence, { ...given, reset }), parameters, x, options)
}

/**
 * Parameters before training: uniform within ±1 / √units, as PyTorch has them. `gates` is 4 for an LSTM, 3
 * for a GRU.
 */
export function createRecurrent(
  key: RandomKey,
  { width, units, gates }: { readonly width: number; readonly units: number; readonly gates: 3 | 4 },
): Recurrent {
  const limit = 1 / Math.sqrt(units)
  const biasOf = (name: string): Tensor<'gate' | 'unit'> =>
    uniform(foldIn(key, name), { gate: gates, unit: units }, -limit, limit)
  return {
    input: {
      weight: uniform(foldIn(key, 'input.weight'), { gate: gates, unit: units, width }, -limit, limit),
      bias: biasOf('input.bias'),
    },
    hidden: {
      weight: uniform(
        foldIn(key, 'hidden.weight'),
        { gate: gates, unit: units, state: units },
        -limit,
        limit,
      ),
      bias: biasOf('hidden.bias'),
    },
  }
}

type Share = Tensor<'batch' | 'gate' | 'unit'>
type Active = Tensor<'batch'> | undefined

function lstmFromShares(
  parameters: Recurrent,
  share: Share,
  state: LongShortState,
  active?: Active,
): LongShortState {
  return lstmCell<'batch' | 'unit', 'batch'>(share, shareOfState(parameters, state.hidden), state, active)
}

/**
 * The step of a GRU from the gates' shares of the input. What it takes apart of the parameters it does once.
 */
function gruOf(
  parameters: Recurrent,
  reset: GruReset = 'after',
): (share: Share, state: HiddenState, active?: Active) => HiddenState {
  if (reset === 'after')
    return (share, state, active) =>
      gruCell<'batch' | 'unit', 'batch'>(share, shareOfState(parameters, state), state, active)
  if (reset !== 'before')
    throw new UsageError({
      operation: 'gru',
      expected: "reset to be 'before' or 'after'",
      found: String(reset),
      hint: "leave it out for 'after'",
    })
  const { weight, bias } = parameters.hidden
  const gates: Linear<'state', 'gate' | 'unit'> = {
    weight: slice(weight, 'gate', 0, 2),
    ...(bias && { bias: slice(bias, 'gate', 0, 2) }),
  }
  const fresh: Linear<'state', 'unit'> = {
    weight: weight.at('gate', 2),
    ...(bias && { bias: bias.at('gate', 2) }),
  }
  return (share, state, active) => {
    const shares: Share = linear(gates, state.rename({ unit: 'state' }), 'state')
    const seen = gruReset<'batch' | 'unit'>(share, shares, state).rename({ unit: 'state' })
    const own: HiddenState = linear(fresh, seen, 'state')
    return gruUpdate<'batch' | 'unit', 'batch'>(share, shares, own, state, active)
  }
}

function shareOfState({ hidden }: Recurrent, state: HiddenState): Share {
  return linear(hidden, state.rename({ unit: 'state' }), 'state')
}

function noState({ hidden }: Recurrent, x: Sequence): HiddenState {
  return zeros({ batch: x.size('batch'), unit: hidden.weight.size('unit') }, { device: x.device })
}

interface Steps<S> {
  readonly step: (share: Share, state: S, active: Active) => S
  readonly hidden: (state: S) => HiddenState
}

function overPositions<S>(
  operation: string,
  parameters: Recurrent,
  x: Sequence,
  { initial, lengths, reverse = false }: RecurrentOptions<S>,
  nothing: () => S,
  { step, hidden }: Steps<S>,
): RecurrentResult<S> {
  const positions = x.size('position')
  const active = lengths === undefined ? undefined : realPositions(operation, x, lengths)
  // What the gates take from the input, at all positions in one product.
  const shares = linear(parameters.input, x, 'width')
  const outputs: HiddenState[] = []
  let state = initial ?? nothing()
  for (let i = 0; i < positions; i++) {
    const position = reverse ? positions - 1 - i : i
    const before = state
    state = scope(() => step(shares.at('position', position), before, active?.at('position', position)))
    outputs[position] = hidden(state)
  }
  if (positions === 0) {
    const { batch, unit } = noState(parameters, x).shape
    return { output: zeros({ batch, position: 0, unit }, { device: x.device }), last: state }
  }
  const stacked = stack<'batch' | 'unit', 'position'>(outputs, 'position')
  const output =
    active === undefined ? stacked : map((value, goesOn) => goesOn.ne(0).select(value, 0), stacked, active)
  return { output: tap('output', output), last: state }
}

/** 1 where a position is real, 0 where it is padding. */
function realPositions(
  operation: string,
  x: Sequence,
  lengths: Tensor<'batch'>,
): Tensor<'batch' | 'position'> {
  const positions = x.size('position')
  const wrong = [...lengths.values()].find((length) => !(length >= 0 && length <= positions))
  if (wrong !== undefined)
    throw new UsageError({
      operation,
      expected: `lengths from 0 to ${positions}, the number of positions`,
      found: String(wrong),
      hint: 'a length counts the real positions of a sequence',
    })
  return map(
    (position, length) => position.lt(length),
    range('position', positions, { device: x.device }),
    lengths,
  )
}

function bothWays<S>(
  run: (parameters: Recurrent, x: Sequence, options: RecurrentOptions<S>) => RecurrentResult<S>,
  parameters: BothDirections<Recurrent>,
  x: Sequence,
  { initial, lengths }: BothOptions<S>,
): BothResult<S> {
  const forward = run(parameters.forward, x, { initial: initial?.forward, lengths })
  const backward = run(parameters.backward, x, { initial: initial?.backward, lengths, reverse: true })
  return {
    output: concat<'batch' | 'position' | 'unit'>([forward.output, backward.output], 'unit'),
    last: { forward: forward.last, backward: backward.last },
  }
}
