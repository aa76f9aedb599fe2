/** What is done with each text, and said at the end. */
export interface TextWork {
  /** What is printed of a text. `isGiven`: it was an argument. */
  show(text: string, isGiven: boolean): string
  /** What is printed at the end. */
  summary(): string
}
