/** 1 for each of some ids up to the highest; undefined where there are none. */
export function barredIds(ids: ReadonlySet<number>, highest: number): Uint8Array | undefined {
  let barred: Uint8Array | undefined
  for (const id of ids) {
    if (id > highest) continue
    barred ??= new Uint8Array(highest + 1)
    barred[id] = 1
  }
  return barred
}
