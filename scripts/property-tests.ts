import fc from 'fast-check'

// The same commit draws the same cases, so that a red run can be repeated; HEED_SEED=n draws others.
// HEED_LONG=n runs every property n times as often (where a property does not fix its own count).
const factor = Number(process.env.HEED_LONG ?? 1)
const seed = Number(process.env.HEED_SEED ?? 1)
fc.configureGlobal({ seed, numRuns: Math.ceil(100 * factor) })
