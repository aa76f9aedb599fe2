import { foundAt, nodeModule } from '../../base/index.js'
import { decodedText, type Reading, type TextPiece, wrongText } from './lines.js'

/** Bytes that a file may have once it is unpacked: a small file can stand for more than any disk holds. */
const mostBytes = 2 ** 33

/**
 * The text of a file piece by piece; of a `.gz` file that of what is packed in it.
 *
 * @throws FormatError for a file that can't be read, is damaged, or is no UTF-8
 */
export function fileText(reading: Reading): AsyncGenerator<TextPiece> {
  return decodedText(fileChunks(reading), reading)
}

async function* fileChunks(reading: Reading): AsyncGenerator<Uint8Array> {
  const { name, operation } = reading
  const { createReadStream } = nodeModule<typeof import('node:fs')>('node:fs', operation)
  const file = createReadStream(name)
  const unpacked = /\.gz$/i.test(name) ? unpack(operation) : undefined
  if (unpacked !== undefined) {
    file.on('error', (error) => unpacked.destroy(error))
    file.pipe(unpacked)
  }
  let bytes = 0
  try {
    for await (const chunk of (unpacked ?? file) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length
      if (bytes > mostBytes) throw wrongText(reading, `at most ${mostBytes} bytes in '${name}'`, 'more')
      yield chunk
    }
  } catch (cause) {
    if ((cause as { code?: unknown }).code === undefined) throw cause
    const what = unpacked === undefined ? 'a file that can be read' : 'a file that can be read and unpacked'
    throw wrongText(reading, what, foundAt(name, cause), cause)
  } finally {
    file.destroy()
    unpacked?.destroy()
  }
}

function unpack(operation: string): import('node:zlib').Gunzip {
  return nodeModule<typeof import('node:zlib')>('node:zlib', operation).createGunzip()
}
