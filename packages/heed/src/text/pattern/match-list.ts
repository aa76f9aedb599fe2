/** Where matches are in a text, [start, end) each, in UTF-16 code units. They may be empty. */
export class MatchList {
  /** The starts and ends of the first `length` matches, alternately. */
  places: Int32Array = new Int32Array(128)
  length = 0

  push(start: number, end: number): void {
    const at = 2 * this.length++
    if (at === this.places.length) {
      const longer = new Int32Array(2 * at)
      longer.set(this.places)
      this.places = longer
    }
    this.places[at] = start
    this.places[at + 1] = end
  }
}
