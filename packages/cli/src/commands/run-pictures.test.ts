import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findSharp } from 'heed/internals'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pngFile } from '../../../heed/src/vision/testing/png.js'
import { itemsIn } from '../run/items.js'
import { taskList } from '../run/task-list.js'
import { heed, temporaryFolder, tinyConfigs, writeReader } from '../testing.js'

const missing = findSharp()
if (typeof missing === 'string') console.warn(`Skipped: pictures: ${missing}.`)

const folder = temporaryFolder()
afterAll(folder.remove)
const at = (name: string): string => join(folder.path, name)

/** No field of the encoder that readers are by default. */
const plain = Object.fromEntries(
  ['vocab_size', ...Object.keys(tinyConfigs.encoder)].map((name) => [name, undefined]),
)
const sizes = {
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 24,
  image_size: 16,
  patch_size: 8,
}

function png(seed: number): Uint8Array {
  const rows = Uint8Array.from({ length: 3 * 20 * 24 }, (_, i) => (i * (3 + seed) + seed) % 256)
  return pngFile({ width: 24, height: 20, colour: 2, rows })
}

beforeAll(async () => {
  await writeReader(at('captions'), {
    ...plain,
    model_type: 'vision-encoder-decoder',
    architectures: ['VisionEncoderDecoderModel'],
    decoder_start_token_id: 2,
    pad_token_id: 0,
    eos_token_id: 3,
    encoder: { ...sizes, model_type: 'vit' },
    decoder: {
      model_type: 'gpt2',
      vocab_size: 80,
      n_positions: 24,
      n_embd: 16,
      n_layer: 2,
      n_head: 2,
      add_cross_attention: true,
      is_decoder: true,
      bos_token_id: 2,
      eos_token_id: 3,
    },
  })
  await writeReader(at('labels'), {
    ...plain,
    ...sizes,
    model_type: 'vit',
    architectures: ['ViTForImageClassification'],
    id2label: { 0: 'cat', 1: 'dog' },
  })
  await writeReader(at('towers'), {
    ...plain,
    model_type: 'clip',
    architectures: ['CLIPModel'],
    projection_dim: 12,
    text_config: {
      model_type: 'clip_text_model',
      vocab_size: 80,
      hidden_size: 16,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      intermediate_size: 24,
      max_position_embeddings: 20,
      eos_token_id: 3,
      bos_token_id: 2,
      pad_token_id: 0,
    },
    vision_config: { ...sizes, model_type: 'clip_vision_model' },
  })
  mkdirSync(at('photos/more'), { recursive: true })
  writeFileSync(at('photos/a.png'), png(1))
  writeFileSync(at('photos/more/b.png'), png(2))
  writeFileSync(at('photos/broken.png'), 'a text that is called .png')
  writeFileSync(at('photos/drawing.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
  writeFileSync(at('photos/notes.txt'), 'no picture')
})

describe.skipIf(typeof missing === 'string')('heed run of pictures', () => {
  const caption = ['run', 'image-to-text', '--model', at('captions'), '--max-new-tokens', '3']

  test('a caption, and which patches each word attended to', async () => {
    const { status, out, err } = await heed([...caption, at('photos/a.png'), '--attend'])
    expect(err).toBe('')
    expect(status).toBe(0)
    expect(out).toMatch(/which patches each word attended to when it was written/)
    expect(out).toMatch(/^all /m)
    expect(out).not.toContain('\u001b')
    const json = await heed([...caption, at('photos/a.png'), '--json'])
    expect(JSON.parse(json.out)).toEqual({ result: [{ generated_text: expect.any(String) as string }] })
  })

  test('the picture stands over its caption in a terminal of 24-bit colour', async () => {
    const args = [...caption, at('photos/a.png')]
    const { out } = await heed(args, { COLORTERM: 'truecolor' }, { isTTY: true, columns: 80 })
    expect(out).toMatch(/\u001b\[38;2;\d+;\d+;\d+;48;2;\d+;\d+;\d+m▀/)
    expect((await heed(args, { COLORTERM: 'truecolor' })).out).not.toContain('▀')
  })

  test('a folder: each picture by its name, with the error of what is none', async () => {
    const { status, out, err } = await heed([...caption, '--input', at('photos'), '--json'])
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { file: string; result?: unknown; error?: { message: string } })
    expect(lines.map(({ file, result }) => [file, result !== undefined])).toEqual([
      ['a.png', true],
      ['broken.png', false],
      ['drawing.svg', false],
      [join('more', 'b.png'), true],
    ])
    expect(lines[1]!.error!.message).toMatch(/found text \('/)
    expect(lines[2]!.error!.message).toMatch(/found an SVG/)
    expect(status).toBe(1)
    expect(err).toContain('2 of 4 inputs failed')
  })

  test('results of lines in a file; a picture that changed is another', async () => {
    writeFileSync(at('list.jsonl'), '{"image":"photos/a.png"}\n{"image":"photos/more/b.png","id":"b"}\n')
    const args = [...caption, '--input', at('list.jsonl'), '--output', at('out.jsonl')]
    expect((await heed(args)).status).toBe(0)
    const before = readFileSync(at('out.jsonl'), 'utf8')
    expect(before.trim().split('\n')).toHaveLength(2)
    const stamps = async (): Promise<unknown[]> => {
      const found: unknown[] = []
      const task = taskList.find(({ name }) => name === 'image-to-text')!
      for await (const item of itemsIn(task, { path: at('list.jsonl') }, {}, new AbortController().signal))
        found.push(item.stamp)
      return found
    }
    const [first, second] = await stamps()
    writeFileSync(
      at('photos/a.png'),
      pngFile({ width: 1, height: 1, colour: 2, rows: Uint8Array.of(1, 2, 3) }),
    )
    const [changed, same] = await stamps()
    expect(same).toEqual(second)
    expect(changed).not.toEqual(first)
    writeFileSync(at('photos/a.png'), png(1))
  })

  test('labels, labels never seen with an ensemble of templates, and vectors', async () => {
    const labels = await heed(['run', 'image-classification', at('photos/a.png'), '--model', at('labels')])
    expect(labels.out).toMatch(/(cat|dog) +0\.\d{3} {2}█/)
    const zero = ['run', 'zero-shot-image-classification', at('photos/a.png'), 'cat', 'dog', 'park']
    const found = await heed([
      ...zero,
      '--model',
      at('towers'),
      '--hypothesis-template',
      'a {}|the {} here',
      '--json',
    ])
    const { result } = JSON.parse(found.out) as { result: { label: string; score: number }[] }
    expect(result.map(({ label }) => label).sort()).toEqual(['cat', 'dog', 'park'])
    expect(result.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 5)
    const vectors = ['run', 'image-feature-extraction', at('photos/a.png'), '--model', at('towers')]
    const vector = JSON.parse((await heed([...vectors, '--json'])).out) as { result: number[] }
    expect(vector.result).toHaveLength(12)
    expect((await heed([...vectors, '--pool', 'false'])).out).toMatch(/5 vectors, one a patch/)
    expect((await heed([...vectors, '--pool', 'maybe'])).err).toContain('true or false')
  })

  test('a page with the picture, and a button for each word', async () => {
    const { status } = await heed([...caption, at('photos/a.png'), '--html', at('page.html')])
    expect(status).toBe(0)
    const html = readFileSync(at('page.html'), 'utf8')
    expect(html.includes('<image href="data:image/png;base64,')).toBe(true)
    expect(html.match(/<input type="radio" name="word"/g)!.length).toBeGreaterThanOrEqual(2)
    expect(html.includes('<bdi>all</bdi>')).toBe(true)
  })
})
