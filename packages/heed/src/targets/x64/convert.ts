import { general, immediate, maskRegister, vector } from './code.js'
import { floatBits } from './float-bits.js'
import type { Lowering } from './lowering.js'
import type { Of } from './value.js'

export function lowerConvert({ name, result, a }: Of<'convert'>, lowering: Lowering): void {
  if (name === 'broadcast') return lowerBroadcast(result, a, lowering)
  const { code } = lowering
  const type = lowering.type(result)
  const isVector = lowering.isVector(result)
  if (name === 'toBits' || name === 'fromBits') {
    if (lowering.isKnown(a)) {
      const value = lowering.known(a)!
      return lowering.defineConstant(result, name === 'toBits' ? floatBits(value) : bitsFloat(value))
    }
    if (isVector) return lowering.wait(result, { kind: 'same', of: a })
    const from = lowering.register(a)
    const to = lowering.operand(type, lowering.target(result))
    code.emit('vmovd', to, from)
    return lowering.define(result, to.number)
  }
  if (isVector) {
    const from = lowering.source(a)
    const to = lowering.operand(type, lowering.target(result))
    code.emit(name === 'toFloat' ? 'vcvtdq2ps' : 'vcvttps2dq', to, from)
    return lowering.define(result, to.number)
  }
  const from = lowering.register(a)
  if (name === 'toInt') {
    const to = general(lowering.target(result))
    code.emit('vcvttss2si', to, from)
    return lowering.define(result, to.number)
  }
  // Written in part only: cleared first, so that it waits for nothing.
  const to = lowering.operand('f32', lowering.target(result))
  code.emit('vxorps', to, to, to)
  code.emit('vcvtsi2ss', to, to, from)
  lowering.define(result, to.number)
}

function bitsFloat(bits: number): number {
  return new Float32Array(new Int32Array([bits]).buffer)[0]!
}

function lowerBroadcast(result: number, a: number, lowering: Lowering): void {
  const { code } = lowering
  const type = lowering.type(result)
  const load = lowering.waitingLoad(a)
  if (load !== undefined) return lowering.wait(result, { ...load, broadcast: true })
  if (type === 'vector') {
    const from = lowering.register(a)
    const to = lowering.operand(type, lowering.target(result))
    code.emit('vbroadcastss', to, from)
    return lowering.define(result, to.number)
  }
  if (type === 'ivector') {
    const from = lowering.register(a)
    const to = lowering.operand(type, lowering.target(result))
    if (lowering.masks) code.emit('vpbroadcastd', to, from)
    else {
      code.emit('vmovd', vector(to.number, 128), from)
      code.emit('vpbroadcastd', to, vector(to.number, 128))
    }
    return lowering.define(result, to.number)
  }
  const bits = general(lowering.fresh('i32'))
  if (lowering.isKnown(a)) code.emit('mov', bits, immediate(lowering.known(a) ? -1 : 0))
  else {
    code.emit('mov', bits, lowering.register(a))
    code.emit('neg', bits)
  }
  const to = lowering.target(result)
  if (lowering.masks) code.emit('kmovw', maskRegister(to), bits)
  else {
    code.emit('vmovd', vector(to, 128), bits)
    code.emit('vpbroadcastd', vector(to, 256), vector(to, 128))
  }
  lowering.define(result, to)
}
