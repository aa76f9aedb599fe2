export * from './cell.js'
export { gruCellOf } from './gru.js'
export { lstmCellOf } from './lstm.js'
