/** The 32 bits of a float. */
export function floatBits(value: number): number {
  return new Int32Array(new Float32Array([value]).buffer)[0]!
}
