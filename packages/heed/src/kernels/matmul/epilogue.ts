import {
  type Activation,
  activations,
  Emitter,
  type Expression,
  input,
  share,
  vectorsTogether,
} from '../expression/index.js'
import type { Builder, Float, Int, Mask, Pointer, Term, Vector } from '../language/index.js'
import type { MatmulActivation } from './request.js'

/**
 * How an added operand lies along n: absent, element after element, one for all columns, or with any stride.
 */
export type Addend = 'none' | 'along' | 'across' | 'strided'

/** What is done to the sums once they are complete. */
export interface Epilogue {
  readonly scaled: boolean
  readonly bias: Addend
  readonly activation: MatmulActivation
  readonly residual: Addend
}

export const addendOf = (address: number | undefined, stride: number): Addend =>
  address === undefined ? 'none' : stride === 1 ? 'along' : stride === 0 ? 'across' : 'strided'

export const nothingToDo = ({ scaled, bias, activation, residual }: Epilogue): boolean =>
  !scaled && bias === 'none' && activation === 'none' && residual === 'none'

export const epilogueName = (epilogue: Epilogue): string =>
  nothingToDo(epilogue)
    ? ''
    : `-${epilogue.scaled ? 'scale' : ''},${epilogue.bias},${epilogue.activation},${epilogue.residual}`

/** A strided or transposed C, and what the epilogue adds to it. */
export interface FinishOperands {
  readonly c: Pointer<'f32'>
  readonly cRow: Int
  readonly cColumn: Int
  readonly scale: Float
  readonly bias: Pointer<'f32'>
  readonly biasRow: Int
  readonly biasColumn: Int
  readonly residual: Pointer<'f32'>
  readonly residualRow: Int
  readonly residualColumn: Int
}

/**
 * Finishes `rows` × `columns` elements of C in place, while they are near: activation(scale · c + bias) +
 * residual. Runs over vectors where every operand's rows allow it, else element by element.
 */
export function writeFinish(
  k: Builder,
  epilogue: Epilogue,
  contiguous: boolean,
  operands: FinishOperands,
  rows: Int,
  columns: Int,
): void {
  if (nothingToDo(epilogue)) return
  const { c, bias, residual } = operands
  k.loop(0, rows, 1, (row) => {
    const to = c.at(row.mul(operands.cRow))
    const biasRow = bias.at(row.mul(operands.biasRow))
    const residualRow = residual.at(row.mul(operands.residualRow))
    if (contiguous && epilogue.bias !== 'strided' && epilogue.residual !== 'strided') {
      const vector = (kind: Addend, from: Pointer<'f32'>, i: Int, ahead: number, mask?: Mask): Vector =>
        kind === 'along' ? k.load(from.at(i).at(ahead), mask) : k.loadBroadcast(from)
      const together =
        epilogue.activation === 'none' ? 1 : vectorsTogether(k.machine, [traced(epilogue.activation)])
      k.vectors(
        columns,
        (i, mask, ahead) => {
          const finished = finish<'vector'>(
            k,
            epilogue,
            k.load(to.at(i).at(ahead), mask),
            operands.scale,
            () => vector(epilogue.bias, biasRow, i, ahead, mask),
            () => vector(epilogue.residual, residualRow, i, ahead, mask),
          )
          k.store(to.at(i).at(ahead), finished, mask)
        },
        together,
      )
      return
    }
    k.loop(0, columns, 1, (column) => {
      const at = to.at(column.mul(operands.cColumn))
      k.store(
        at,
        finish<'f32'>(
          k,
          epilogue,
          k.loadScalar(at),
          operands.scale,
          () => k.loadScalar(biasRow.at(column.mul(operands.biasColumn))),
          () => k.loadScalar(residualRow.at(column.mul(operands.residualColumn))),
        ),
      )
    })
  })
}

function finish<T extends 'f32' | 'vector'>(
  k: Builder,
  epilogue: Epilogue,
  sum: Term<T>,
  scale: Float,
  bias: () => Term<T>,
  residual: () => Term<T>,
): Term<T> {
  let value = epilogue.scaled ? sum.mul(scale as never) : sum
  if (epilogue.bias !== 'none') value = value.add(bias())
  value = activate(k, epilogue.activation, value)
  return epilogue.residual === 'none' ? value : value.add(residual())
}

function activate<T extends 'f32' | 'vector'>(
  k: Builder,
  activation: MatmulActivation,
  value: Term<T>,
): Term<T> {
  if (activation === 'none') return value
  return new Emitter(k, { input: () => value as Term<'vector'> }).emit(traced(activation)) as Term<T>
}

function traced(activation: Activation): Expression<'float'> {
  return share([activations[activation](input(0))])[0]!
}
