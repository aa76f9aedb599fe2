import { disposedByUsing } from '../base/index.js'
import { register, whenOutliving } from './scope.js'
import type { Storage } from './storage.js'

/**
 * What holds one reference to a storage: freed by `dispose()`, by the `scope()` it was made in, or at the
 * latest when it is garbage.
 */
export abstract class Holder {
  /** `using it = …` frees it at the end of the block. */
  declare readonly [Symbol.dispose]: () => void
  readonly storage: Storage
  #freed = false
  #watched = false

  /** Takes over one reference to `storage`. */
  constructor(storage: Storage) {
    this.storage = storage
    register(this)
  }

  get freed(): boolean {
    return this.#freed
  }

  /**
   * What no scope will free: from now on it is freed when it is garbage. Until then a scope holds it; to
   * watch what lives so shortly would cost more than to make it.
   */
  static {
    whenOutliving((freed) => {
      const holder = freed as Holder
      if (holder.#watched) return
      holder.#watched = true
      collected.register(holder, holder.storage, holder)
    })
  }

  /** In words. */
  abstract toString(): string

  dispose(): void {
    if (this.#freed) return
    this.#freed = true
    if (this.#watched) collected.unregister(this)
    this.storage.release()
  }
}

disposedByUsing(Holder)
// What console.log shows in Node.
Object.defineProperty(Holder.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: Holder) {
    return this.toString()
  },
})

const collected = new FinalizationRegistry<Storage>((storage) => storage.release())
