/** Ctrl-C, once: what runs may come to a clean end. */
export interface Interruption {
  readonly signal: AbortSignal
  /** Stops listening: the next Ctrl-C ends the process as usual. */
  end(): void
}

/** The exit status of a process that Ctrl-C ended, by convention of shells: 128 + SIGINT. */
const interruptedStatus = 130

/**
 * Listens for Ctrl-C (and for SIGTERM). The first aborts the signal, the second ends the process at once.
 *
 * @param onFirst called when the first one comes
 */
export function listenForInterruption(onFirst: () => void = () => {}): Interruption {
  const controller = new AbortController()
  const listen = (): void => {
    if (controller.signal.aborted) process.exit(interruptedStatus)
    controller.abort()
    onFirst()
  }
  process.on('SIGINT', listen)
  process.on('SIGTERM', listen)
  return {
    signal: controller.signal,
    end() {
      process.off('SIGINT', listen)
      process.off('SIGTERM', listen)
    },
  }
}
