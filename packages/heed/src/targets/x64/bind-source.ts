/**
 * For the source text of threads, whose `memory`, `words` and path of `koffi` it uses: gives `bind` the
 * function that makes a kernel of an address. A native library must not be loaded by a thread that is being
 * ended: Node would abort. Who ends threads waits for those that are counted in `loading`, or forbids them.
 * Before `load(null)` koffi 3 has no memory to call with.
 */
export const bindSource: string = `
  const binder = (library) => {
    library.load(null)
    const heap = Number(library.address(new Uint8Array(memory.buffer)))
    const type = library.proto('void', ['int64_t', 'uint32_t', 'int32_t', 'int32_t', 'uint32_t'])
    return (address) => {
      const call = library.decode(BigInt(address), type)
      return (parameters, begin, end, scratch) => call(heap, parameters, begin, end, scratch)
    }
  }
  if (koffi !== undefined) {
    const ended = Atomics.add(words, loading, 1) < 0
    try {
      if (!ended) bind = binder(require(koffi))
    } catch (error) {
      bind = () => { throw error }
    }
    Atomics.sub(words, loading, 1)
    Atomics.notify(words, loading)
    if (ended) return
  }`
