import { readPicture, type DataRecord, type Picture } from 'heed'

/** The tasks whose records have pictures. */
export const ofPictures: readonly string[] = ['image-to-text', 'image-text-contrast']

/**
 * Records with the pictures that their paths name, over white where they are transparent. What several
 * records name is decoded once.
 *
 * @throws {FormatError} for a file that is no picture
 */
export async function withPictures(
  records: readonly DataRecord[],
  signal: AbortSignal,
  told: (done: number) => void,
): Promise<readonly DataRecord[]> {
  const known = new Map<string, Picture>()
  const found: DataRecord[] = []
  for (const record of records) {
    signal.throwIfAborted()
    const { image } = record
    if (typeof image !== 'string') {
      found.push(record)
      continue
    }
    let picture = known.get(image)
    if (picture === undefined) {
      known.set(image, (picture = await readPicture(image, { transparency: 'white' })))
      if (known.size % 100 === 0) told(known.size)
    }
    found.push({ ...record, image: picture })
  }
  return found
}
