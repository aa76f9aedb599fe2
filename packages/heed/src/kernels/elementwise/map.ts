import { BoundedMap } from '../../base/index.js'
import { type Canonical, canonical, type Expression, vectorsTogether } from '../expression/index.js'
import {
  type Builder,
  type Int,
  type IntVector,
  kernel,
  type Kernel,
  type Mask,
  type ParameterType,
  type Pointer,
  type Term,
  type Type,
} from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'
import { goesPastCaches, pastCachesName, type Store, storeOf } from '../past-the-caches.js'
import { emitterFor, parameterTypes, type ParameterTable, parameterValues } from './emit.js'
import { type StridedOperand, simplifySpace, type Space, type SpaceAxis, type Step, stepOf } from './space.js'

/** Elements that make one task: enough to be worth a thread's while, few enough to share out. */
const taskElements = 16384

export interface MapPlan {
  readonly space: Space
  readonly inputs: readonly StridedOperand[]
  /**
   * Each output with the expression that fills it; booleans are written as 0 and 1. Outputs are f32 or i32.
   */
  readonly outputs: readonly { readonly operand: StridedOperand; readonly expression: Expression }[]
  /** The numbers that `parameter(i)` stands for. */
  readonly parameters?: readonly number[]
  /**
   * Each output begins where a block of the heap does, and no input shares the block: large ones go past the
   * caches.
   */
  readonly fresh?: boolean
}

/**
 * Elementwise: each output at each position of the space is its expression of the inputs there. One kernel
 * whatever the expression.
 */
export function planMap({ space, inputs, outputs, parameters = [], fresh = false }: MapPlan): Launch[] {
  if (space.sizes.includes(0)) return []
  const form = canonical(outputs.map(({ expression }) => expression))
  const { roots: expressions, indexed } = form
  const operands = [...inputs, ...outputs.map(({ operand }) => operand)]
  const axes = simplifySpace(space, operands, indexed)
  const inner: SpaceAxis = axes.pop() ?? { size: 1, name: '', strides: operands.map(() => 1) }
  const rows = axes.reduce((count, { size }) => count * size, 1)
  const isPast = (slot: number): boolean =>
    inner.strides[slot] === 1 &&
    goesPastCaches({
      address: operands[slot]!.address,
      elements: rows * inner.size,
      strides: axes.map(({ strides }) => strides[slot]!),
    })
  const shape: MapShape = {
    expressions,
    inputs: inputs.length,
    outer: axes.map(({ name }) => name),
    inner: inner.name,
    operands: operands.map(({ element }, i) => ({ element, step: stepOf(inner.strides[i]!) })),
    past: fresh && outputs.every((_, o) => isPast(inputs.length + o)),
  }
  const chunk = Math.min(inner.size, taskElements)
  const chunks = Math.ceil(inner.size / chunk)
  const rowsPerTask = Math.max(1, Math.floor(taskElements / chunk))
  const values: Record<string, number> = {
    rows,
    rowsPerTask,
    width: inner.size,
    chunk,
    chunks,
    ...parameterValues(expressions, parameters),
  }
  operands.forEach(({ address }, i) => {
    values[`operand${i}`] = address
    values[`step${i}`] = inner.strides[i]!
  })
  axes.forEach(({ size, strides }, axis) => {
    values[`size${axis}`] = size
    strides.forEach((stride, i) => (values[`stride${axis}_${i}`] = stride))
  })
  return [launchOf(mapKernel(form, shape), values, Math.ceil(rows / rowsPerTask) * chunks)]
}

/** All that makes one map kernel another one than the next. */
interface MapShape {
  readonly expressions: readonly Expression[]
  /** How many operands are inputs; the rest are outputs. */
  readonly inputs: number
  readonly outer: readonly string[]
  readonly inner: string
  readonly operands: readonly { readonly element: StridedOperand['element']; readonly step: Step }[]
  /** Outputs are written past the caches. */
  readonly past: boolean
}

/** As many as a device keeps. */
const kernels = new BoundedMap<string, Kernel>(512)
/** The same kernels by expression first, so that the long names are put together once. */
const byForm = new WeakMap<Canonical, Map<string, Kernel>>()

function mapKernel(form: Canonical, shape: MapShape): Kernel {
  let known = byForm.get(form)
  if (known === undefined) byForm.set(form, (known = new Map<string, Kernel>()))
  let axes = ''
  for (const name of shape.outer) axes += form.indexed.has(name) ? `${name},` : ','
  if (form.indexed.has(shape.inner)) axes += shape.inner
  let layout = `over [${axes}] of`
  shape.operands.forEach(({ element, step }, i) => (layout += `${i === 0 ? ' ' : ', '}${element} ${step}`))
  if (shape.past) layout += pastCachesName
  let made = known.get(layout)
  if (made === undefined) {
    const name = `map ${form.key} ${layout}`
    made = kernels.get(name) ?? writeMapKernel(name, shape)
    kernels.set(name, made)
    known.set(layout, made)
  }
  return made
}

function writeMapKernel(name: string, shape: MapShape): Kernel {
  const { expressions, operands, outer, inputs } = shape
  const declared: Record<string, ParameterType> = {
    rows: 'i32',
    rowsPerTask: 'i32',
    width: 'i32',
    chunk: 'i32',
    chunks: 'i32',
  }
  operands.forEach(({ element }, i) => {
    declared[`operand${i}`] = `${element}*`
  })
  operands.forEach((_, i) => {
    declared[`step${i}`] = 'i32'
  })
  outer.forEach((_, axis) => {
    declared[`size${axis}`] = 'i32'
    operands.forEach((_, i) => {
      declared[`stride${axis}_${i}`] = 'i32'
    })
  })
  Object.assign(declared, parameterTypes(expressions))
  return kernel(name, declared, (k, given, task) => {
    const p = given as unknown as ParameterTable
    const store = storeOf(k, shape.past)
    const int = (key: string): Int => p[key] as Int
    const rowBlock = outer.length === 0 ? k.int(0) : task.div(int('chunks'))
    const start = (outer.length === 0 ? task : task.sub(rowBlock.mul(int('chunks')))).mul(int('chunk'))
    const width = int('width').sub(start).min(int('chunk'))
    const firstRow = rowBlock.mul(int('rowsPerTask'))
    const row = (rowNumber: Int): void => {
      const positions = decode(
        rowNumber,
        outer.map((_, axis) => int(`size${axis}`)),
      )
      const pointers = operands.map(({ step }, i) => {
        let at = p[`operand${i}`] as Pointer
        positions.forEach((position, axis) => {
          at = at.at(position.mul(int(`stride${axis}_${i}`)))
        })
        return step === 'with' ? at.at(start) : step === 'apart' ? at.at(start.mul(int(`step${i}`))) : at
      })
      const base = emitterFor(k, p)
      const fixed = base.within({
        index: (axis) => {
          const place = outer.indexOf(axis)
          return place < 0 ? undefined : positions[place]
        },
        input: (slot) =>
          operands[slot]!.step === 'fixed' ? asFloat(k.loadScalar(pointers[slot]!)) : undefined,
      })
      fixed.hoist(expressions)
      const vectorAt = (i: Int, mask: Mask | undefined, ahead: number): void => {
        const lanes = (): IntVector => k.laneIndex().add(i)
        const placeOf = (slot: number): Pointer =>
          operands[slot]!.step === 'fixed' ? pointers[slot]! : pointers[slot]!.at(ahead)
        const emitter = fixed.within({
          index: (axis) => (axis === shape.inner ? k.laneIndex().add(start.add(i).add(ahead)) : undefined),
          input: (slot) =>
            asFloat(readVector(k, placeOf(slot), operands[slot]!.step, i, lanes, int(`step${slot}`), mask)),
        })
        expressions.forEach((expression, o) => {
          const slot = inputs + o
          const value = emitter.emit(expression)
          writeVector(k, placeOf(slot), operands[slot]!.step, value, i, int(`step${slot}`), mask, store)
        })
      }
      const apart = operands.some(({ step }) => step === 'apart')
      k.vectors(width, vectorAt, apart ? 1 : vectorsTogether(k.machine, expressions))
    }
    if (outer.length === 0) row(k.int(0))
    else k.loop(firstRow, firstRow.add(int('rowsPerTask')).min(int('rows')), 1, row)
  })
}

type Loaded = Term<'vector'> | Term<'ivector'>
type Lanes = Loaded | Term<'mask'>

/** The position along each axis of row number `row`, the last axis innermost. */
export function decode(row: Int, sizes: readonly Int[]): Int[] {
  const positions: Int[] = []
  let rest = row
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    if (axis === 0) {
      positions.unshift(rest)
      break
    }
    const next = rest.div(sizes[axis]!)
    positions.unshift(rest.sub(next.mul(sizes[axis]!)))
    rest = next
  }
  return positions
}

export function readVector(
  k: Builder,
  pointer: Pointer,
  step: Step,
  i: Int,
  lanes: () => IntVector,
  stride: Int,
  mask?: Mask,
): Loaded {
  if (step === 'fixed') return k.loadBroadcast(pointer) as Loaded
  if (step === 'with') return k.load(pointer.at(i), mask) as Loaded
  if (pointer.element !== 'f32' && pointer.element !== 'i32') {
    // Narrow elements that do not lie side by side are only read one by one.
    return k.lanes === 1
      ? (k.load(pointer.at(i.mul(stride)), mask) as Loaded)
      : gatherNarrow(k, pointer, i, stride, mask)
  }
  return k.gather(pointer as Pointer<'f32' | 'i32'>, lanes().mul(stride), mask) as Loaded
}

function gatherNarrow(k: Builder, pointer: Pointer, i: Int, stride: Int, mask?: Mask): Loaded {
  const lane = k.laneIndex()
  let result = k.loadBroadcast(pointer.at(i.mul(stride))) as Loaded
  for (let l = 1; l < k.lanes; l++) {
    // A lane outside the mask would lie past the end: read the first element again instead.
    const inside = mask === undefined ? undefined : mask.and(lane.eq(l)).any()
    const place = inside === undefined ? i.add(l) : inside.select(i.add(l), i)
    const value = k.loadBroadcast(pointer.at(place.mul(stride)))
    result = lane.eq(l).select(value as Term<'vector'>, result as Term<'vector'>) as Loaded
  }
  return result
}

function writeVector(
  k: Builder,
  pointer: Pointer,
  step: Step,
  value: Term<Type>,
  i: Int,
  stride: Int,
  mask: Mask | undefined,
  store: Store,
): void {
  const float = pointer.element === 'f32'
  let vector = value as Lanes
  if (vector.type !== 'vector' && vector.type !== 'ivector' && vector.type !== 'mask')
    vector = k.convert('broadcast', vector) as Lanes
  if (vector.type === 'mask') vector = vector.select(k.intVector(1), 0)
  if (float && vector.type === 'ivector') vector = vector.toFloat()
  if (!float && vector.type === 'vector') vector = vector.toInt()
  if (step !== 'apart') {
    store(pointer.at(i) as Pointer<'f32'>, vector as Term<'vector'>, mask)
    return
  }
  // Spread over memory: one element at a time.
  const lane = k.laneIndex()
  for (let l = 0; l < k.lanes; l++) {
    const only = mask === undefined ? lane.eq(l) : lane.eq(l).and(mask)
    const target = pointer.at(i.add(l).mul(stride)).at(-l)
    k.store(target as Pointer<'f32'>, vector as Term<'vector'>, only)
  }
}

/** What a float leaf gets from an operand: integer elements are converted. */
export function asFloat(term: Term<Type>): Term<'f32'> | Term<'vector'> {
  return term.type === 'i32' || term.type === 'ivector'
    ? ((term as Term<'i32'>).toFloat() as Term<'f32'>)
    : (term as Term<'f32'>)
}
