import type { Instruction, MachineElement, StoredElement } from '../../kernels/index.js'
import type { Lowering } from './lowering.js'
import { allLanes } from './lowering.js'
import type { Node } from './node.js'
import { branch, int, lane, memory, memoryLane, node, shuffle } from './node.js'

/** log2 of an element's bytes. */
const alignments: Readonly<Record<MachineElement, number>> = { f32: 2, i32: 2, u16: 1, f16: 1, u8: 0, i8: 0 }
const scalarLoads: Readonly<Record<StoredElement, string>> = {
  f32: 'f32.load',
  i32: 'i32.load',
  u16: 'i32.load16_u',
  u8: 'i32.load8_u',
  i8: 'i32.load8_s',
}
const scalarStores: Readonly<Record<StoredElement, string>> = {
  f32: 'f32.store',
  i32: 'i32.store',
  u16: 'i32.store16',
  u8: 'i32.store8',
  i8: 'i32.store8',
}

/** Masked loads read everything and clear the lanes outside: the heap's guard makes that safe. */
export function lowerLoad(instruction: Instruction & { op: 'load' }, lowering: Lowering): void {
  const { element, result, offset } = instruction
  const alignment = alignments[element]
  if (!lowering.isVector(result)) {
    const address = lowering.use(instruction.address)
    lowering.define(
      result,
      [memory(scalarLoads[element as StoredElement], alignment, offset, address.parts[0]!)],
      [address],
      true,
    )
    return
  }
  const address =
    lowering.parts > 1 ? lowering.repeat(instruction.address) : lowering.use(instruction.address)
  const from = [address]
  let parts = Array.from({ length: lowering.parts }, (_, part) =>
    vectorLoad(element, alignment, offset + part * (4 << alignment), address.parts[0]!),
  )
  if (instruction.mask !== undefined) {
    const mask = lowering.use(instruction.mask)
    from.push(mask)
    parts = parts.map((part, index) => node('v128.and', part, mask.parts[index]!))
  }
  lowering.define(result, parts, from, true)
}

function vectorLoad(element: MachineElement, alignment: number, offset: number, address: Node): Node {
  if (element === 'u16') return memory('v128.load16x4_u', alignment, offset, address)
  if (element === 'f32' || element === 'i32') return memory('v128.load', alignment, offset, address)
  const bytes = memory('v128.load32_zero', alignment, offset, address)
  return element === 'u8'
    ? node('i32x4.extend_low_i16x8_u', node('i16x8.extend_low_i8x16_u', bytes))
    : node('i32x4.extend_low_i16x8_s', node('i16x8.extend_low_i8x16_s', bytes))
}

/** Lanes outside the mask read the start of the heap instead: no branches, and nothing out of bounds. */
export function lowerGather(instruction: Instruction & { op: 'gather' }, lowering: Lowering): void {
  const { result, offset } = instruction
  const address = lowering.repeat(instruction.address).parts[0]!
  const base = lowering.keep('v128', node('i32x4.splat', address))
  const indices = lowering.use(instruction.indices)
  const mask = instruction.mask === undefined ? undefined : lowering.repeat(instruction.mask)
  const parts = indices.parts.map((part, index) => {
    const sum = node('i32x4.add', node('i32x4.shl', part, int(2)), base)
    const addresses = lowering.keep('v128', mask ? node('v128.and', sum, mask.parts[index]!) : sum)
    let gathered = memory('v128.load32_zero', 2, offset, lane('i32x4.extract_lane', 0, addresses))
    for (let i = 1; i < 4; i++)
      gathered = memoryLane(
        'v128.load32_lane',
        2,
        offset,
        i,
        lane('i32x4.extract_lane', i, addresses),
        gathered,
      )
    return mask ? node('v128.and', gathered, mask.parts[index]!) : gathered
  })
  // `indices` was placed by now; only the loads are still to come.
  lowering.define(result, parts, [{ parts, depth: 6, memory: true, variables: mask?.variables ?? [] }], true)
}

export function lowerStore(instruction: Instruction & { op: 'store' }, lowering: Lowering): void {
  const { element, offset } = instruction
  const alignment = alignments[element]
  if (!lowering.isVector(instruction.value)) {
    const [value, address] = [lowering.use(instruction.value), lowering.use(instruction.address)]
    lowering.settleMemory()
    lowering.emit(memory(scalarStores[element], alignment, offset, address.parts[0]!, value.parts[0]!))
    return
  }
  if (instruction.mask !== undefined) return maskedStore(instruction, instruction.mask, alignment, lowering)
  const once = lowering.parts === 1
  const address = once ? lowering.use(instruction.address) : lowering.repeat(instruction.address)
  const value = lowering.use(instruction.value)
  // The first part's store must not change what the second part still has to load.
  const parts = value.memory && !once ? value.parts.map((part) => lowering.keep('v128', part)) : value.parts
  lowering.settleMemory()
  parts.forEach((part, index) =>
    lowering.emit(
      vectorStore(element, alignment, offset + index * (4 << alignment), address.parts[0]!, part),
    ),
  )
}

function vectorStore(
  element: StoredElement,
  alignment: number,
  offset: number,
  address: Node,
  value: Node,
): Node {
  if (alignment === 2) return memory('v128.store', 2, offset, address, value)
  const zero: Node = { name: 'v128.const', immediates: allLanes(0), operands: [] }
  if (element === 'u16')
    return memoryLane(
      'v128.store64_lane',
      1,
      offset,
      0,
      address,
      shuffle([0, 1, 4, 5, 8, 9, 12, 13, 16, 16, 16, 16, 16, 16, 16, 16], value, zero),
    )
  return memoryLane(
    'v128.store32_lane',
    0,
    offset,
    0,
    address,
    shuffle([0, 4, 8, 12, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16], value, zero),
  )
}

/** Four lanes at once where all are active; else lane by lane, since another thread may own the others. */
function maskedStore(
  instruction: Instruction & { op: 'store' },
  maskId: number,
  alignment: number,
  lowering: Lowering,
): void {
  const { element, offset } = instruction
  const address = lowering.repeat(instruction.address).parts[0]!
  const value = lowering.repeat(instruction.value)
  const mask = lowering.use(maskId)
  const name = ({ 2: 'v128.store32_lane', 1: 'v128.store16_lane', 0: 'v128.store8_lane' } as const)[
    alignment as 0 | 1 | 2
  ]
  const active = mask.parts.map((part) => lowering.keep('i32', node('i32x4.bitmask', part)))
  lowering.settleMemory()
  value.parts.forEach((part, index) => {
    const start = offset + index * (4 << alignment)
    const single = [0, 1, 2, 3].map((i) =>
      branch(node('i32.and', active[index]!, int(1 << i)), [
        memoryLane(name, alignment, start + (i << alignment), i * (4 >> alignment), address, part),
      ]),
    )
    lowering.emit(
      branch(
        node('i32.eq', active[index]!, int(15)),
        [vectorStore(element, alignment, start, address, part)],
        [branch(active[index]!, single)],
      ),
    )
  })
}
