import { BoundedMap } from '../../base/index.js'
import { type Int, type Kernel, kernel, type Machine, Pointer, type ElementType } from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'
import { checkPlaces, type LeafPlaces } from './check.js'
import type { AttentionDefinition } from './definition.js'
import { leafValues, type Terms } from './leaves.js'
import { partElements } from './parts.js'
import { type ForwardForm, forwardForm } from './plan-forward.js'
import { roundUp } from './tile.js'

/** One of several sequences: how long it is, and where it lies. Strides in elements; the width's is 1. */
export interface RaggedSequence {
  readonly queries: number
  readonly keys: number
  /** Byte addresses: [head query width], and of the output [head query valueWidth]. */
  readonly query: number
  readonly output: number
  /** Byte address: [kvHead key width] */
  readonly key: number
  readonly keyHead: number
  readonly keyRow: number
  /** Byte address: [kvHead key valueWidth] */
  readonly value: number
  readonly valueHead: number
  readonly valueRow: number
}

/** Attentions of several sequences by the same definition, which don't see each other. */
export interface RaggedRequest extends LeafPlaces {
  readonly definition: AttentionDefinition
  readonly heads: number
  readonly kvHeads: number
  /** Strides of the queries and of the output, the same for all sequences. */
  readonly queryHead: number
  readonly queryRow: number
  readonly outputHead: number
  readonly outputRow: number
  readonly sequences: readonly RaggedSequence[]
  /** Gives workspace, which the caller frees after the launches ran. */
  readonly allocate: (bytes: number) => number
  /** Writes words from a byte address on, before the launches run. */
  readonly write: (address: number, words: Int32Array) => void
}

/** What differs from sequence to sequence: a row of the table that the kernels read. */
const columns = [
  'firstTask',
  'query',
  'key',
  'keyHead',
  'keyRow',
  'value',
  'valueHead',
  'valueRow',
  'output',
  'largest',
  'inverseSum',
  'queries',
  'keys',
  'panels',
  'states',
  'parts',
  'partKeys',
] as const

/**
 * The forward pass of sequences of lengths of their own: what `attentionForward` gives each of them alone,
 * bit for bit, in one launch for all that are computed in the same way. Launches of one step run together;
 * the steps follow each other.
 */
export function attentionForwardRagged(machine: Machine, request: RaggedRequest): Launch[][] {
  const { definition, heads, kvHeads, sequences, allocate } = request
  const { floatBytes } = machine
  const formOf = formsOf(machine, request)
  const groups = new Map<Kernel, { readonly form: ForwardForm; readonly members: Member[] }>()
  let [rows, states] = [0, 0]
  for (const sequence of sequences) {
    const { queries, keys } = sequence
    if (queries === 0) continue
    const form = formOf(queries, keys)
    if (rows === 0) checkPlaces('attention', definition, { batch: 1, heads, kvHeads, queries, keys }, request)
    const { kernel } = form
    let group = groups.get(kernel)
    if (group === undefined) groups.set(kernel, (group = { form, members: [] }))
    group.members.push({ sequence, form, rows, states })
    rows += heads * queries
    if (form.parts > 1) states += heads * queries * form.parts * partElements(definition)
  }
  const spare = allocate(2 * rows * floatBytes)
  const place: Places = {
    largest: spare,
    inverseSum: spare + rows * floatBytes,
    states: states === 0 ? 0 : allocate(states * floatBytes),
    floatBytes,
  }
  const first: Launch[] = []
  const second: Launch[] = []
  for (const { form, members } of groups.values()) {
    first.push(launchRagged(request, form.kernel, members, place, ({ form }) => form))
    const { combine } = form
    if (combine !== undefined)
      second.push(launchRagged(request, combine.kernel, members, place, (member) => member.form.combine!))
  }
  return second.length === 0 ? [first] : [first, second]
}

/** So many forms of a definition are kept. */
const mostForms = 4096
const forms = new WeakMap<AttentionDefinition, Map<string, Map<number, ForwardForm>>>()
/** Of each name one, so that what is the same kernel is the same object. */
const kernels = new BoundedMap<string, Kernel>(mostForms)

/** The form for each number of queries and keys. */
function formsOf(
  machine: Machine,
  { definition, heads, kvHeads, sequences }: RaggedRequest,
): (queries: number, keys: number) => ForwardForm {
  const { name, lanes, registers } = machine
  const neighbours = sequences.length - 1
  let all = forms.get(definition)
  if (all === undefined) forms.set(definition, (all = new BoundedMap(64)))
  const key = `${heads} ${kvHeads} ${neighbours} ${name} ${lanes} ${registers}`
  const known = all.get(key) ?? new BoundedMap<number, ForwardForm>(mostForms)
  all.set(key, known)
  return (queries, keys) => {
    const number = queries * 2 ** 26 + keys
    let form = known.get(number)
    if (form === undefined) {
      const sizes = { batch: 1, heads, kvHeads, queries, keys }
      const found = forwardForm(machine, definition, sizes, false, neighbours)
      const { combine } = found
      form = {
        ...found,
        kernel: theOne(found.kernel),
        ...(combine && { combine: { ...combine, kernel: theOne(combine.kernel) } }),
      }
      known.set(number, form)
    }
    return form
  }
}

function theOne(kernel: Kernel): Kernel {
  const known = kernels.get(kernel.name)
  if (known === undefined) kernels.set(kernel.name, kernel)
  return known ?? kernel
}

/** A sequence, how it is computed, and how many rows and elements of states come before it. */
interface Member {
  readonly sequence: RaggedSequence
  readonly form: ForwardForm
  readonly rows: number
  readonly states: number
}

/** Where the workspace lies. */
interface Places {
  readonly largest: number
  readonly inverseSum: number
  readonly states: number
  readonly floatBytes: number
}

function launchRagged(
  request: RaggedRequest,
  inner: Kernel,
  members: readonly Member[],
  places: Places,
  part: (member: Member) => Pick<ForwardForm, 'tasks' | 'scratchBytes'>,
): Launch {
  const { heads, kvHeads, sink, captures, parameters, allocate, write } = request
  const words = new Int32Array(members.length * columns.length)
  let [tasks, scratch, at] = [0, 0, 0]
  for (const member of members) {
    const { sequence, form, rows, states } = member
    const { tasks: own, scratchBytes } = part(member)
    // In the order of the columns.
    words[at++] = tasks
    words[at++] = sequence.query
    words[at++] = sequence.key
    words[at++] = sequence.keyHead
    words[at++] = sequence.keyRow
    words[at++] = sequence.value
    words[at++] = sequence.valueHead
    words[at++] = sequence.valueRow
    words[at++] = sequence.output
    words[at++] = places.largest + rows * places.floatBytes
    words[at++] = places.inverseSum + rows * places.floatBytes
    words[at++] = sequence.queries
    words[at++] = sequence.keys
    words[at++] = form.own.panels ?? 0
    words[at++] = places.states + states * places.floatBytes
    words[at++] = form.parts
    words[at++] = form.own.partKeys ?? 0
    tasks += own
    scratch = Math.max(scratch, scratchBytes)
  }
  const table = allocate(roundUp(words.byteLength, 64))
  write(table, words)
  const ragged = raggedKernel(inner)
  const shared: Readonly<Record<string, number>> = {
    heads,
    kvHeads,
    queryHead: request.queryHead,
    queryRow: request.queryRow,
    outputHead: request.outputHead,
    outputRow: request.outputRow,
    queryBatch: 0,
    keyBatch: 0,
    valueBatch: 0,
    outputBatch: 0,
    ...(sink === undefined ? {} : { sink }),
    ...leafValues(parameters, captures),
  }
  const values: Record<string, number> & { table: number; sequences: number } = {
    table,
    sequences: members.length,
  }
  for (const name of Object.keys(ragged.parameters)) values[name] ??= shared[name]!
  return launchOf(ragged, values, tasks, scratch)
}

type RaggedParameters = Kernel['parameters'] & { readonly table: 'i32*'; readonly sequences: 'i32' }

const ragged = new WeakMap<Kernel, Kernel<RaggedParameters>>()

/**
 * A kernel of one attention as one of several: a task finds whose it is, and reads in the table what differs.
 */
function raggedKernel(inner: Kernel): Kernel<RaggedParameters> {
  const known = ragged.get(inner)
  if (known !== undefined) return known
  const own = columns.filter((name) => Object.hasOwn(inner.parameters, name))
  const types: RaggedParameters = {
    table: 'i32*',
    sequences: 'i32',
    ...Object.fromEntries(
      Object.entries(inner.parameters).filter(([name]) => !own.some((column) => column === name)),
    ),
  }
  const made = kernel(`ragged ${inner.name}`, types, (k, given, task) => {
    const { table, sequences } = given as unknown as { table: Pointer<'i32'>; sequences: Int }
    // The last sequence whose first task is not after this one: halves of what is left, from the largest.
    const found = k.variable(k.int(0))
    const step = k.variable(sequences)
    k.while(
      () => step.get().gt(1),
      () => {
        const half = step.get().add(1).shr(1)
        const next = found.get().add(half)
        const inside = next.min(sequences.sub(1))
        const first = k.loadScalar(table.at(inside.mul(columns.length)))
        found.set(next.eq(inside).and(first.le(task)).select(next, found.get()))
        step.set(half)
      },
    )
    const row = table.at(found.get().mul(columns.length))
    const terms: Record<string, Terms[string]> = { ...(given as unknown as Terms) }
    for (const name of own) {
      const value = k.loadScalar(row.at(columns.indexOf(name)))
      const type = inner.parameters[name]!
      terms[name] = type.endsWith('*') ? new Pointer(k, type.slice(0, -1) as ElementType, value) : value
    }
    inner.write(k, terms as never, task.sub(k.loadScalar(row)))
  })
  ragged.set(inner, made)
  return made
}
