import { logWeightOf, type Weigh } from './weights.js'

/**
 * Places in order go by buckets: so finely is a logarithm of a probability told apart, up to 64 below the
 * largest. Only one bucket at a time is put in order.
 */
const perUnit = 64
const buckets = 64 * perUnit
const masses = new Float64Array(buckets)

/** For all tokens of a vocabulary: used again, as a step of a model must not wait for memory. */
let room = { ids: new Int32Array(0), lags: new Float64Array(0), weights: new Float64Array(0) }

/**
 * The tokens that may come next, some of which are then left out. There is one set at a time: a new one takes
 * the place of that before it.
 */
export class Candidates {
  readonly #ids: Int32Array
  /** How far the logarithm of the weight is below the largest: 0 or more. */
  readonly #lags: Float64Array
  readonly #weights: Float64Array
  #count = 0
  /** The sum of the weights. */
  #mass = 0

  /**
   * @param ids those that there are; undefined: all whose logit is `least` or more
   * @param mass that of all tokens, where some are left out already that will not stay
   */
  constructor(weigh: Weigh, ids: Int32Array | undefined, least: number = -Infinity, mass?: number) {
    const { logits } = weigh
    const most = ids?.length ?? logits.length
    if (room.ids.length < most)
      room = { ids: new Int32Array(most), lags: new Float64Array(most), weights: new Float64Array(most) }
    this.#ids = room.ids
    this.#lags = room.lags
    this.#weights = room.weights
    for (let i = 0; i < most; i++) {
      const id = ids === undefined ? i : ids[i]!
      const logit = logits[id]!
      if (!(logit >= least)) continue
      const lag = -logWeightOf(weigh, logit)
      const weight = Math.exp(-lag)
      if (weight > 0) this.#add(id, lag, weight)
    }
    if (mass !== undefined) this.#mass = mass
  }

  #add(id: number, lag: number, weight: number): void {
    const place = this.#count++
    this.#ids[place] = id
    this.#lags[place] = lag
    this.#weights[place] = weight
    this.#mass += weight
  }

  /** Leaves those that are at least so likely, as a part of the likeliest one's probability. */
  keepAbove(part: number): void {
    this.#keep((place) => this.#weights[place]! >= part)
  }

  /** Leaves the least number of the likeliest that have this part of the mass. */
  keepLikeliest(part: number): void {
    this.#keepFirst(this.#lags, part)
  }

  /**
   * Leaves the least number of those of this part of the mass whose information is nearest to the entropy.
   */
  keepTypical(part: number): void {
    let lag = 0
    for (let place = 0; place < this.#count; place++) lag += this.#weights[place]! * this.#lags[place]!
    // −log p is the lag and the logarithm of the mass; the entropy is the mean of that.
    const mean = lag / this.#mass
    this.#keepFirst(
      this.#lags.subarray(0, this.#count).map((value) => Math.abs(value - mean)),
      part,
    )
  }

  /**
   * The token at this part of the row in which all stand, the likeliest first, as wide as they are likely.
   */
  pick(uniform: number): number {
    return this.#ids[this.#placeAt(this.#lags, (mass) => mass > uniform * this.#mass)]!
  }

  #keepFirst(keys: Float64Array, part: number): void {
    const enough = part * this.#mass
    const last = this.#placeAt(keys, (mass) => mass >= enough)
    const [key, id] = [keys[last]!, this.#ids[last]!]
    this.#keep((place) => keys[place]! < key || (keys[place] === key && this.#ids[place]! <= id))
  }

  #keep(stays: (place: number) => boolean): void {
    const before = this.#count
    this.#count = 0
    this.#mass = 0
    // Each is written where one was read already.
    for (let place = 0; place < before; place++)
      if (stays(place)) this.#add(this.#ids[place]!, this.#lags[place]!, this.#weights[place]!)
  }

  /**
   * Adds up the mass in the order of keys, of equals of ids: gives the place where it is `enough`, or the
   * last.
   */
  #placeAt(keys: Float64Array, enough: (mass: number) => boolean): number {
    const count = this.#count
    masses.fill(0)
    for (let place = 0; place < count; place++) masses[bucketOf(keys[place]!)]! += this.#weights[place]!
    let mass = 0
    let bucket = 0
    let last = 0
    for (; bucket < buckets; bucket++) {
      if (masses[bucket]! > 0) last = bucket
      if (masses[bucket]! > 0 && enough(mass + masses[bucket]!)) break
      mass += masses[bucket]!
    }
    if (bucket === buckets) mass -= masses[(bucket = last)]!
    const inside: number[] = []
    for (let place = 0; place < count; place++) if (bucketOf(keys[place]!) === bucket) inside.push(place)
    inside.sort((a, b) => keys[a]! - keys[b]! || this.#ids[a]! - this.#ids[b]!)
    const found = inside.find((place) => enough((mass += this.#weights[place]!)))
    return found ?? inside.at(-1)!
  }
}

function bucketOf(key: number): number {
  return Math.min(buckets - 1, Math.floor(key * perUnit))
}
