export {
  type DataFormat,
  dataFormats,
  type DataPart,
  type DataSource,
  dataSourceNames,
  expandPath,
  partOf,
  recordFields,
} from './data-source.js'
export {
  type DataRecord,
  loadRecords,
  readRecords,
  type ReadRecordsOptions,
  recordOrigin,
  type RecordOrigin,
} from './read-records.js'
export { decodedText, longestText, type Reading, textLines, type TextLine, type TextPiece } from './lines.js'
export type { Answer } from './squad.js'
