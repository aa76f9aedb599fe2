import { nodeModule } from '../base/index.js'

/** @throws UsageError, as a page has no files on a disk */
export function withFileBytes(): never {
  return nodeModule('node:fs', 'read')
}

/** @throws UsageError, as a page has no files on a disk */
export function withFiles(): never {
  return nodeModule('node:fs', 'read')
}

/** @throws UsageError, as a page has no files on a disk */
export function readSmallFile(): never {
  return nodeModule('node:fs', 'read')
}
