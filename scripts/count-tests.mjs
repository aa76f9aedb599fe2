// Prints "PASSED FAILED" out of a report of vitest's json reporter. A file that did not load, a report that
// is missing and a run that failed in any other way each count as one failure, so that none goes unseen.
//
//   node scripts/count-tests.mjs REPORT EXIT_STATUS

import { readFileSync } from 'node:fs'

const [reportFile, exitStatus] = process.argv.slice(2)
let passed = 0
let failed = 0
try {
  const report = JSON.parse(readFileSync(reportFile, 'utf8'))
  passed = report.numPassedTests
  failed = report.numFailedTests
  for (const { status, assertionResults } of report.testResults) {
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) failed++
  }
} catch (error) {
  console.error(`no report of the tests: ${error.message}`)
}
if (exitStatus !== '0' && failed === 0) failed = 1
console.log(`${passed} ${failed}`)
