import { BoundedMap } from '../../base/index.js'
import { type Expression, input, keyOf, share } from '../expression/index.js'
import {
  type Builder,
  type Float,
  type Int,
  kernel,
  type Kernel,
  type Mask,
  type ParameterType,
  type Pointer,
  type Term,
  type Variable,
} from '../language/index.js'
import { type Launch, launchOf } from '../launch.js'
import { emitterFor, parameterTypes, type ParameterTable, parameterValues } from './emit.js'
import { asFloat, decode, readVector } from './map.js'
import { type StridedOperand, simplifySpace, type Space, type SpaceAxis, type Step, stepOf } from './space.js'

export type ReduceKind = 'sum' | 'max' | 'min'

export interface ReducePlan {
  readonly kind: ReduceKind
  readonly space: Space
  /** Names of the axes of the space that are reduced. */
  readonly reduced: ReadonlySet<string>
  readonly inputs: readonly StridedOperand[]
  /** What is reduced: an expression of the inputs, fused into the loop. It may not ask for positions. */
  readonly expression: Expression<'float'>
  /** f32; its strides along reduced axes are 0. */
  readonly output: StridedOperand
  readonly parameters?: readonly number[]
  readonly floatBytes: number
  /** Room for partial results, needed until the launches have run. */
  readonly allocate: (bytes: number) => number
}

const identities: Readonly<Record<ReduceKind, number>> = { sum: 0, max: -Infinity, min: Infinity }

/** Elements that make one task. */
const taskElements = 16384
/**
 * A reduction of more elements than this to few results is cut into parts, by sizes alone: the order of the
 * additions does not depend on threads.
 */
const partElements = 65536

/**
 * Reduces an expression over some axes of a space. Sums are taken in a fixed order, in several running sums;
 * a sum of nothing is 0.
 */
export function planReduce(plan: ReducePlan): Launch[] {
  const { kind, space, reduced, inputs, output, parameters = [], floatBytes, allocate } = plan
  const [expression] = share([plan.expression])
  const operands = [...inputs, output]
  const pick = (wanted: boolean): Space => {
    const places = space.names.map((_, i) => i).filter((i) => reduced.has(space.names[i]!) === wanted)
    if (wanted) places.sort((a, b) => (inputs[0]?.strides[b] ?? 0) - (inputs[0]?.strides[a] ?? 0))
    return { sizes: places.map((i) => space.sizes[i]!), names: places.map((i) => space.names[i]!) }
  }
  const strided = (part: Space): StridedOperand[] =>
    operands.map((operand) => ({
      ...operand,
      strides: part.names.map((name) => operand.strides[space.names.indexOf(name)]!),
    }))
  const [keptSpace, reducedSpace] = [pick(false), pick(true)]
  const none = new Set<string>()
  const kept = simplifySpace(keptSpace, strided(keptSpace), none)
  const over = simplifySpace(reducedSpace, strided(reducedSpace), none)
  const width = inputs.length
  const adjacent = (axis: SpaceAxis | undefined): number =>
    axis?.strides.slice(0, width).filter((stride) => stride === 1).length ?? 0
  const along =
    kept.length > 0 &&
    adjacent(kept[kept.length - 1]) > 0 &&
    adjacent(kept[kept.length - 1]) >= adjacent(over[over.length - 1])
  const alone = (): SpaceAxis => ({ size: 1, name: '', strides: operands.map(() => 1) })
  const inner = along ? kept.pop()! : (over.pop() ?? alone())
  // Along: vectors over a kept axis, loops over the reduced ones. Across: vectors over a reduced axis, one
  // result a row.
  const loops = over.length > 0 || along ? over : []
  if (along && loops.length === 0) loops.push(alone())
  const rows = kept.reduce((count, { size }) => count * size, 1)
  const depth = loops.reduce((count, { size }) => count * size, 1)
  const first = loops[0] ?? inner
  const perResult = along ? depth : depth * inner.size
  const results = along ? rows * inner.size : rows
  const parts =
    results * 4 < perResult && perResult > partElements
      ? Math.min(first.size, 64, Math.ceil(perResult / partElements))
      : 1
  const partLength = Math.max(1, Math.ceil(first.size / parts))
  const usedParts = Math.max(1, Math.ceil(first.size / partLength))
  const shape: ReduceShape = {
    kind,
    expression,
    along,
    kept: kept.length,
    loops: loops.length,
    inputs: inputs.map(({ element }, i) => ({ element, step: stepOf(inner.strides[i]!) })),
    outputStep: along ? inner.strides[width]! : 1,
  }
  const chunk = along
    ? Math.min(
        inner.size,
        Math.max(64, Math.ceil(taskElements / Math.max(1, Math.min(depth, 1024)) / 16) * 16),
      )
    : inner.size
  const chunks = along ? Math.ceil(inner.size / chunk) : 1
  const rowElements = along ? chunk * depth : perResult
  const rowsPerTask = Math.max(1, Math.floor(taskElements / Math.max(1, rowElements)))
  const partial = usedParts > 1 ? allocate(usedParts * results * floatBytes) : 0
  const values: Record<string, number> = {
    rows,
    rowsPerTask,
    width: inner.size,
    chunk,
    chunks,
    parts: usedParts,
    partLength,
    output: partial || output.address,
    partStride: partial === 0 ? 0 : results,
    outputStep: partial === 0 ? (along ? inner.strides[width]! : 0) : 1,
    ...parameterValues([expression], parameters),
  }
  inputs.forEach(({ address }, i) => {
    values[`input${i}`] = address
    values[`step${i}`] = inner.strides[i]!
    kept.forEach(({ strides }, axis) => (values[`stride${axis}_${i}`] = strides[i]!))
    loops.forEach(({ strides }, loop) => (values[`loopStride${loop}_${i}`] = strides[i]!))
  })
  kept.forEach(({ size, strides }, axis) => {
    values[`size${axis}`] = size
    values[`outputStride${axis}`] =
      partial === 0
        ? strides[width]!
        : kept.slice(axis + 1).reduce((count, later) => count * later.size, along ? inner.size : 1)
  })
  loops.forEach(({ size }, loop) => (values[`loop${loop}`] = size))
  const launches = [launchOf(reduceKernel(shape), values, Math.ceil(rows / rowsPerTask) * chunks * usedParts)]
  if (partial !== 0)
    launches.push(...joinParts(plan, partial, usedParts, [...kept, ...(along ? [inner] : [])]))
  return launches
}

/** Adds up the parts: a reduction of its own over the outermost axis of the room they lie in. */
function joinParts(plan: ReducePlan, partial: number, parts: number, kept: readonly SpaceAxis[]): Launch[] {
  const sizes = [parts, ...kept.map(({ size }) => size)]
  const names = ['part', ...kept.map((_, i) => `kept ${i}`)]
  const strides = sizes.map((_, i) => sizes.slice(i + 1).reduce((a, b) => a * b, 1))
  const output: StridedOperand = {
    ...plan.output,
    strides: [0, ...kept.map((axis) => axis.strides[axis.strides.length - 1]!)],
  }
  return planReduce({
    kind: plan.kind,
    space: { sizes, names },
    reduced: new Set(['part']),
    inputs: [{ address: partial, element: 'f32', strides }],
    expression: input(0),
    output,
    floatBytes: plan.floatBytes,
    allocate: plan.allocate,
  })
}

interface ReduceShape {
  readonly kind: ReduceKind
  readonly expression: Expression<'float'>
  readonly along: boolean
  readonly kept: number
  readonly loops: number
  readonly inputs: readonly { readonly element: StridedOperand['element']; readonly step: Step }[]
  readonly outputStep: number
}

/** As many as a device keeps. */
const kernels = new BoundedMap<string, Kernel>(512)

function reduceKernel(shape: ReduceShape): Kernel {
  const direction = shape.along ? (shape.outputStep === 1 ? 'along' : 'along, spread') : 'across'
  const name = `${shape.kind} ${keyOf([shape.expression])} ${direction} kept ${shape.kept} loops ${shape.loops} of ${shape.inputs.map(({ element, step }) => `${element} ${step}`).join(', ')}`
  let made = kernels.get(name)
  if (made === undefined) {
    made = writeReduceKernel(name, shape)
    kernels.set(name, made)
  }
  return made
}

function writeReduceKernel(name: string, shape: ReduceShape): Kernel {
  const { inputs, expression, kind, along } = shape
  const declared: Record<string, ParameterType> = {
    rows: 'i32',
    rowsPerTask: 'i32',
    width: 'i32',
    chunk: 'i32',
    chunks: 'i32',
    parts: 'i32',
    partLength: 'i32',
    output: 'f32*',
    partStride: 'i32',
  }
  inputs.forEach(({ element }, i) => {
    declared[`input${i}`] = `${element}*`
  })
  inputs.forEach((_, i) => {
    declared[`step${i}`] = 'i32'
  })
  declared.outputStep = 'i32'
  for (let axis = 0; axis < shape.kept; axis++) {
    declared[`size${axis}`] = 'i32'
    inputs.forEach((_, i) => {
      declared[`stride${axis}_${i}`] = 'i32'
    })
    declared[`outputStride${axis}`] = 'i32'
  }
  for (let loop = 0; loop < shape.loops; loop++) {
    declared[`loop${loop}`] = 'i32'
    inputs.forEach((_, i) => {
      declared[`loopStride${loop}_${i}`] = 'i32'
    })
  }
  Object.assign(declared, parameterTypes([expression]))

  return kernel(name, declared, (k, given, task) => {
    const p = given as unknown as ParameterTable
    const int = (key: string): Int => p[key] as Int
    const shares = int('chunks').mul(int('parts'))
    const rowBlock = task.div(shares)
    const share = task.sub(rowBlock.mul(shares))
    const chunk = share.div(int('parts'))
    const part = share.sub(chunk.mul(int('parts')))
    const [partStart, partEnd] = [part.mul(int('partLength')), part.add(1).mul(int('partLength'))]
    const base = emitterFor(k, p)
    const combine = (a: Term<'vector'>, b: Term<'vector'>): Term<'vector'> =>
      kind === 'sum' ? a.add(b) : kind === 'max' ? a.max(b) : a.min(b)
    const identity = identities[kind]

    /** The expression at vector `i` of the inner axis; lanes outside the mask are the identity. */
    const value = (pointers: readonly Pointer[], i: Int, mask?: Mask): Term<'vector'> => {
      const emitter = base.within({
        input: (slot) =>
          asFloat(
            readVector(
              k,
              pointers[slot]!,
              inputs[slot]!.step,
              i,
              () => k.laneIndex().add(i),
              int(`step${slot}`),
              mask,
            ),
          ),
      })
      const result = emitter.emit(expression)
      const vector = (result.type === 'vector' ? result : k.convert('broadcast', result)) as Term<'vector'>
      return mask === undefined || along ? vector : mask.select(vector, identity)
    }

    /** Loops over the reduced axes that vectors do not run over; the first of them over this part only. */
    const nest = (
      pointers: readonly Pointer[],
      body: (pointers: readonly Pointer[]) => void,
      loop = 0,
    ): void => {
      if (loop === shape.loops) {
        body(pointers)
        return
      }
      const size = int(`loop${loop}`)
      const [start, end] = loop === 0 ? [partStart, partEnd.min(size)] : [k.int(0), size]
      k.loop(start, end, 1, (i) =>
        nest(
          pointers.map((pointer, slot) => pointer.at(i.mul(int(`loopStride${loop}_${slot}`)))),
          body,
          loop + 1,
        ),
      )
    }

    const row = (rowNumber: Int): void => {
      const positions = decode(
        rowNumber,
        Array.from({ length: shape.kept }, (_, axis) => int(`size${axis}`)),
      )
      const move = (pointer: Pointer, key: (axis: number) => string): Pointer =>
        positions.reduce((at, position, axis) => at.at(position.mul(int(key(axis)))), pointer)
      const pointers = inputs.map((_, i) => move(p[`input${i}`] as Pointer, (axis) => `stride${axis}_${i}`))
      const output = move(
        (p.output as Pointer).at(part.mul(int('partStride'))),
        (axis) => `outputStride${axis}`,
      ) as Pointer<'f32'>
      if (along)
        alongRow(
          k,
          shape,
          pointers,
          output,
          {
            start: chunk.mul(int('chunk')),
            end: chunk.add(1).mul(int('chunk')).min(int('width')),
            outputStep: int('outputStep'),
          },
          { identity, combine, nest, value },
        )
      else {
        const range =
          shape.loops === 0
            ? { start: partStart, end: partEnd.min(int('width')) }
            : { start: k.int(0), end: int('width') }
        k.store(output, acrossRow(k, kind, pointers, range, { identity, nest, value }))
      }
    }
    const firstRow = rowBlock.mul(int('rowsPerTask'))
    k.loop(firstRow, firstRow.add(int('rowsPerTask')).min(int('rows')), 1, row)
  })
}

interface Steps {
  readonly identity: number
  readonly nest: (pointers: readonly Pointer[], body: (pointers: readonly Pointer[]) => void) => void
  readonly value: (pointers: readonly Pointer[], i: Int, mask?: Mask) => Term<'vector'>
}

/**
 * One result from a row: four running results side by side, so that one addition need not wait for the last.
 */
function acrossRow(
  k: Builder,
  kind: ReduceKind,
  pointers: readonly Pointer[],
  range: { readonly start: Int; readonly end: Int },
  { identity, nest, value }: Steps,
): Float {
  const running = (start: number): Variable<'vector'>[] =>
    Array.from({ length: 4 }, () => k.variable(k.vector(start)))
  const joined = (
    [a, b, c, d]: readonly Variable<'vector'>[],
    join: (a: Term<'vector'>, b: Term<'vector'>) => Term<'vector'>,
  ): Term<'vector'> => join(join(a!.get(), b!.get()), join(c!.get(), d!.get()))
  const sweep = (take: (term: Term<'vector'>, u: number) => void): void =>
    nest(pointers, (at) => {
      const length = range.end.sub(range.start)
      const step = 4 * k.lanes
      const whole = length.div(step).mul(step)
      k.loop(0, whole, step, (i) =>
        k.unroll(4, (u) => take(value(at, range.start.add(i).add(u * k.lanes)), u)),
      )
      k.vectors(length.sub(whole), (i, mask) => take(value(at, range.start.add(whole).add(i), mask), 0))
    })
  const add = (a: Term<'vector'>, b: Term<'vector'>): Term<'vector'> => a.add(b)
  const sums = running(0)
  if (kind === 'sum') {
    sweep((term, u) => sums[u]!.set(sums[u]!.get().add(term)))
    return joined(sums, add).sum()
  }
  // The extreme that ignores NaN is one instruction, and a sum, which NaN stays in, another beside it.
  const extreme = (a: Term<'vector'>, b: Term<'vector'>): Term<'vector'> =>
    kind === 'max' ? a.maxIgnoringNaN(b) : a.minIgnoringNaN(b)
  const extremes = running(identity)
  sweep((term, u) => {
    extremes[u]!.set(extreme(extremes[u]!.get(), term))
    sums[u]!.set(sums[u]!.get().add(term))
  })
  const found = k.variable(k.reduce(kind === 'max' ? 'largest' : 'least', joined(extremes, extreme)) as Float)
  const sum = joined(sums, add)
  // So is the sum of both infinities: only now each is looked at.
  k.if(sum.ne(sum).any(), () => {
    sweep((term) => k.if(term.ne(term).any(), () => found.set(NaN)))
  })
  return found.get()
}

/** A result for each position of a kept axis: a strip of four vectors goes down the reduced axes. */
function alongRow(
  k: Builder,
  shape: ReduceShape,
  pointers: readonly Pointer[],
  output: Pointer<'f32'>,
  { start, end, outputStep }: { readonly start: Int; readonly end: Int; readonly outputStep: Int },
  {
    identity,
    combine,
    nest,
    value,
  }: Steps & { readonly combine: (a: Term<'vector'>, b: Term<'vector'>) => Term<'vector'> },
): void {
  const strip = (first: Int, vectors: number, mask?: Mask): void => {
    const sums = Array.from({ length: vectors }, () => k.variable(k.vector(identity)))
    nest(pointers, (at) =>
      sums.forEach((sum, u) => sum.set(combine(sum.get(), value(at, first.add(u * k.lanes), mask)))),
    )
    sums.forEach((sum, u) => {
      const at = first.add(u * k.lanes)
      if (shape.outputStep === 1) {
        k.store(output.at(at), sum.get(), mask)
        return
      }
      const lane = k.laneIndex()
      for (let l = 0; l < k.lanes; l++) {
        const only = mask === undefined ? lane.eq(l) : lane.eq(l).and(mask)
        k.store(output.at(at.add(l).mul(outputStep)).at(-l), sum.get(), only)
      }
    })
  }
  const step = 4 * k.lanes
  const length = end.sub(start)
  const whole = length.div(step).mul(step)
  k.loop(0, whole, step, (i) => strip(start.add(i), 4))
  k.vectors(length.sub(whole), (i, mask) => strip(start.add(whole).add(i), 1, mask))
}
