/** The methods of iterators that engines have had since V8 12.2 and that jax-js calls; Node 20 lacks them. */
export function installIteratorHelpers(): void {
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf([].values())) as Record<string, unknown>
  const helpers: Record<string, (this: Iterable<unknown>, f: (value: unknown) => unknown) => unknown> = {
    *map(f) {
      for (const value of this) yield f(value)
    },
    *filter(f) {
      for (const value of this) if (f(value)) yield value
    },
    toArray() {
      return [...this]
    },
    some(f) {
      for (const value of this) if (f(value)) return true
      return false
    },
    every(f) {
      for (const value of this) if (!f(value)) return false
      return true
    },
  }
  for (const [name, helper] of Object.entries(helpers))
    if (!(name in prototype))
      Object.defineProperty(prototype, name, { value: helper, configurable: true, writable: true })
}
