import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { writeAll } from './partial-folder.js'

test.skipIf(!existsSync('/dev/full'))('a full disk is said to be one, and what to do', async () => {
  const file = await open('/dev/full', 'w')
  try {
    await expect(writeAll(file, new Uint8Array(5))).rejects.toThrow(
      'expected room for 5 bytes more, found a full disk; make room; the same command goes on from here',
    )
  } finally {
    await file.close()
  }
})
