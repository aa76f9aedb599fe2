export * from './few-shot.js'
export * from './logistic-regression.js'
