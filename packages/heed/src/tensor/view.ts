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
 * Of a layout, those that views of it had: the same each time, so that what was once found for one holds (see
 * prepared.ts).
 */
const derived = new WeakMap<readonly Axis[], Map<string, readonly Axis[]>>()
/** A model makes a handful of views of a layout. */
const mostDerived = 32

function layoutFrom({ layout }: AnyTensor, key: string, make: () => readonly Axis[]): readonly Axis[] {
  let known = derived.get(layout)
  if (known === undefined) derived.set(layout, (known = new BoundedMap<string, readonly Axis[]>(mostDerived)))
  let found = known.get(key)
  if (found === undefined) known.set(key, (found = make()))
  return found
}

/** With its length, so that no name looks like two. */
function named(name: string): string {
  const text = String(name)
  return `${text.length} ${text}`
}

export function renameView(source: AnyTensor, names: Readonly<Record<string, string>>): Tensor {
  checkRecord('rename', names)
  let key = 'rename'
  for (const from of Object.keys(names)) key += ` ${named(from)} ${named(names[from]!)}`
  const layout = layoutFrom(source, key, () => {
    for (const [from, to] of Object.entries(names)) {
      axisOf('rename', source, from)
      validateAxis('rename', to)
    }
    const made = source.layout.map((axis) => ({ ...axis, name: names[axis.name] ?? axis.name }))
    refuseTwice('rename', made)
    return made
  })
  return viewOver(source, layout)
}

export function splitView(source: AnyTensor, name: string, into: Readonly<Record<string, number>>): Tensor {
  if (typeof into !== 'object' || (into as unknown) === null) validateShape('split', into)
  let key = `split ${named(name)}`
  for (const part of Object.keys(into)) key += ` ${named(part)} ${into[part]}`
  return viewOver(
    source,
    layoutFrom(source, key, () => splitLayout(source, name, into)),
  )
}

function splitLayout(
  source: AnyTensor,
  name: string,
  into: Readonly<Record<string, number>>,
): readonly Axis[] {
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
  return layout
}

/** The merged view, or undefined where the axes do not lie one inside the other. */
export function mergeView(source: AnyTensor, names: readonly string[], into: string): Tensor | undefined {
  validateAxis('merge', into)
  let key = `merge ${named(into)}`
  for (const name of names) key += ` ${named(name)}`
  const layout = layoutFrom(source, key, () => mergedLayout(source, names, into))
  return layout === apart ? undefined : viewOver(source, layout)
}

/** Stands for no layout. */
const apart: readonly Axis[] = []

function mergedLayout(source: AnyTensor, names: readonly string[], into: string): readonly Axis[] {
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
    if (significant[i]!.stride !== significant[i + 1]!.stride * significant[i + 1]!.size) return apart
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
  return layout
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
    layoutFrom(source, `slice ${end - start} ${name}`, () =>
      source.layout.map((other) => (other === axis ? { ...axis, size: end - start } : other)),
    ),
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
    layoutFrom(source, `at ${name}`, () => source.layout.filter((other) => other !== axis)),
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
