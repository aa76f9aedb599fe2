/** The character at a place of UTF-16 code units without lone surrogates. */
export function codePointOf(units: Uint16Array, at: number): number {
  const unit = units[at]!
  return (unit & 0xfc00) === 0xd800 ? 0x10000 + ((unit - 0xd800) << 10) + (units[at + 1]! - 0xdc00) : unit
}
