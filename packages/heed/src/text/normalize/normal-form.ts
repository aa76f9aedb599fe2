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

/** A character stays as it is whatever comes before it, and nothing moves past it. It may yet compose. */
const settled = 0
/** In a form that doesn't compose: it is taken apart, and nothing before it matters. */
const begins = 1
/** What comes before it matters. */
const follows = 2

const forms = new Map<Form, NormalForm>()

class NormalForm {
  readonly #composes: boolean
  readonly #decompositions: Decompositions
  /** The first character that isn't settled. */
  readonly #first: number
  /** How characters stand to those before them, 256 a page. */
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
      const stand = this.#standOf(point)
      const next = at + (point > 0xffff ? 2 : 1)
      if (stand === settled) {
        at = next
        continue
      }
      if (stand === begins && (next === text.length || this.#standOf(codePointAt(text, next)) !== follows)) {
        rewriter ??= new Rewriter(input)
        rewriter.keep(done, at)
        rewriter.put(this.#decompositions.of(point)!, at, next)
        done = at = next
        continue
      }
      // What comes before is a starter, and may compose with what is here.
      const start = this.#composes && at > done ? at - unitsBefore(text, at, done) : at
      for (at = next; at < text.length;) {
        const following = codePointAt(text, at)
        if (this.#standOf(following) !== follows) break
        at += following > 0xffff ? 2 : 1
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

  #standOf(point: number): number {
    return (this.#pages[point >> 8] ?? this.#build(point >> 8))[point & 255]!
  }

  #build(number: number): Uint8Array {
    return (this.#pages[number] = Uint8Array.from({ length: 256 }, (_, low) =>
      this.#find(number * 256 + low),
    ))
  }

  #find(point: number): number {
    if (point < this.#first) return settled
    if (combiningClass(point) > 0) return follows
    const decomposed = this.#decompositions.of(point)
    if (!this.#composes) {
      if (decomposed === undefined) return settled
      return combiningClass(codePointAt(decomposed, 0)) > 0 ? follows : begins
    }
    if (composesBackward(point)) return follows
    if (decomposed === undefined) return settled
    let composed = -1
    for (const letter of decomposed) {
      const next = letter.codePointAt(0)!
      if (composed < 0 && composesBackward(next)) return follows
      composed = composed < 0 ? next : compose(composed, next)
      if (composed < 0) return follows
    }
    return composed === point ? settled : follows
  }
}
