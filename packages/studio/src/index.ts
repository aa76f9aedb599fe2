export * from './types.js'
export { renderReport } from './report.js'
