import { codePointAt, unitsBefore } from '../byte-alphabet.js'
import type { Component } from '../steps/component.js'
import type { NormalizedText } from '../steps/normalized-text.js'
import type { Normalizer } from '../steps/pieces.js'
import { Rewriter } from '../steps/rewriter.js'
import { combiningClass } from '../unicode/index.js'
import { compose, composesBackward } from './composition.js'
import { decompositions, type Decompositions } from './decomposition.js'
import { Segment } from './segment.js'

type Form = 'NFC' | 'NFD' | 'NFKC' | 'NFKD'

/** A normal form of Unicode (UAX #15), as it is in Unicode 9. */
export interface NormalFormDefinition<Name extends Form = Form> {
  readonly type: Name
}

export const nfc: Component<NormalFormDefinition<'NFC'>, Normalizer> = component('NFC')
export const nfd: Component<NormalFormDefinition<'NFD'>, Normalizer> = component('NFD')
export const nfkc: Component<NormalFormDefinition<'NFKC'>, Normalizer> = component('NFKC')
export const nfkd: Component<NormalFormDefinition<'NFKD'>, Normalizer> = component('NFKD')

function component<Name extends Form>(form: Name): Component<NormalFormDefinition<Name>, Normalizer> {
  return {
    read: () => ({ type: form }),
    create: () => inForm(form),
  }
}

/** Puts texts into a normal form. */
export function inForm(form: Form): Normalizer {
  const normalForm = forms.get(form) ?? new NormalForm(form)
  forms.set(form, normalForm)
  return (input) => normalForm.apply(input)
}

const forms = new Map<Form, NormalForm>()

class NormalForm {
  readonly #composes: boolean
  readonly #decompositions: Decompositions
  /** The first character that isn't settled. */
  readonly #first: number
  /** 256 flags a page, 1 for characters that aren't settled. */
  readonly #pages: (Uint8Array | undefined)[] = []
  readonly #segment: Segment

  constructor(form: Form) {
    this.#composes = form.endsWith('C')
    this.#decompositions = decompositions(form.includes('K'))
    this.#first = form === 'NFC' ? 0x300 : form === 'NFD' ? 0xc0 : 0xa0
    this.#segment = new Segment(this.#decompositions, this.#composes)
  }

  apply(input: NormalizedText): NormalizedText {
    const { text } = input
    const first = this.#first
    let rewriter: Rewriter | undefined
    let done = 0
    for (let at = 0; ;) {
      while (at < text.length && text.charCodeAt(at) < first) at++
      if (at >= text.length) break
      const point = codePointAt(text, at)
      if (this.#isSettled(point)) {
        at += point > 0xffff ? 2 : 1
        continue
      }
      // What comes before is a starter, and may compose with what is here.
      const start = this.#composes && at > done ? at - unitsBefore(text, at, done) : at
      while (at < text.length) {
        const next = codePointAt(text, at)
        if (next < first || this.#isSettled(next)) break
        at += next > 0xffff ? 2 : 1
      }
      if (!this.#segment.read(text, start, at)) continue
      rewriter ??= new Rewriter(input)
      rewriter.keep(done, start)
      this.#segment.write(rewriter, input)
      done = at
    }
    if (rewriter === undefined) return input
    rewriter.keep(done, text.length)
    return rewriter.finish()
  }

  /**
   * Whether a character stays as it is whatever comes before it, and nothing moves past it. One that is
   * settled may still compose with what comes after.
   */
  #isSettled(point: number): boolean {
    return (this.#pages[point >> 8] ?? this.#build(point >> 8))[point & 255] === 0
  }

  #build(number: number): Uint8Array {
    const page = new Uint8Array(256)
    for (let low = 0; low < 256; low++) if (!this.#settles(number * 256 + low)) page[low] = 1
    return (this.#pages[number] = page)
  }

  #settles(point: number): boolean {
    if (point < this.#first) return true
    if (combiningClass(point) > 0) return false
    const decomposed = this.#decompositions.of(point)
    if (!this.#composes) return decomposed === undefined
    if (composesBackward(point)) return false
    if (decomposed === undefined) return true
    let composed = -1
    for (const letter of decomposed) {
      const next = letter.codePointAt(0)!
      if (composed < 0 && composesBackward(next)) return false
      composed = composed < 0 ? next : compose(composed, next)
      if (composed < 0) return false
    }
    return composed === point
  }
}
