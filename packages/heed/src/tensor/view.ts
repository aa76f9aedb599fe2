import { BoundedMap, ShapeError, validateAxis, validateShape, inWords, UsageError } from '../base/index.js'
import { type AnyTensor, type Axis, axisOf, type Tensor, Tensor as TensorClass } from './tensor.js'

// Other names, sizes or parts for the same elements: no element moves. The gradients stand in autograd's
// table.

/** A tensor over the same storage. */
export function viewOver(source: AnyTensor, layout: readonly Axis[], offset: number = source.offset): Tensor {
  if (source.freed) void source.address // a freed tensor has no views
  return new TensorClass(source.storage.retain(), layout, offset)
}

/**
 * Of a layout, those that other names gave: the same each time, so that a number once found for one holds
 * (see prepared.ts).
 */
const renamed = new WeakMap<readonly Axis[], Map<string, readonly Axis[]>>()
/** A model gives a layout a handful of other names. */
const mostRenamings = 32

export function renameView(source: AnyTensor, names: Readonly<Record<string, string>>): Tensor {
  checkRecord('rename', names)
  let key = ''
  // With lengths, so that no name looks like two.
  for (const from of Object.keys(names))
    key += `${from.length} ${from}>${names[from]?.length} ${names[from]},`
  let known = renamed.get(source.layout)
  let layout = known?.get(key)
  if (layout === undefined) {
    for (const [from, to] of Object.entries(names)) {
      axisOf('rename', source, from)
      validateAxis('rename', to)
    }
    layout = source.layout.map((axis) => ({ ...axis, name: names[axis.name] ?? axis.name }))
    refuseTwice('rename', layout)
    if (known === undefined)
      renamed.set(source.layout, (known = new BoundedMap<string, readonly Axis[]>(mostRenamings)))
    known.set(key, layout)
  }
  return viewOver(source, layout)
}

export function splitView(source: AnyTensor, name: string, into: Readonly<Record<string, number>>): Tensor {
  const axis = axisOf('split', source, name)
  validateShape('split', into)
  const parts = Object.entries(into)
  const product = parts.reduce((count, [, size]) => count * size, 1)
  if (product !== axis.size) {
    throw new ShapeError({
      operation: 'split',
      axis: name,
      expected: `sizes whose product is ${axis.size}, the size of '${name}'`,
      found: `${parts.map(([part, size]) => `${part} ${size}`).join(', ')} (product ${product})`,
      hint: 'choose sizes that divide the axis',
    })
  }
  let stride = axis.stride * axis.size
  const inner = parts.map(([part, size]) => ({ name: part, size, stride: (stride /= size || 1) }))
  const layout = source.layout.flatMap((other) => (other === axis ? inner : [other]))
  refuseTwice('split', layout)
  return viewOver(source, layout)
}

/** The merged view, or undefined where the axes do not lie one inside the other. */
export function mergeView(source: AnyTensor, names: readonly string[], into: string): Tensor | undefined {
  validateAxis('merge', into)
  const axes = names.map((name) => axisOf('merge', source, name))
  if (axes.length === 0 || new Set(axes).size !== axes.length) {
    throw new ShapeError({
      operation: 'merge',
      expected: 'at least one axis, each once',
      found: names.join(', ') || 'none',
      hint: 'name the axes that become one, the outermost first',
    })
  }
  const significant = axes.filter(({ size }) => size !== 1)
  for (let i = 0; i + 1 < significant.length; i++) {
    if (significant[i]!.stride !== significant[i + 1]!.stride * significant[i + 1]!.size) return undefined
  }
  const merged = {
    name: into,
    size: axes.reduce((count, { size }) => count * size, 1),
    stride: significant[significant.length - 1]?.stride ?? 1,
  }
  const layout = source.layout.flatMap((axis) =>
    axis === axes[0] ? [merged] : axes.includes(axis) ? [] : [axis],
  )
  refuseTwice('merge', layout)
  return viewOver(source, layout)
}

export function sliceView(source: AnyTensor, name: string, start: number, end: number): Tensor {
  const axis = axisOf('slice', source, name)
  if (!(Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end && end <= axis.size)) {
    throw new ShapeError({
      operation: 'slice',
      axis: name,
      expected: `0 ≤ start ≤ end ≤ ${axis.size}`,
      found: `start ${start}, end ${end}`,
      hint: 'positions count from 0; the end is not included',
    })
  }
  return viewOver(
    source,
    source.layout.map((other) => (other === axis ? { ...axis, size: end - start } : other)),
    source.offset + start * axis.stride,
  )
}

export function atView(source: AnyTensor, name: string, position: number): Tensor {
  const axis = axisOf('at', source, name)
  if (!(Number.isInteger(position) && 0 <= position && position < axis.size)) {
    throw new ShapeError({
      operation: 'at',
      axis: name,
      expected: `a position from 0 to ${axis.size - 1}`,
      found: inWords(position),
      hint: 'positions count from 0',
    })
  }
  return viewOver(
    source,
    source.layout.filter((other) => other !== axis),
    source.offset + position * axis.stride,
  )
}

/** @throws UsageError unless it is a record */
function checkRecord(operation: string, names: unknown): void {
  if (typeof names === 'object' && names !== null && !Array.isArray(names)) return
  throw new UsageError({
    operation,
    expected: 'a record of names',
    found: inWords(names),
    hint: "write { position: 'key' }",
  })
}

function refuseTwice(operation: string, layout: readonly Axis[]): void {
  const twice = layout.find(({ name }, i) => layout.findIndex((other) => other.name === name) !== i)
  if (twice)
    throw new ShapeError({
      operation,
      axis: twice.name,
      expected: 'each axis name once',
      found: `'${twice.name}' twice`,
      hint: 'choose another name',
    })
}
