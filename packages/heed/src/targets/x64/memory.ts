import type { MachineElement, StoredElement } from '../../kernels/index.js'
import { general, immediate, vector } from './code.js'
import type { Memory, Register } from './operand.js'
import type { Lowering } from './lowering.js'
import type { Of } from './value.js'

/** Bytes of an element. */
const sizes: Readonly<Record<MachineElement, number>> = {
  f32: 4,
  i32: 4,
  u16: 2,
  f16: 2,
  u8: 1,
  i8: 1,
}
const widening: Readonly<Partial<Record<MachineElement, string>>> = {
  u16: 'vpmovzxwd',
  f16: 'vcvtph2ps',
  u8: 'vpmovzxbd',
  i8: 'vpmovsxbd',
}

export function lowerLoad(instruction: Of<'load'>, lowering: Lowering): void {
  const { element, result, address, offset, mask } = instruction
  const { code } = lowering
  const type = lowering.type(result)
  const whole = element === 'f32' || element === 'i32'
  if (mask === undefined && whole)
    return lowering.wait(result, { kind: 'load', address, offset, broadcast: false })
  if (!lowering.isVector(result)) {
    const from = lowering.address(address, offset)
    const to = general(lowering.target(result))
    code.emit(element === 'i8' ? 'movsx' : 'movzx', to, narrow(from, element))
    return lowering.define(result, to.number)
  }
  const opcode = whole ? 'vmovups' : widening[element]!
  if (mask === undefined) {
    const from = lowering.address(address, offset)
    const to = lowering.operand(type, lowering.target(result))
    code.emit(opcode, to, from)
    return lowering.define(result, to.number)
  }
  const active = lowering.register(mask)
  const from = lowering.address(address, offset)
  if (lowering.masks) {
    const to = lowering.operand(type, lowering.target(result))
    code.masked(opcode, active.number, true, to, from)
    return lowering.define(result, to.number)
  }
  if (whole) {
    const to = lowering.operand(type, lowering.target(result))
    code.emit('vmaskmovps', to, active, from)
    return lowering.define(result, to.number)
  }
  const to = narrowMaskedLoad(element, active, from, lowering)
  lowering.define(result, to)
}

/** Memory `bytes` further on. */
function further(memory: Memory, bytes: number): Memory {
  return { ...memory, displacement: (memory.displacement ?? 0) + bytes }
}

function narrow(memory: Memory, element: MachineElement): Memory {
  return { ...memory, width: element === 'u16' ? 16 : 8 }
}

/**
 * Lane by lane, since the processor has no masked load of narrow elements: what is not asked for is not
 * touched.
 */
function narrowMaskedLoad(element: MachineElement, mask: Register, from: Memory, lowering: Lowering): number {
  const halves = [0, 1].map(() => {
    const half = vector(lowering.fresh('ivector'), 128)
    lowering.code.emit('vxorps', half, half, half)
    return half
  })
  const value = general(lowering.fresh('i32'))
  eachActive(mask, lowering, (lane) => {
    const place = narrow(further(from, lane * sizes[element]), element)
    lowering.code.emit(element === 'i8' ? 'movsx' : 'movzx', value, place)
    const half = halves[lane >> 2]!
    lowering.code.emit('vpinsrd', half, half, value, immediate(lane & 3))
  })
  const to = lowering.fresh('ivector')
  lowering.code.emit('vinserti128', vector(to, 256), vector(halves[0]!.number, 256), halves[1]!, immediate(1))
  return to
}

/** Writes `body` for each of the eight lanes, run where the mask has it. */
function eachActive(mask: Register, lowering: Lowering, body: (lane: number) => void): void {
  const { code } = lowering
  const bits = general(lowering.fresh('i32'))
  code.emit('vmovmskps', bits, mask)
  for (let lane = 0; lane < 8; lane++) {
    const skip = code.label()
    code.emit('bt', bits, immediate(lane))
    code.emit('jae', skip)
    body(lane)
    code.place(skip)
  }
}

/**
 * The gather instructions want a native address, clear their mask as they go, and three registers that
 * differ.
 */
export function lowerGather(instruction: Of<'gather'>, lowering: Lowering): void {
  const { result, address, offset, indices, mask } = instruction
  const { code, width } = lowering
  const type = lowering.type(result)
  const base = lowering.fresh('i32')
  code.emit('lea', general(base, 64), lowering.address(address, offset))
  const index = lowering.register(indices)
  const active = lowering.fresh('mask')
  if (mask === undefined) lowering.writeConstant('mask', 1, active)
  else lowering.move('mask', active, lowering.register(mask).number)
  const to = lowering.operand(type, lowering.fresh(type))
  code.emit('vxorps', to, to, to)
  const from: Memory = {
    kind: 'memory',
    base,
    index: index.number,
    scale: 4,
    vectorIndex: width,
  }
  if (lowering.masks) code.masked('vgatherdps', active, false, to, from)
  else code.emit('vgatherdps', to, from, vector(active, width))
  lowering.define(result, to.number)
}

export function lowerStore(instruction: Of<'store'>, lowering: Lowering): void {
  const { element, value, address, offset, mask, past } = instruction
  const { code } = lowering
  const from = lowering.register(value)
  const active = mask === undefined ? undefined : lowering.register(mask)
  lowering.settleLoads()
  const to = lowering.address(address, offset)
  if (from.file === 'general') {
    code.emit('mov', to, general(from.number, (8 * sizes[element]) as 8 | 16 | 32))
    return
  }
  if (!lowering.isVector(value)) {
    code.emit('vmovss', to, from)
    return
  }
  if (past) {
    code.emit('vmovntps', to, from)
    lowering.storesPast = true
    return
  }
  const whole = element === 'f32' || element === 'i32'
  if (lowering.masks) {
    const opcode = whole ? 'vmovups' : element === 'u16' ? 'vpmovdw' : 'vpmovdb'
    if (active === undefined) code.emit(opcode, to, from)
    else code.masked(opcode, active.number, false, to, from)
    return
  }
  if (whole) {
    if (active === undefined) code.emit('vmovups', to, from)
    else code.emit('vmaskmovps', to, active, from)
    return
  }
  if (active === undefined) return narrowStore(element, to, from, lowering)
  const halves = [vector(from.number, 128), vector(lowering.fresh('ivector'), 128)]
  code.emit('vextracti128', halves[1]!, from, immediate(1))
  const lane32 = general(lowering.fresh('i32'))
  eachActive(active, lowering, (lane) => {
    code.emit('vpextrd', lane32, halves[lane >> 2]!, immediate(lane & 3))
    code.emit(
      'mov',
      further(to, lane * sizes[element]),
      general(lane32.number, (8 * sizes[element]) as 8 | 16),
    )
  })
}

/** The low 16 or 8 bits of each lane, gathered within halves and then joined. */
function narrowStore(element: StoredElement, to: Memory, from: Register, lowering: Lowering): void {
  const { code } = lowering
  const pick = element === 'u16' ? [0x05040100, 0x0d0c0908, -1, -1] : [0x0c080400, -1, -1, -1]
  const packed = lowering.temporary('ivector')
  code.emit('vpshufb', packed, from, { kind: 'memory', constant: lowering.pool([...pick, ...pick]) })
  const upper = vector(lowering.fresh('ivector'), 128)
  code.emit('vextracti128', upper, packed, immediate(1))
  const joined = vector(lowering.fresh('ivector'), 128)
  if (element === 'u16') {
    code.emit('vpunpcklqdq', joined, vector(packed.number, 128), upper)
    code.emit('vmovups', to, joined)
  } else {
    code.emit('vpunpckldq', joined, vector(packed.number, 128), upper)
    code.emit('vmovq', to, joined)
  }
}
