/** llama.cpp through node-llama-cpp: writing on with a model in a GGUF file of its own making. */
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DecodeWork, Formulation, Inputs, Peer, Prepared } from '../../dist/peer.js'
import { writeGguf } from './gguf.js'
import { importNative } from './native.js'
import { toleranceOf } from './quantize.js'

/** The part of node-llama-cpp that is used. */
type Module = {
  getLlama: (options: Record<string, unknown>) => Promise<Llama>
}
type Llama = {
  loadModel(options: Record<string, unknown>): Promise<Model>
  systemInfo: string
}
type Model = {
  createContext(options: Record<string, unknown>): Promise<{ getSequence(): Sequence }>
  dispose(): Promise<void>
}
type Sequence = {
  nextTokenIndex: number
  evaluate(tokens: number[], options: Record<string, unknown>): AsyncGenerator<number, void, void>
  evaluateWithoutGeneratingNewTokens(tokens: number[]): Promise<void>
  controlledEvaluate(
    input: [number, { generateNext: { logits: true } }][],
  ): Promise<{ next: { logits: Map<number, number> } }[]>
  eraseContextTokenRanges(ranges: { start: number; end: number }[]): Promise<void>
}

async function decode(
  llama: Llama,
  work: DecodeWork,
  inputs: Inputs['decode'],
  threads: number,
): Promise<Prepared> {
  const prompt = inputs.ids.length - 1
  const first = inputs.ids[prompt]!
  const room = Math.ceil((prompt + work.tokens + 1) / 256) * 256
  const modelPath = join(tmpdir(), `heed-bench-${process.pid}-${Date.now()}.gguf`)
  let model: Model
  try {
    writeGguf(modelPath, work, inputs, room)
    model = await llama.loadModel({ modelPath, gpuLayers: 0 })
  } finally {
    // The model stays mapped.
    rmSync(modelPath, { force: true })
  }
  const context = await model.createContext({ contextSize: room, threads: { ideal: threads, min: threads } })
  const sequence = context.getSequence()
  await sequence.evaluateWithoutGeneratingNewTokens([...inputs.ids.subarray(0, prompt)])
  const back = (): Promise<void> =>
    sequence.eraseContextTokenRanges([{ start: prompt, end: sequence.nextTokenIndex }])
  return {
    async run() {
      let written = 0
      for await (const token of sequence.evaluate([first], { temperature: 0, yieldEogToken: true })) {
        void token
        if (++written === work.tokens) break
      }
      if (written < work.tokens) throw new Error(`stopped after ${written} tokens`)
      await back()
    },
    async read() {
      const [answer] = await sequence.controlledEvaluate([[first, { generateNext: { logits: true } }]])
      await back()
      const logits = new Float32Array(work.vocabulary)
      for (const [id, logit] of answer!.next.logits) logits[id] = logit
      return [logits]
    },
    dispose: () => model.dispose(),
  }
}

export async function load(variant: string): Promise<Peer> {
  const threads = Number.parseInt(variant, 10)
  const { getLlama } = await importNative<Module>('node-llama-cpp')
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: 'error',
    maxThreads: threads,
  })
  return {
    version: '',
    target: 'x64',
    configuration: variant,
    decode: (work, inputs): Formulation[] => [
      {
        name: work.weights,
        // Keys and values in f16, and GELU by a table of f16 numbers.
        tolerance: Math.max(toleranceOf.f16, toleranceOf[work.weights]),
        prepare: () => decode(llama, work, inputs, threads),
      },
    ],
  }
}
