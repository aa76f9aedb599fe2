/**
 * Files that are offered as weights and are something else: what they are, and what to do instead. Files of
 * pickles above all, which are refused whatever their name is.
 */
import { FormatError, shownName } from '../base/index.js'
import type { FileBytes } from './bytes-in-memory.js'

interface OtherFormat {
  readonly found: string
  readonly hint: string
}

/** As much of a file as is looked at. */
const beginning = 512

/**
 * Refuses a file by its first bytes, where these are no weights that heed reads.
 *
 * @throws FormatError that says what the file is, and what to do
 */
export function refuseOtherFormats(bytes: FileBytes, operation: string): void {
  const first = bytes.slice(0, Math.min(bytes.length, beginning))
  if (beginsAsSafetensors(first)) return
  const other = otherFormat(first, bytes.path)
  if (other === undefined) return
  const expected = 'weights in safetensors, GGUF or the legacy layout of llama2.c'
  throw new FormatError({ operation, expected, ...other, file: bytes.path, offset: 0 })
}

/** Whether a file begins as safetensors do: a length that no text has, and a brace. */
export function beginsAsSafetensors(first: Uint8Array): boolean {
  return first[7] === 0 && first[8] === 0x7b
}

function otherFormat(first: Uint8Array, path: string | undefined): OtherFormat | undefined {
  const text = String.fromCharCode(...first)
  const begins = (start: string): boolean => text.startsWith(start)
  if (begins('PK\x03\x04'))
    return text.includes('/data.pkl') || hasPickleName(path)
      ? pickle('a pickle of PyTorch in a zip archive', path)
      : { found: 'a zip archive', hint: 'unpack it, and name the file of weights' }
  // PROTO, from protocol 2 on, and an instruction; older ones have no beginning of their own.
  if (/^\x80[\x02-\x05][^\0]/.test(text)) return pickle('a pickle', path)
  if (text.slice(257, 262) === 'ustar')
    return hasPickleName(path)
      ? pickle('a pickle of PyTorch in a tar archive', path)
      : { found: 'a tar archive', hint: 'unpack it, and name the file of weights' }
  if (begins('version https://git-lfs'))
    return {
      found: 'what Git LFS puts in place of a file',
      hint: "fetch the file itself: 'git lfs pull' in its folder",
    }
  if (/^\s*<(!doctype|html|\?xml)/i.test(text))
    return { found: 'a page of the web', hint: 'the download failed; fetch the file again' }
  if (begins('24ka'))
    return {
      found: "a file of llama2.c's later versions",
      hint: "export it in the legacy layout: 'python export.py OUT.bin --version 0 …'",
    }
  if (/^(lmgg|fmgg|tjgg)/.test(text))
    return {
      found: 'a file of ggml from before GGUF',
      hint: 'fetch the model as GGUF, or as safetensors',
    }
  if (begins('\x89HDF'))
    return { found: 'a file of HDF5', hint: 'fetch the model as safetensors; heed reads no HDF5' }
  return undefined
}

/**
 * Refuses a file of pickles by its name.
 *
 * @param list the file that names it
 * @throws FormatError with the lines that convert it
 */
export function refusePickle(operation: string, list: string | undefined, path: string): never {
  const expected = 'weights in safetensors, GGUF or the legacy layout of llama2.c'
  const found = `${shownName(path)}, named as PyTorch's pickles are`
  throw new FormatError({ operation, expected, ...pickle(found, path), file: list })
}

/** Whether a file is named as PyTorch names its pickles. */
export function hasPickleName(path: string | undefined): boolean {
  return /\.(bin|pt|pth|ckpt|pkl|pickle)$/i.test(path ?? '')
}

function pickle(found: string, path: string | undefined): OtherFormat {
  return {
    found: `${found}, which runs its author's code where it is read`,
    hint: `look for a model.safetensors beside it, or convert it: ${pickleConversion(path)}`,
  }
}

/**
 * The line for a shell that converts a pickle, or all pieces of one, into a safetensors file beside it.
 * `weights_only` keeps PyTorch from running what is in it.
 */
export function pickleConversion(path: string = 'pytorch_model.bin'): string {
  return `python -c "${pickleProgram(path)}"`
}

/** The program that the line runs. */
export function pickleProgram(path: string): string {
  const folder = path.slice(0, Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  const piece = /-\d{5}-of-\d{5}(?=\.\w+$)/
  // A pattern's `?` stands for what a shell would take apart.
  const quoted = (text: string): string => `'${text.replace(/[^\w./* -]/g, '?')}'`
  const all = quoted(path.replace(piece, '-*'))
  const files = /[?*]/.test(all) ? `sorted(glob.glob(${all}))` : `[${all}]`
  const isItself = path === `${folder}model.safetensors`
  const target = quoted(`${folder}${isItself ? 'converted' : 'model'}.safetensors`)
  const program = [
    'import glob, torch, safetensors.torch as s',
    `w = [torch.load(f, map_location='cpu', weights_only=True) for f in ${files}]`,
    "w = [x.get('state_dict', x) for x in w]",
    `s.save_file({k: v.clone().contiguous() for x in w for k, v in x.items() if torch.is_tensor(v)}, ${target}, {'format': 'pt'})`,
  ]
  return program.join('; ')
}
