/** What general compressors need for a text. */
import { spawnSync } from 'node:child_process'
import { gzipSync } from 'node:zlib'
import { HeedError } from 'heed'

/** Size in bytes of `gzip -9`. */
export function gzipBytes(text: Uint8Array): number {
  return gzipSync(text, { level: 9 }).length
}

/**
 * Size in bytes of `xz -9`, by the system's xz on one thread.
 *
 * @returns undefined where there is no xz.
 * @throws HeedError with what xz said, if it fails.
 */
export function xzBytes(text: Uint8Array): number | undefined {
  const result = spawnSync('xz', ['-9', '-T1', '--format=xz', '--stdout'], {
    input: text,
    maxBuffer: 1 << 30,
  })
  if ((result.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined
  if (result.status !== 0) {
    throw new HeedError({
      operation: 'xzBytes',
      expected: 'xz -9 to succeed',
      found: result.error?.message ?? result.stderr.toString().trim(),
      hint: 'check that the machine has 700 MB of memory left',
    })
  }
  return result.stdout.length
}
