import type { GradientRule } from './rule.js'

/** Rows of the table for what picks, places and drops elements. */
export const gatherGradients: Record<string, GradientRule> = {}
