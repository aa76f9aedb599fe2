import { BoundedMap } from '../../base/index.js'
import { type Int, type Kernel, kernel, type Machine, Pointer, type ElementType } from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'
import { checkPlaces, type LeafPlaces } from './check.js'
import type { AttentionDefinition, AttentionSizes } from './definition.js'
import { leafValues, type Terms } from './leaves.js'
import { partElements } from './parts.js'
import type { Place } from './places.js'
import { type ForwardForm, forwardForm } from './plan-forward.js'
import { roundUp } from './tile.js'

/** One of several sequences: how long it is, and where it lies. The batch's strides are not used. */
export interface RaggedSequence {
  readonly queries: number
  readonly keys: number
  /** [head query width] */
  readonly query: Place
  /** [kvHead key width] */
  readonly key: Place
  /** [kvHead key valueWidth] */
  readonly value: Place
  /** [head query valueWidth] */
  readonly output: Place
}

/** Attentions of several sequences by the same definition, which don't see each other. */
export interface RaggedRequest extends LeafPlaces {
  readonly definition: AttentionDefinition
  readonly heads: number
  readonly kvHeads: number
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
  'queryHead',
  'queryRow',
  'key',
  'keyHead',
  'keyRow',
  'value',
  'valueHead',
  'valueRow',
  'output',
  'outputHead',
  'outputRow',
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
  const groups = new Map<Kernel, { readonly form: ForwardForm; readonly members: Member[] }>()
  let [rows, states] = [0, 0]
  for (const sequence of sequences) {
    const { queries, keys } = sequence
    if (queries === 0) continue
    const sizes = { batch: 1, heads, kvHeads, queries, keys }
    const form = formFor(machine, definition, sizes, sequences.length - 1)
    if (rows === 0) checkPlaces('attention', definition, sizes, request)
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
const forms = new WeakMap<AttentionDefinition, Map<string, ForwardForm>>()
/** Of each name one, so that what is the same kernel is the same object. */
const kernels = new BoundedMap<string, Kernel>(mostForms)

function formFor(
  machine: Machine,
  definition: AttentionDefinition,
  sizes: AttentionSizes,
  neighbours: number,
): ForwardForm {
  const { heads, kvHeads, queries, keys } = sizes
  const { name, lanes, registers } = machine
  const key = `${queries} ${keys} ${heads} ${kvHeads} ${neighbours} ${name}${lanes} ${registers}`
  let known = forms.get(definition)
  if (known === undefined) forms.set(definition, (known = new BoundedMap(mostForms)))
  let form = known.get(key)
  if (form === undefined) {
    const found = forwardForm(machine, definition, sizes, false, neighbours)
    const { combine } = found
    form = {
      ...found,
      kernel: theOne(found.kernel),
      ...(combine && { combine: { ...combine, kernel: theOne(combine.kernel) } }),
    }
    known.set(key, form)
  }
  return form
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
  { heads, kvHeads, sink, captures, parameters, allocate, write }: RaggedRequest,
  inner: Kernel,
  members: readonly Member[],
  places: Places,
  part: (member: Member) => Pick<ForwardForm, 'tasks' | 'scratchBytes'>,
): Launch {
  const words = new Int32Array(members.length * columns.length)
  let [tasks, scratch, at] = [0, 0, 0]
  const put = (value: number): void => {
    words[at++] = value
  }
  const putPlace = ({ address, head, row }: Place): void => {
    put(address)
    put(head)
    put(row)
  }
  for (const member of members) {
    const { sequence, form, rows, states } = member
    const { tasks: own, scratchBytes } = part(member)
    put(tasks)
    putPlace(sequence.query)
    putPlace(sequence.key)
    putPlace(sequence.value)
    putPlace(sequence.output)
    put(places.largest + rows * places.floatBytes)
    put(places.inverseSum + rows * places.floatBytes)
    put(sequence.queries)
    put(sequence.keys)
    put(form.own.panels ?? 0)
    put(places.states + states * places.floatBytes)
    put(form.parts)
    put(form.own.partKeys ?? 0)
    tasks += own
    scratch = Math.max(scratch, scratchBytes)
  }
  const table = allocate(roundUp(words.byteLength, 64))
  write(table, words)
  const ragged = raggedKernel(inner)
  const shared: Readonly<Record<string, number>> = {
    heads,
    kvHeads,
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
