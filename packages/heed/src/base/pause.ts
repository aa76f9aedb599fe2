/** Lets signals, timers and input be handled, and goes on as soon as they are. */
export function pause(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else if (typeof MessageChannel === 'function') {
      // Browsers make a timer wait for 4 milliseconds, and a message not.
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => {
        port1.close()
        resolve()
      }
      port2.postMessage(undefined)
    } else setTimeout(resolve, 0)
  })
}
