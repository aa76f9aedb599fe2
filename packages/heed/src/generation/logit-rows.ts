import { heapView, type Tensor } from '../tensor/index.js'

/** The logits of a step as numbers, in an array that is used again in the next. */
export class LogitRows {
  #numbers: Float32Array | Float64Array = new Float32Array(0)
  #vocabulary = 0

  read(logits: Tensor<'row' | 'vocabulary'>): void {
    const [rows, vocabulary] = [logits.size('row'), logits.size('vocabulary')]
    const strides = new Map(logits.layout.map(({ name, stride }) => [name, stride]))
    const inOrder = strides.get('vocabulary') === 1 && (rows === 1 || strides.get('row') === vocabulary)
    const found = (inOrder ? heapView(logits) : logits.values(['row', 'vocabulary'])) as
      | Float32Array
      | Float64Array
    const room = this.#numbers
    if (room.length < found.length || room.constructor !== found.constructor)
      this.#numbers = found instanceof Float64Array ? new Float64Array(found) : new Float32Array(found)
    else room.set(found)
    this.#vocabulary = vocabulary
  }

  /** Of a row: as a view, which may be written to until the next step. */
  row(index: number): Float32Array | Float64Array {
    return this.#numbers.subarray(index * this.#vocabulary, (index + 1) * this.#vocabulary)
  }
}
