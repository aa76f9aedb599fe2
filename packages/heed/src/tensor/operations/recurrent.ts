import { DtypeError, ShapeError } from '../../base/index.js'
import type { Device } from '../../device/index.js'
import {
  type Cell,
  gruCellOf,
  lstmCellOf,
  planCell,
  planCellBackward,
  type StridedOperand,
} from '../../kernels/index.js'
import { arranged, elementOf, emptyArranged, sameDevice, stridesFor } from '../layout.js'
import { outputOf, planKeyOf, prepare, type Prepared, preparedFor, runPrepared } from '../prepared.js'
import { storedBytes } from '../storage.js'
import { allOrNothing } from '../scope.js'
import { record } from '../tape.js'
import { type AnyTensor, axisOf, type Tensor } from '../tensor.js'
import { viewOver } from '../view.js'
import { at } from './movement.js'

/** What an LSTM passes from step to step. */
export interface LstmState<A extends string> {
  readonly hidden: Tensor<A>
  readonly cell: Tensor<A>
}

/**
 * What the gradient of a cell needs beside its inputs: the gates' shares of the input, of the state, the
 * state, then `active` where there is one.
 */
export interface CellAttributes {
  /** The axes of the state, in the order in which results lie in memory. */
  readonly order: readonly string[]
  readonly ending: boolean
}

/**
 * One step of an LSTM (Hochreiter and Schmidhuber 1997; gates as in PyTorch), elementwise and in one pass. It
 * takes the gates' shares of the input, `x W + b`, and of the previous state, `h U + b`. Both have an axis
 * `gate` of size 4 (input, forget, cell, output) beside the axes of the state.
 *
 * @param active i32 or f32, any of the axes of the state, often `batch`: where it is 0, the sequence has
 * ended and keeps its state
 * @throws ShapeError if axes or sizes do not fit
 */
export function lstmCell<A extends string, S extends A = never>(
  input: Tensor<A | 'gate'>,
  recurrent: Tensor<A | 'gate'>,
  { hidden, cell }: LstmState<A>,
  active?: Tensor<S>,
): LstmState<A> {
  return allOrNothing(() => {
    const state = step('lstmCell', [input, recurrent], active === undefined ? [cell] : [cell, hidden], active)
    return { hidden: at(state, partAxis, 0) as never, cell: at(state, partAxis, 1) as never }
  })
}

/**
 * One step of a GRU (Cho et al. 2014; the reset gate after the hidden projection, as in PyTorch and cuDNN),
 * elementwise and in one pass. It takes the gates' shares of the input and of the previous state. Both have
 * an axis `gate` of size 3 (reset, update, new) beside the axes of the state.
 *
 * @param active i32 or f32, any of the axes of the state: where it is 0, the sequence has ended and keeps its
 * state
 * @throws ShapeError if axes or sizes do not fit
 */
export function gruCell<A extends string, S extends A = never>(
  input: Tensor<A | 'gate'>,
  recurrent: Tensor<A | 'gate'>,
  hidden: Tensor<A>,
  active?: Tensor<S>,
): Tensor<A> {
  return step('gruCell', [input, recurrent], [hidden], active) as never
}

/** Hidden and cell state lie in one tensor: an operation has one result. */
const partAxis = 'part of the state'

type CellName = 'lstmCell' | 'gruCell'

const cells: Readonly<Record<CellName, { gates: number; of: (options: { ending: boolean }) => Cell }>> = {
  lstmCell: { gates: 4, of: lstmCellOf },
  gruCell: { gates: 3, of: gruCellOf },
}

function step(
  name: CellName,
  shares: readonly [AnyTensor, AnyTensor],
  state: readonly AnyTensor[],
  active: AnyTensor | undefined,
): Tensor {
  return allOrNothing(() => {
    const ending = active !== undefined
    const inputs = [...shares, ...state, ...(ending ? [active] : [])]
    const device = sameDevice(name, inputs)
    const order = state[0]!.layout.map(({ name: axis }) => axis)
    check(name, shares, state, active)
    const key = planKeyOf(`${name} ${ending}`, inputs)
    const prepared = preparedFor(device, key) ?? prepareStep(device, key, name, inputs, order, ending)
    const output = outputOf(device, prepared, 0)
    const values: number[] = []
    for (const { address } of inputs) values.push(address)
    values.push(output.address)
    runPrepared(device, prepared, values)
    return record(name, inputs, output, { order, ending } satisfies CellAttributes)
  })
}

function prepareStep(
  device: Device,
  key: string,
  name: CellName,
  inputs: readonly AnyTensor[],
  order: readonly string[],
  ending: boolean,
): Prepared {
  const cell = cells[name].of({ ending })
  const sizes = order.map((axis) => axisOf(name, inputs[2]!, axis).size)
  const shape = Object.fromEntries(order.map((axis, i) => [axis, sizes[i]!]))
  const parts = cell.outputs.length
  const output = arranged('f32', parts === 1 ? shape : { [partAxis]: parts, ...shape })
  return prepare(device, key, [output], inputs.length + 1, (values) =>
    planCell(
      cell,
      {
        space: { names: order, sizes },
        inputs: inputs.flatMap((tensor, i) => operandsAt(tensor, values[i]!, 'gate', order)),
      },
      operandsAt({ ...output, device }, values[inputs.length]!, partAxis, order),
    ),
  )
}

/** The gradients of a cell's inputs from that of its result. Not recorded: for gradients. */
export function cellGradient(
  name: CellName,
  inputs: readonly AnyTensor[],
  gradient: Tensor,
  { order, ending }: CellAttributes,
  wanted: (input: AnyTensor) => boolean,
): readonly (Tensor | undefined)[] {
  const { gates, of } = cells[name]
  const cell = of({ ending })
  const { device } = gradient
  const states = ending ? inputs.slice(2, -1) : inputs.slice(2)
  const sizes = order.map((axis) => axisOf(name, states[0]!, axis).size)
  const shape = Object.fromEntries(order.map((axis, i) => [axis, sizes[i]!]))
  // The gate just outside the innermost axis: what the products that follow read in long rows.
  const withGate = [...order.slice(0, -1), 'gate', ...order.slice(-1)]
  const gateShape = { ...shape, gate: gates }
  // An LSTM adds up the two shares of a gate: their gradients are one.
  const shared = name === 'lstmCell'
  const make = (share: number): Tensor | undefined =>
    wanted(inputs[share]!) || (shared && wanted(inputs[1 - share]!))
      ? emptyArranged(device, 'f32', gateShape, withGate)
      : undefined
  const ofInput = make(0)
  const ofRecurrent = shared ? undefined : make(1)
  const ofStates = states.map((state) =>
    wanted(state) ? emptyArranged(device, 'f32', shape, order) : undefined,
  )
  const targets = [ofInput, ofRecurrent, ...ofStates]
  if (targets.some((tensor) => tensor !== undefined)) {
    const given = [...inputs, gradient]
    const wants = targets.map((tensor) => tensor !== undefined).join()
    const key = planKeyOf(`${name}Backward ${ending} ${wants}`, given)
    const prepared =
      preparedFor(device, key) ??
      prepare(device, key, [], given.length + targets.length, (values) =>
        planCellBackward(
          cell,
          {
            space: { names: order, sizes },
            inputs: inputs.flatMap((tensor, i) => operandsAt(tensor, values[i]!, 'gate', order)),
          },
          operandsAt(gradient, values[inputs.length]!, partAxis, order),
          targets.flatMap((tensor, i): readonly (StridedOperand | undefined)[] =>
            tensor === undefined
              ? new Array<undefined>(i < 2 ? gates : 1).fill(undefined)
              : operandsAt(tensor, values[given.length + i]!, 'gate', order),
          ),
        ),
      )
    const values: number[] = []
    for (const tensor of [...given, ...targets]) values.push(tensor?.address ?? 0)
    runPrepared(device, prepared, values)
  }
  const [first, second] = [wanted(inputs[0]!), wanted(inputs[1]!)]
  const both = shared && first && second
  return [
    first ? ofInput : undefined,
    both ? viewOver(ofInput!, ofInput!.layout) : second ? (ofRecurrent ?? ofInput) : undefined,
    ...ofStates,
    ...(ending ? [undefined] : []),
  ]
}

/** A tensor at `address` as the kernel's operands: one for each position along `axis` where it has that. */
function operandsAt(
  tensor: Pick<AnyTensor, 'layout' | 'dtype' | 'device'>,
  address: number,
  axis: string,
  order: readonly string[],
): StridedOperand[] {
  const { layout, dtype, device } = tensor
  const { size, stride } = layout.find(({ name }) => name === axis) ?? { size: 1, stride: 0 }
  const [element, strides] = [elementOf(dtype), stridesFor(tensor, order)]
  return Array.from({ length: size }, (_, i) => ({
    address: address + i * stride * storedBytes(device, dtype),
    element,
    strides,
  }))
}

function check(
  operation: CellName,
  shares: readonly AnyTensor[],
  states: readonly AnyTensor[],
  active: AnyTensor | undefined,
): void {
  const { gates } = cells[operation]
  const [model] = states as [AnyTensor]
  for (const tensor of [...shares, ...states]) {
    if (tensor.dtype === 'f32') continue
    throw new DtypeError({
      operation,
      expected: 'f32 tensors',
      found: tensor.dtype,
      hint: "convert it with cast(x, 'f32')",
    })
  }
  for (const share of shares) {
    const { size } = axisOf(operation, share, 'gate')
    if (size === gates) continue
    throw new ShapeError({
      operation,
      axis: 'gate',
      expected: `axis 'gate' of size ${gates}`,
      found: String(size),
      hint: 'project to an axis of gates and one of units, or split the axis that holds both',
    })
  }
  for (const tensor of [...shares, ...states]) {
    for (const { name, size } of tensor.layout) {
      if (name === 'gate') continue
      const expected = axisOf(operation, model, name).size
      if (size === expected) continue
      throw sizeError(operation, name, expected, size)
    }
    for (const { name } of model.layout) axisOf(operation, tensor, name)
  }
  for (const { name, size } of active?.layout ?? []) {
    const expected = axisOf(operation, model, name).size
    if (size !== expected) throw sizeError(operation, name, expected, size)
  }
}

function sizeError(operation: string, axis: string, expected: number, found: number): ShapeError {
  return new ShapeError({
    operation,
    axis,
    expected: `axis '${axis}' of size ${expected}, as the state has`,
    found: String(found),
    hint: 'give input, state and active the same sequences and units',
  })
}
