import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { InvalidArgumentError, type Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { run, UsageError, type Environment, type Register } from './index.js'

const packageFile = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
const { version } = JSON.parse(packageFile) as { version: string }

const layers = (text: string): number => {
  const value = Number(text)
  if (!Number.isInteger(value)) throw new InvalidArgumentError('expected a whole number.')
  return value
}

const register: Register = (program: Command) => {
  program
    .command('count <text>')
    .description('count things')
    .option('--layers <n>', 'how many', layers, 1)
    .action((text: string) => {
      if (text === 'usage') throw new UsageError('text must not be "usage"')
      if (text === 'broken') throw new Error('cannot read\n  the file', { cause: new Error('the cause') })
      if (text === 'string') throw 'a bare string'
    })
}

async function heed(args: readonly string[], environment: Environment = {}) {
  const written = { out: '', err: '' }
  const status = await run(args, {
    commands: [register],
    output: { write: (text) => (written.out += text) },
    errorOutput: { write: (text) => (written.err += text) },
    environment,
  })
  return { status, ...written }
}

describe('exit status 0', () => {
  test('a command that succeeds says nothing of its own', async () => {
    expect(await heed(['count', 'x', '--layers', '3'])).toEqual({ status: 0, out: '', err: '' })
  })

  test('--version prints the version of the package', async () => {
    expect(await heed(['--version'])).toEqual({ status: 0, out: `${version}\n`, err: '' })
  })

  test.each([[['--help']], [['count', '--help']], [['help', 'count']]])('%j prints help', async (args) => {
    const { status, out, err } = await heed(args)
    expect({ status, err }).toEqual({ status: 0, err: '' })
    expect(out).toMatch(/^Usage: heed /)
  })
})

describe('exit status 1', () => {
  test('an error becomes one line without a stack', async () => {
    expect(await heed(['count', 'broken'])).toEqual({
      status: 1,
      out: '',
      err: 'heed: cannot read the file\n',
    })
  })

  test('something thrown that is no Error', async () => {
    expect(await heed(['count', 'string'])).toEqual({ status: 1, out: '', err: 'heed: a bare string\n' })
  })

  test('HEED_DEBUG=1 shows the stack and the cause', async () => {
    const { status, err } = await heed(['count', 'broken'], { HEED_DEBUG: '1' })
    expect(status).toBe(1)
    expect(err).toContain('main.test.ts')
    expect(err).toContain('the cause')
  })
})

describe('exit status 2', () => {
  test.each([
    [['cuont'], "heed: unknown command 'cuont' (Did you mean count?)\n"],
    [['count'], "heed: missing required argument 'text'\n"],
    [['count', 'x', 'y'], /^heed: too many arguments.* Text with spaces takes quotation marks\.\n$/],
    [['count', 'x', '--depth'], "heed: unknown option '--depth'\n"],
    [
      ['count', 'x', '--layers', 'many'],
      /^heed: option '--layers <n>' argument 'many' is invalid\. expected.*\n$/,
    ],
    [['count', 'usage'], 'heed: text must not be "usage"\n'],
  ])('%j', async (args, message) => {
    const { status, out, err } = await heed(args)
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(err).toMatch(message)
    expect(err.split('\n')).toHaveLength(2)
  })

  test('no command: the help, on the error output', async () => {
    const { status, out, err } = await heed([])
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(err).toMatch(/^Usage: heed /)
  })
})

describe('the binary', () => {
  const binary = fileURLToPath(new URL('../bin/heed.js', import.meta.url))
  const heedProcess = (...args: string[]) =>
    spawnSync(process.execPath, [binary, ...args], { encoding: 'utf8' })

  test('prints the version', () => {
    expect(heedProcess('--version')).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' })
  })

  test('exits with 2 for an unknown option', () => {
    expect(heedProcess('--nonsense')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: "heed: unknown option '--nonsense'\n",
    })
  })

  test('a reader that goes away early is no failure', async () => {
    const child = spawn(process.execPath, [binary, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    child.stderr.setEncoding('utf8')
    let errors = ''
    child.stderr.on('data', (text: string) => (errors += text))
    const [status] = (await once(child, 'close')) as [number]
    expect({ status, errors }).toEqual({ status: 0, errors: '' })
  })
})
