import { BoundedMap, type Dtype, refusePromise, StateError } from '../base/index.js'
import type { Device } from '../device/index.js'
import { canonical, type Expression, type Kernel, type Launch } from '../kernels/index.js'
import { allOrNothing } from './scope.js'
import { Storage } from './storage.js'
import { type AnyTensor, type Axis, Tensor } from './tensor.js'

// Planning an operation takes longer than launching a small one. What a plan depends on is a short key:
// layouts, dtypes, attributes. Addresses (and what lies some bytes behind them) and numbers are only passed
// through, and are filled in at each call.

/** A launch with places for addresses and numbers. */
interface PreparedLaunch {
  readonly kernel: Kernel
  readonly tasks: number
  readonly scratchBytes: number
  /** Filled in and passed at each call; nobody keeps it. */
  readonly parameters: number[]
  /** Which parameter is which value, plus how much: triples. */
  readonly places: readonly number[]
}

/** An operation that was planned before: what it gives, and what it runs. */
export interface Prepared {
  readonly outputs: readonly PreparedOutput[]
  /** Bytes of workspace blocks, whose addresses follow the other values. */
  readonly workspace: readonly number[]
  readonly launches: readonly PreparedLaunch[]
  /** Whatever the operation wants to find again. */
  readonly note: unknown
}
interface PreparedOutput {
  readonly dtype: Dtype
  readonly elements: number
  readonly layout: readonly Axis[]
}

/**
 * So many plans are kept of a device, of 1.3 kB each: work of varying lengths has some hundred for each
 * length.
 */
export const mostPlans: number = 2 ** 14

const plans = new WeakMap<Device, Map<string, Prepared>>()

export function preparedFor(device: Device, key: string): Prepared | undefined {
  return plans.get(device)?.get(key)
}

/** How many plans of a device are kept. */
export function plansKept(device: Device): number {
  return plans.get(device)?.size ?? 0
}

/**
 * Plans an operation for every call with the same key. `plan` must pass the values on as they are, as it does
 * addresses: it is called twice with stand-ins, to find where they go.
 */
export function prepare(
  device: Device,
  key: string,
  outputs: readonly PreparedOutput[],
  values: number,
  plan: (values: readonly number[], allocate: (bytes: number) => number) => readonly Launch[],
  note?: unknown,
): Prepared {
  const [first, second] = [standIns(values, 1, plan), standIns(values, 2, plan)]
  const launches: PreparedLaunch[] = []
  for (const [index, launch] of first.launches.entries()) {
    const other = second.launches[index]
    if (other?.kernel.name !== launch.kernel.name || other.tasks !== launch.tasks) throw changed(key)
    const places: number[] = []
    for (const [i, value] of launch.parameters.entries()) {
      if (Object.is(value, other.parameters[i])) continue
      const slot = Math.floor(value / apart - 2 ** 12)
      const more = value - first.values[slot]!
      if (!(slot >= 0) || other.parameters[i]! - second.values[slot]! !== more) throw changed(key)
      places.push(i, slot, more)
    }
    const { kernel, tasks, scratchBytes = 0 } = launch
    launches.push({ kernel, tasks, scratchBytes, parameters: [...launch.parameters], places })
  }
  const made: Prepared = { outputs, workspace: first.workspace, launches, note }
  let known = plans.get(device)
  if (known === undefined) plans.set(device, (known = new BoundedMap<string, Prepared>(mostPlans)))
  known.set(key, made)
  return made
}

function changed(key: string): StateError {
  return new StateError({
    operation: 'prepare',
    expected: 'a plan that passes addresses and numbers on as they are',
    found: `one that does not (${key})`,
    hint: 'this is a bug in heed',
  })
}

/** Between two stand-ins: more than a heap has bytes. */
const apart = 2 ** 33

function standIns(
  count: number,
  round: number,
  plan: (values: readonly number[], allocate: (bytes: number) => number) => readonly Launch[],
): {
  readonly values: readonly number[]
  readonly workspace: readonly number[]
  readonly launches: readonly Launch[]
} {
  const standIn = (slot: number): number => apart * (2 ** 12 * round + slot)
  const values = Array.from({ length: count }, (_, slot) => standIn(slot))
  const workspace: number[] = []
  const launches = plan(values.slice(), (bytes) => {
    workspace.push(bytes)
    values.push(standIn(values.length))
    return values[values.length - 1]!
  })
  return { values, workspace, launches }
}

/** New tensors for what a prepared operation gives. */
export function outputOf(device: Device, { outputs }: Prepared, index: number): Tensor {
  const { dtype, elements, layout } = outputs[index]!
  return new Tensor(new Storage(device, dtype, elements), layout)
}

/** Runs a prepared operation; `values` in the order in which it was planned. */
export function runPrepared(device: Device, { workspace, launches }: Prepared, values: number[]): void {
  const given = values.length
  try {
    for (const bytes of workspace) values.push(device.heap.allocate(bytes))
    for (const launch of launches) {
      const { kernel, parameters, tasks, scratchBytes } = launch
      fillIn(launch, values)
      device.launch(kernel, parameters, tasks, scratchBytes)
    }
  } finally {
    for (let i = given; i < values.length; i++) device.heap.free(values[i]!)
  }
}

function fillIn({ parameters, places }: PreparedLaunch, values: readonly number[]): void {
  for (let i = 0; i < places.length; i += 3) {
    const [value, more] = [values[places[i + 1]!]!, places[i + 2]!]
    parameters[places[i]!] = more === 0 ? value : value + more
  }
}

interface Waiting {
  readonly prepared: Prepared
  readonly values: number[]
  /** What it reads and writes: kept until it has run. */
  readonly held: readonly Storage[]
  readonly outputs: readonly Storage[]
}
/** What waits for the end of `together`. */
let waiting: { device: Device | undefined; readonly operations: Waiting[] } | undefined

/**
 * Runs what `work` gives to `runWithOthers` when it ends, all first launches as one, then all second ones:
 * few launches, and threads that wait once.
 *
 * @throws StateError where `work` reads what such an operation gives: nothing of it is written yet
 */
export function together<T>(work: () => T): T {
  const outer = waiting
  const here: typeof waiting = { device: undefined, operations: [] }
  waiting = here
  return allOrNothing(() => {
    try {
      const result = refusePromise('together', work(), 'run each synchronous part together')
      waiting = outer
      if (here.device !== undefined) runAll(here.device, here.operations)
      // Where something failed its outputs stay unwritten, and can't be read.
      for (const { outputs } of here.operations) for (const storage of outputs) storage.waiting = false
      return result
    } finally {
      waiting = outer
      for (const { held } of here.operations) for (const storage of held) storage.release()
    }
  })
}

/** `runPrepared`, or, within `together`, at its end. */
export function runWithOthers(
  device: Device,
  prepared: Prepared,
  values: number[],
  inputs: readonly { readonly storage: Storage }[],
  outputs: readonly AnyTensor[],
): void {
  if (waiting === undefined || (waiting.device ?? device) !== device)
    return runPrepared(device, prepared, values)
  waiting.device = device
  const written = outputs.map(({ storage }) => storage)
  const held = [...written, ...inputs.map(({ storage }) => storage)]
  for (const storage of held) storage.retain()
  for (const storage of written) storage.waiting = true
  waiting.operations.push({ prepared, values, held, outputs: written })
}

/** Within `together`, all of `work` at once, for what reads its own results. */
export function alone<T>(work: () => T): T {
  const outer = waiting
  waiting = undefined
  try {
    return work()
  } finally {
    waiting = outer
  }
}

function runAll(device: Device, operations: readonly Waiting[]): void {
  const workspace: number[] = []
  try {
    for (const { prepared, values } of operations) {
      for (const bytes of prepared.workspace) {
        const address = device.heap.allocate(bytes)
        workspace.push(address)
        values.push(address)
      }
    }
    const steps = Math.max(...operations.map(({ prepared }) => prepared.launches.length))
    for (let step = 0; step < steps; step++) {
      const those = operations.filter(({ prepared }) => step < prepared.launches.length)
      // Operations of one plan share its parameters: they are filled in one after the other.
      device.launchTogether(those.length, (index) => {
        const { prepared, values } = those[index]!
        const launch = prepared.launches[step]!
        fillIn(launch, values)
        return launch
      })
    }
  } finally {
    for (const address of workspace) device.heap.free(address)
  }
}

/** So many layouts and expressions keep their numbers; a number is never given twice. */
const [mostTexts, mostForms] = [2 ** 16, 2 ** 12]

/** What a plan for these tensors depends on: the operation, layouts and dtypes. */
export function planKeyOf(operation: string, tensors: readonly AnyTensor[]): string {
  let key = operation
  for (const tensor of tensors) key += ` ${layoutNumber(tensor)}${tensor.dtype}`
  return key
}

const layoutNumbers = new WeakMap<readonly Axis[], number>()
const byText = new BoundedMap<string, number>(mostTexts)

/** A number for a layout: the same for two that are alike. */
export function layoutNumber({ layout }: AnyTensor): number {
  let number = layoutNumbers.get(layout)
  if (number === undefined) {
    let text = ''
    for (const { name, size, stride } of layout) text += `${name.length} ${name}:${size}:${stride},`
    number = byText.get(text)
    if (number === undefined) {
      byText.set(text, (number = ++layouts))
    }
    layoutNumbers.set(layout, number)
  }
  return number
}
let layouts = 0

const formNumbers = new WeakMap<object, number>()
const byForm = new BoundedMap<string, number>(mostForms)
let forms = 0

/** A number for some expressions: the same for others that say the same. */
export function expressionNumber(expressions: readonly Expression[]): number {
  const form = canonical(expressions)
  let number = formNumbers.get(form)
  if (number === undefined) {
    number = byForm.get(form.key)
    if (number === undefined) {
      byForm.set(form.key, (number = ++forms))
    }
    formNumbers.set(form, number)
  }
  return number
}
