/**
 * Where a model's weights stand in files. A binding ties a leaf of the tree to a tensor of a checkpoint: its
 * name, and which axes the file keeps it in. The same table reads and writes.
 *
 *     ...linearBinding('blocks.#.attention.query', {
 *       file: 'model.layers.#.self_attn.q_proj',
 *       gguf: 'blk.#.attn_q',
 *       from: 'width',
 *       to: 'head headWidth',
 *     })
 */

/** One of several leaves that a file keeps as one tensor. */
export type Part =
  /** The tensor has the axis 'part' among its axes; this leaf is one position of it. */
  | { readonly index: number; readonly of: number }
  /** Rows `from` … `from + size − 1` of the `of` of the file's first axis. */
  | { readonly from: number; readonly size: number; readonly of: number }

/** A leaf, and where it stands. `#` is the number of a layer, the same in each name. */
export interface Binding {
  /** The leaf's path in the tree: `blocks.#.attention.query.weight`. */
  readonly path: string
  /** The tensor's name in the hub's layout. */
  readonly file: string
  /** The tensor's name in GGUF. */
  readonly gguf?: string | undefined
  /** The file's axes, the outermost first; several that it keeps as one are joined by a space. */
  readonly axes: readonly string[]
  readonly part?: Part | undefined
  /** GGUF's axes, where they are others. */
  readonly ggufAxes?: readonly string[] | undefined
  /** GGUF keeps the rows of each head as rotary pairs, the hub as halves (Llama's queries and keys). */
  readonly ggufPairs?: boolean | undefined
  /** GGUF keeps 1 + weight, the hub the weight (Gemma's norms). */
  readonly ggufOnePlus?: boolean | undefined
  /**
   * The tensor of one number that whole numbers were multiplied by: what the file has is divided by it. A
   * file of floats has none.
   */
  readonly scale?: string | undefined
  /** The axes that a product with it sums over: then it may be quantized. */
  readonly over?: readonly string[] | undefined
}

/** A linear map: where its weight and bias stand. */
export interface LinearPlace {
  /** Its name in the hub's layout, without `.weight`. */
  readonly file: string
  readonly gguf?: string | undefined
  /** Axes that it sums over, joined by a space. */
  readonly from: string
  /** Axes of its result, joined by a space. */
  readonly to: string
  /** GGUF's axes of the result, where they stand in another order. */
  readonly ggufTo?: string | undefined
  /** The hub's file keeps [in, out], as GPT-2's do, instead of [out, in]; GGUF never does. */
  readonly inFirst?: boolean | undefined
  readonly part?: Part | undefined
  readonly ggufPairs?: boolean | undefined
}

/**
 * The bindings of a linear map's weight and bias. Of a fused map, `to` names the axis 'part' where the file
 * has it: `part head headWidth`.
 */
export function linearBinding(path: string, place: LinearPlace): Binding[] {
  const { file, gguf, from, to, ggufTo = to, inFirst = false, part, ggufPairs } = place
  const named = (kind: string): Pick<Binding, 'path' | 'file' | 'gguf' | 'part' | 'ggufPairs'> => ({
    path: `${path}.${kind}`,
    file: `${file}.${kind}`,
    gguf: gguf && `${gguf}.${kind}`,
    part,
    ggufPairs,
  })
  return [
    {
      ...named('weight'),
      axes: inFirst ? [from, to] : [to, from],
      ggufAxes: [ggufTo, from],
      over: from.split(' '),
    },
    { ...named('bias'), axes: [to], ggufAxes: [ggufTo] },
  ]
}

/** The bindings of a norm's weight and bias. */
export function normBinding(path: string, file: string, gguf?: string, axes = 'width'): Binding[] {
  return ['weight', 'bias'].map((kind) => ({
    path: `${path}.${kind}`,
    file: `${file}.${kind}`,
    gguf: gguf && `${gguf}.${kind}`,
    axes: [axes],
  }))
}

/** The binding of a table of embeddings, which may also be the output's. */
export function tableBinding(path: string, file: string, gguf?: string): Binding {
  return { path, file, gguf, axes: ['vocabulary', 'width'], over: ['width'] }
}

/** All that is known of how an architecture's weights are spelled in files. */
export interface Bindings {
  readonly leaves: readonly Binding[]
  /**
   * Prefixes of names that some files have and others not: `transformer.`. `written` says which one a file
   * that heed writes has.
   */
  readonly prefixes?: readonly string[] | undefined
  /** Tensors that a file may have and the model does without: `#.attn.bias`; `*` stands for anything. */
  readonly ignored?: readonly string[] | undefined
}

/**
 * Finds the binding of a leaf: by its path with `#` in the place of one number. `axes` of what it gives are
 * those of the format.
 */
export class BindingTable {
  readonly #byPath: ReadonlyMap<string, Binding>

  constructor({ leaves }: Bindings, format: 'safetensors' | 'gguf' = 'safetensors') {
    const here = (binding: Binding): Binding =>
      format === 'gguf' ? { ...binding, axes: binding.ggufAxes ?? binding.axes } : binding
    this.#byPath = new Map(leaves.map((binding) => [binding.path, here(binding)]))
  }

  /** The binding of the leaf at `path`, with the layer's number in its names. */
  at(path: string): Binding | undefined {
    const whole = this.#byPath.get(path)
    if (whole !== undefined) return whole
    for (const { index, 0: found } of path.matchAll(/(?<=^|\.)\d+(?=\.|$)/g)) {
      const binding = this.#byPath.get(`${path.slice(0, index)}#${path.slice(index + found.length)}`)
      if (binding === undefined) continue
      const { file, gguf } = binding
      return {
        ...binding,
        path,
        file: file.replace('#', found),
        gguf: gguf?.replace('#', found),
      }
    }
    return undefined
  }
}
