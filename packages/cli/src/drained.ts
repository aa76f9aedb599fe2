import { once } from 'node:events'

/** Waits where the reader of a pipe is slower. */
export async function drained(output: object): Promise<void> {
  const stream = output as NodeJS.WriteStream
  if (stream.writableNeedDrain) await once(stream, 'drain')
}
