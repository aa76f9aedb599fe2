import { writeFileWhole } from 'heed/internals'
import { renderReport, type Report } from '@heed/studio'

export { titleOf } from '@heed/studio'

/**
 * Writes the page that shows a report: one file that asks nobody for anything.
 *
 * @throws {UsageError} where the report can't be shown on a page: a text too long
 * @throws {HeedError} where the file can't be written
 */
export async function writeReport(path: string, report: Report): Promise<void> {
  await writeFileWhole(path, new TextEncoder().encode(renderReport(report)))
}
