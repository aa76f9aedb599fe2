import { describe, expect, test } from 'vitest'
import { type Dtype, HeedError } from '../base/index.js'
import type { Device } from '../device/index.js'
import {
  type AnyTensor,
  cast,
  dispose,
  isTensor,
  memoryUse,
  scope,
  type Tensor,
  withDevice,
} from './index.js'
import * as operations from './operations/index.js'
import { devices } from './testing/devices.js'
import { failing } from './testing/failing.js'
import { type OperationCall, operationCalls } from './testing/operation-calls.js'

// A refused call leaves nothing behind: whatever is wrong with it, and wherever the memory ends or a launch
// fails, the heap holds afterwards what it held before, in a scope and outside of any.

/** What is tested by another's row: the same code around another function, or the gradient of one. */
const byAnother = `
  abs cos expm1 gelu log log1p logSigmoid relu sigmoid silu sin softplus sqrt square tanh sub mul div min
  contract mapExpression mapMany addendGradient attentionGradient cellGradient contractGradient
  crossEntropyGradient dropoutGradient maskedProductsGradients normGradients scatterAdd scoresGradient
  softmaxGradient unitLengthGradient weightedSumGradients reduceExpression halves turned
`
  .trim()
  .split(/\s+/)
/** What only heed calls, with tensors that fit: only memory may be short. */
const internal = ['addInto', 'arrange', 'arrangeLike', 'placeInto']
/** What makes no tensor. */
const others = ['adjustable', 'capture', 'checkActivation', 'checkTensor', 'countOf', 'isFloat']

test('every operation is tried', () => {
  const functions = Object.entries(operations)
    .filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name))
    .map(([name]) => name)
  const tried = [...Object.keys(operationCalls).filter((name) => !/\W/.test(name)), ...byAnother, ...others]
  expect(functions.filter((name) => !tried.includes(name)).sort()).toEqual([])
})

type Given = ReturnType<OperationCall['inputs']>[number]
const run = ({ call }: OperationCall, inputs: readonly Given[]): unknown => call(...(inputs as never[]))

/** Wrong in one of the tensors: other names, sizes, dtypes, ids that there are not, freed. */
function wrongInputs(inputs: readonly Given[]): (readonly [what: string, inputs: readonly Given[]])[] {
  return inputs.flatMap((input, i) => {
    const by = (what: string, other: Given): [string, readonly Given[]] => [
      `input ${i} ${what}`,
      inputs.map((own, j) => (j === i ? other : own)),
    ]
    if (!isTensor(input)) {
      const freed = scope(() => operationCalls.gatherQuantized!.inputs()[0]!)
      freed.dispose()
      return [by('freed', freed)]
    }
    const tensor = input as AnyTensor as Tensor
    const freed = tensor.mul(1)
    freed.dispose()
    const dtypes: readonly Dtype[] = tensor.dtype === 'i32' ? ['f32'] : ['f16', 'i32']
    return [
      by('freed', freed),
      ...dtypes.map((dtype) => by(dtype, cast(tensor, dtype))),
      ...(tensor.dtype === 'i32' ? [by('out of range', cast(tensor.add(1000), 'i32'))] : []),
      ...tensor.axes.flatMap((axis) => [
        by(`renamed ${axis}`, tensor.rename({ [axis]: 'elsewhere' })),
        by(`cut ${axis}`, tensor.slice(axis, 0, tensor.size(axis) - 1)),
        by(`nothing of ${axis}`, tensor.slice(axis, 0, 0)),
        by(`without ${axis}`, tensor.at(axis, 0)),
      ]),
    ]
  })
}

const held = (device: Device): unknown => {
  const { used, blocks } = device.heap.use()
  return { used, blocks, tensors: memoryUse() }
}

const some = devices.filter(([name]) => name === 'interpreter' || name === 'wasm, 4 lanes, 2 threads')

describe.each(some)('refused on %s, nothing is left of', (_, device) => {
  test.each(Object.entries(operationCalls))('%s', (name, row) =>
    withDevice(device, () => {
      const inputs = row.inputs()
      const wrong = internal.includes(name) ? [] : wrongInputs(inputs)
      // Kernels, scratch and packed weights are there then.
      for (let i = 0; i < 3; i++) scope(() => run(row, inputs))
      let refused = 0
      const expectNothing = (what: string, work: () => void, where: string): void => {
        const before = held(device)
        let error: unknown
        try {
          work()
        } catch (thrown) {
          error = thrown
        }
        expect(error, `${what} ${where}`).toBeInstanceOf(HeedError)
        expect(held(device), `${what} ${where}`).toEqual(before)
        refused++
      }
      const expectNothingAnywhere = (what: string, work: () => void): void => {
        scope(() => expectNothing(what, work, 'in a scope'))
        expectNothing(what, work, 'outside of any')
        expectNothing(what, () => scope(work), 'which ends the scope')
      }
      for (const [what, given] of wrong) {
        // What it takes after all is no matter here.
        let taken = true
        scope(() => {
          try {
            run(row, given)
          } catch {
            taken = false
          }
        })
        if (!taken) expectNothingAnywhere(what, () => run(row, given))
      }
      if (wrong.length > 0) expect(refused).toBeGreaterThan(0)
      for (const what of ['allocate', 'launch'] as const)
        for (let at = 0; ; at++) {
          const reached = scope(() => {
            try {
              return failing(device, what, at, () => void run(row, inputs))
            } catch {
              return true
            }
          })
          if (!reached) break
          expectNothingAnywhere(`${name}, ${what} ${at}`, () =>
            failing(device, what, at, () => void run(row, inputs)),
          )
        }
      dispose([inputs, wrong])
    }),
  )
})
