import { type Int, kernel, type Kernel, type ParameterType, type Pointer } from '../language/index.js'
import type { ParameterTable } from './emit.js'
import { decode } from './map.js'

/**
 * Rows and columns of a tile: a run of elements that is worth a page, and a tile that fits the nearest cache.
 */
export const tileSide = 64

const kernels = new Map<string, Kernel>()

/**
 * A copy whose innermost axis is another one than the source's. A task moves one tile: rows come in as they
 * lie and go to the scratch memory, columns are picked up there, so that every line of either tensor is
 * touched once. Scratch: tileSide × (tileSide + 16) elements.
 */
export function transposeKernel(element: 'f32' | 'i32', outer: number): Kernel {
  const name = `transpose ${element}, ${outer} axes around`
  let made = kernels.get(name)
  if (made === undefined) {
    made = write(name, element, outer)
    kernels.set(name, made)
  }
  return made
}

function write(name: string, element: 'f32' | 'i32', outer: number): Kernel {
  const declared: Record<string, ParameterType> = {
    source: `${element}*`,
    target: `${element}*`,
    // Along `read` the source's elements are adjacent, along `written` the target's.
    readSize: 'i32',
    writtenSize: 'i32',
    readTiles: 'i32',
    writtenTiles: 'i32',
    targetStride: 'i32',
    sourceStride: 'i32',
  }
  for (let axis = 0; axis < outer; axis++)
    Object.assign(declared, { [`size${axis}`]: 'i32', [`from${axis}`]: 'i32', [`to${axis}`]: 'i32' })
  return kernel(name, declared, (k, given, task) => {
    const p = given as unknown as ParameterTable
    const int = (key: string): Int => p[key] as Int
    const sizes = Array.from({ length: outer }, (_, axis) => int(`size${axis}`))
    const positions = decode(task, [...sizes, int('readTiles'), int('writtenTiles')])
    const [r, w] = [positions[outer]!.mul(tileSide), positions[outer + 1]!.mul(tileSide)]
    let source = p.source as Pointer<'f32'>
    let target = p.target as Pointer<'f32'>
    for (let axis = 0; axis < outer; axis++) {
      source = source.at(positions[axis]!.mul(int(`from${axis}`)))
      target = target.at(positions[axis]!.mul(int(`to${axis}`)))
    }
    source = source.at(r).at(w.mul(int('sourceStride')))
    target = target.at(w).at(r.mul(int('targetStride')))
    const rows = int('writtenSize').sub(w).min(tileSide)
    const columns = int('readSize').sub(r).min(tileSide)
    // A row of the tile is a vector longer than it needs to be, lest a column fall into few sets of the
    // cache.
    const pitch = tileSide + k.lanes
    const tile = k.scratch(element) as Pointer<'f32'>
    k.loop(0, rows, 1, (row) => {
      const from = source.at(row.mul(int('sourceStride')))
      const to = tile.at(row.mul(pitch))
      k.vectors(columns, (i, mask) => k.store(to.at(i), k.load(from.at(i), mask), mask))
    })
    const down = k.laneIndex().mul(pitch)
    k.loop(0, columns, 1, (column) => {
      const from = tile.at(column)
      const to = target.at(column.mul(int('targetStride')))
      k.vectors(rows, (i, mask) => k.store(to.at(i), k.gather(from.at(i.mul(pitch)), down, mask), mask))
    })
  })
}
