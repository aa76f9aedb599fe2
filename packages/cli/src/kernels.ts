import {
  attention,
  causal,
  copy,
  crossEntropy,
  defaultDevice,
  Device,
  dot,
  dropout,
  gather,
  gelu,
  grad,
  interpreter,
  layerNorm,
  lstmCell,
  randomKey,
  rmsNorm,
  scope,
  softmax,
  sum,
  wasmFeatures,
  wasmTarget,
  withDevice,
  x64Target,
  zeros,
  type Target,
  type Tensor,
} from 'heed'
import { assemble, printCode, printProgram, type Kernel, x64Refusal, x64Widths } from 'heed/internals'
import { UsageError } from './errors.js'

/** An operation whose kernels can be printed. */
export interface Example {
  /** One line: what the operation is, and of what size. */
  readonly description: string
  /** Runs the operation. Nothing is computed: the kernels that it would launch are noted. */
  readonly run: () => unknown
}

const queries = (): Tensor<'batch' | 'head' | 'query' | 'width'> =>
  zeros({ batch: 1, head: 4, query: 128, width: 64 })
const keys = (): Tensor<'batch' | 'head' | 'key' | 'width'> =>
  zeros({ batch: 1, head: 4, key: 128, width: 64 })
const rows = (): Tensor<'row' | 'width'> => zeros({ row: 256, width: 384 })
const weight = (): Tensor<'width'> => zeros({ width: 384 })
const gates = (): Tensor<'batch' | 'gate' | 'unit'> => zeros({ batch: 32, gate: 4, unit: 256 })
const units = (): Tensor<'batch' | 'unit'> => zeros({ batch: 32, unit: 256 })

/** The gradients of an operation's sum. */
function backward<T, A extends string>(inputs: T, operation: (inputs: T) => Tensor<A>): unknown {
  return grad((all: T) => sum(operation(all)))(inputs)
}

/** The operations that transformers are made of, by name. */
export const examples: Readonly<Record<string, Example>> = {
  matmul: {
    description: 'matrix product of 256 × 384 and 384 × 384, in register tiles',
    run: () => dot(zeros({ row: 256, inner: 384 }), zeros({ inner: 384, column: 384 }), 'inner'),
  },
  dot: {
    description: 'dot products of 256 rows of 384 with one vector',
    run: () => dot(zeros({ row: 256, inner: 384 }), zeros({ inner: 384 }), 'inner'),
  },
  attention: {
    description: 'causal attention, 4 heads of 64, 128 positions: never holds the filter',
    run: () => attention(queries(), keys(), keys(), { mask: causal }),
  },
  'attention-backward': {
    description: 'its gradients of query, key and value',
    run: () =>
      backward({ query: queries(), key: keys(), value: keys() }, ({ query, key, value }) =>
        attention(query, key, value, { mask: causal }),
      ),
  },
  softmax: { description: 'softmax of 256 rows of 384', run: () => softmax(rows(), 'width') },
  'layer-norm': {
    description: 'layer norm of 256 rows of 384, with weight and bias',
    run: () => layerNorm(rows(), 'width', { weight: weight(), bias: weight() }),
  },
  'layer-norm-backward': {
    description: 'its gradients',
    run: () =>
      backward({ x: rows(), weight: weight(), bias: weight() }, ({ x, ...parameters }) =>
        layerNorm(x, 'width', parameters),
      ),
  },
  'rms-norm': {
    description: 'RMS norm of 256 rows of 384',
    run: () => rmsNorm(rows(), 'width', { weight: weight() }),
  },
  'cross-entropy': {
    description: 'cross-entropy of 64 rows of 4096 logits',
    run: () =>
      crossEntropy(zeros({ row: 64, vocabulary: 4096 }), zeros({ row: 64 }, { dtype: 'i32' }), 'vocabulary'),
  },
  gelu: { description: 'GELU, element by element', run: () => gelu(rows()) },
  'gelu-backward': {
    description: 'its derivative, found symbolically',
    run: () => backward(rows(), (x) => gelu(x)),
  },
  add: { description: 'sum of two tensors', run: () => rows().add(rows()) },
  sum: { description: 'sum of each of 256 rows of 384', run: () => sum(rows(), 'width') },
  embedding: {
    description: 'rows of a table of 4096 × 384, by 256 token ids',
    run: () => gather(zeros({ token: 4096, width: 384 }), zeros({ row: 256 }, { dtype: 'i32' }), 'token'),
  },
  'embedding-backward': {
    description: 'its gradient: rows added up by token id, in a fixed order',
    run: () =>
      backward(zeros({ token: 4096, width: 384 }), (table) =>
        gather(table, zeros({ row: 256 }, { dtype: 'i32' }), 'token'),
      ),
  },
  'lstm-cell': {
    description: 'one step of 32 LSTMs of 256 units, its products done',
    run: () => lstmCell(gates(), gates(), { hidden: units(), cell: units() }),
  },
  transpose: {
    description: 'a copy whose innermost axis is another one',
    run: () => copy(zeros({ row: 256, width: 384 }), 'f32', ['width', 'row']),
  },
  dropout: {
    description: 'dropout, its random numbers made in the kernel',
    run: () => dropout(rows(), 0.1, randomKey(0)),
  },
}

/** A device that launches nothing: it notes which kernels an operation would launch. */
class NotingDevice extends Device {
  readonly launched: Kernel[] = []

  override launch(kernel: Kernel): void {
    if (!this.launched.some(({ name }) => name === kernel.name)) this.launched.push(kernel)
  }
}

export type TargetName = 'x64' | 'wasm' | 'interpreter'

/** The target that runs where none is named. */
export function defaultTarget(): TargetName {
  return defaultDevice().name as TargetName
}

function targetOf(name: TargetName): Target {
  if (name === 'interpreter') return interpreter
  if (name === 'x64') {
    const running = defaultDevice().target
    const width = x64Widths().at(-1)
    if (running.machine.name === 'x64') return running
    if (width !== undefined) return x64Target({ width })
    throw new UsageError(`there is no machine code here: ${x64Refusal()}`)
  }
  const { relaxed, revectorize } = wasmFeatures()
  return wasmTarget({ lanes: revectorize ? 8 : 4, relaxed, shared: true })
}

/** A kernel, printed. */
export interface PrintedKernel {
  readonly name: string
  readonly parameters: Readonly<Record<string, string>>
  /** The kernel as it is assembled for the target's machine, see `printProgram`. */
  readonly source: string
  /** What the target makes of it: machine code disassembled, WebAssembly text, or JavaScript. */
  readonly text: string
  /** Bytes of code. */
  readonly bytes: number
}

/**
 * The kernels that an operation launches on a target, in the order in which they first run.
 *
 * @throws {UsageError} where there is no such operation
 */
export function printKernels(name: string, targetName: TargetName): PrintedKernel[] {
  if (!Object.hasOwn(examples, name)) throw new UsageError(`no kernel is named "${name}"`)
  const target = targetOf(targetName)
  const device = new NotingDevice(target)
  withDevice(device, () => scope(() => void examples[name]!.run()))
  return device.launched.map((kernel) => {
    const program = assemble(kernel, target.machine)
    return {
      name: kernel.name,
      parameters: kernel.parameters,
      source: printProgram(program),
      text: printCode(target, program),
      bytes: target.codeBytes?.(program) ?? target.emit(program).length,
    }
  })
}
