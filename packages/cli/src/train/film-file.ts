import { Film, frameFrom, type Frame, type Scene } from './film.js'
import { History } from './history.js'

/**
 * A film with the file of its frames. Where the disk refuses, frames wait: the film goes on, and they are
 * written when it lets them.
 */
export class FilmFile {
  readonly #path: string
  readonly #scene: Scene
  readonly #last: number
  #film: Film
  #history: History<Frame> | undefined
  #waiting: Frame[] = []

  /** @param last the step of the last frame that belongs to the run so far; later ones are cut off */
  constructor(path: string, scene: Scene, last: number) {
    this.#path = path
    this.#scene = scene
    this.#last = last
    this.#film = new Film(scene)
  }

  get film(): Film {
    return this.#film
  }

  /**
   * Reads the frames so far, unless that is done.
   *
   * @returns the numbers of the lines that are no frames
   * @throws {HeedError} where the file can't be read or written
   */
  async open(): Promise<readonly number[]> {
    if (this.#history !== undefined) return []
    const film = new Film(this.#scene)
    const history = await History.open<Frame>(this.#path, {
      parse: frameFrom,
      keep: ({ step }) => step <= this.#last,
      each: (frame) => film.add(frame),
    })
    for (const frame of this.#waiting) film.add(frame)
    this.#film = film
    this.#history = history
    return history.damaged
  }

  /** Adds a frame to the film, and to what is to be written. */
  add(frame: Frame): void {
    this.#film.add(frame)
    this.#waiting.push(frame)
  }

  /** Puts all frames on the disk. @throws {HeedError} where it refuses; they wait on */
  async flush(): Promise<void> {
    await this.open()
    for (const frame of this.#waiting.splice(0)) await this.#history!.add(frame)
    await this.#history!.flush()
  }

  async close(): Promise<void> {
    await this.#history?.close()
  }
}
