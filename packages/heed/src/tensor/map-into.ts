import { type Expression, planMap } from '../kernels/index.js'
import { elementOf, operandOf, physicalOrder, sameDevice, stridesFor } from './layout.js'
import { expressionNumber, layoutNumber, prepare, preparedFor, runWithOthers } from './prepared.js'
import { type AnyTensor, placeOf } from './tensor.js'

/**
 * Writes each expression of the inputs into the output of its place: for tensors, or parts of some, that
 * nobody else has seen yet. All outputs have the same axes and sizes; inputs lack some where they repeat.
 * Within `together` it may run at the end.
 */
export function mapInto(
  operation: string,
  expressions: readonly Expression[],
  inputs: readonly AnyTensor[],
  outputs: readonly AnyTensor[],
): void {
  const device = sameDevice(operation, [...inputs, ...outputs])
  let key = `into ${expressionNumber(expressions)}`
  for (const { dtype } of inputs) key += ` ${dtype}`
  const values: number[] = []
  for (const tensor of inputs) {
    key += ` ${layoutNumber(tensor)}`
    values.push(tensor.address)
  }
  for (const tensor of outputs) {
    key += ` ${layoutNumber(tensor)}`
    values.push(placeOf(tensor))
  }
  const plan = (): ReturnType<typeof prepare> => {
    const [first] = outputs
    const order = physicalOrder(first!)
    return prepare(device, key, [], values.length, (places) =>
      planMap({
        space: {
          names: order,
          sizes: order.map((name) => first!.layout.find((axis) => axis.name === name)!.size),
        },
        inputs: inputs.map((tensor, i) => ({ ...operandOf(tensor, order), address: places[i]! })),
        outputs: outputs.map((tensor, i) => ({
          operand: {
            address: places[inputs.length + i]!,
            element: elementOf(tensor.dtype),
            strides: stridesFor(tensor, order),
          },
          expression: expressions[i]!,
        })),
      }),
    )
  }
  runWithOthers(device, preparedFor(device, key) ?? plan(), values, inputs, outputs)
}
