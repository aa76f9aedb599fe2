/** One participant over a whole script; its process is started anew when it is lost. */
import type { Loaded } from './child.js'
import type { Options } from './options.js'
import { EngineLost, EngineProcess, flagsOf } from './process.js'
import type { Participant } from './roster.js'

export class Seat {
  readonly participant: Participant
  readonly #options: Options
  readonly #flags: string[]
  readonly #secondsAtMost: number
  #process: EngineProcess | undefined
  loaded: Loaded | undefined
  absent = ''

  constructor(participant: Participant, options: Options, flags: string[], secondsAtMost: number) {
    this.participant = participant
    this.#options = options
    this.#flags = flags
    this.#secondsAtMost = secondsAtMost
  }

  async #start(): Promise<EngineProcess> {
    const { module, variant } = this.participant
    const started = new EngineProcess(this.#options, this.#flags, module, variant)
    try {
      this.loaded = await started.ask<Loaded>({ ask: 'load' }, this.#secondsAtMost)
    } catch (error) {
      started.end()
      throw error
    }
    return started
  }

  /** Ask; on any failure give the reason, and a fresh process next time. */
  async ask<Answer>(request: Parameters<EngineProcess['ask']>[0]): Promise<Answer | string> {
    if (this.absent) return this.absent
    try {
      this.#process ??= await this.#start()
    } catch (error) {
      this.absent = (error as Error).message
      return this.absent
    }
    try {
      return await this.#process.ask<Answer>(request, this.#secondsAtMost)
    } catch (error) {
      this.end()
      return error instanceof EngineLost ? error.message : `failed: ${(error as Error).message}`
    }
  }

  end(): void {
    this.#process?.end()
    this.#process = undefined
  }
}

/** @param secondsAtMost for one answer */
export function seatsOf(participants: Participant[], options: Options, secondsAtMost = 300): Seat[] {
  const flags = flagsOf(options.node)
  return participants.map((participant) => new Seat(participant, options, flags, secondsAtMost))
}
