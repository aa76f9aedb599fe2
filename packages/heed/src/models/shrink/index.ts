export { type ShrinkOptions, shrinkEncoder } from './shrink-encoder.js'
