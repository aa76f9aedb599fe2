import { Film, frameFrom, type Frame, type Scene } from './film.js'
import { PatientHistory } from './patient-history.js'

/**
 * A film with the file of its frames. Where the disk refuses, frames wait: the film goes on, and they are
 * written when it lets them.
 */
export class FilmFile {
  readonly #history: PatientHistory<Frame>
  #film: Film

  /** @param last the step of the last frame that belongs to the run so far; later ones are cut off */
  constructor(path: string, scene: Scene, last: number) {
    this.#film = new Film(scene)
    this.#history = new PatientHistory<Frame>(() => {
      const film = new Film(scene)
      return {
        path,
        reading: { parse: frameFrom, keep: ({ step }) => step <= last, each: (frame) => film.add(frame) },
        opened: (_, waiting) => {
          for (const frame of waiting) film.add(frame)
          this.#film = film
        },
      }
    })
  }

  get film(): Film {
    return this.#film
  }

  /**
   * Reads the frames so far.
   *
   * @returns the numbers of the lines that are no frames
   * @throws {HeedError} where the file can't be read or written
   */
  async open(): Promise<readonly number[]> {
    return (await this.#history.open()).damaged
  }

  /** Adds a frame to the film, and to what is to be written. */
  async add(frame: Frame): Promise<void> {
    this.#film.add(frame)
    await this.#history.add(frame)
  }

  /** Puts all frames on the disk. @throws {HeedError} where it refuses; they wait on */
  async flush(): Promise<void> {
    await this.#history.flush()
  }

  async close(): Promise<void> {
    await this.#history.close()
  }
}
