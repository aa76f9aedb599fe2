import * as fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { FormatError, fromPaths, leavesOf, mapTree, UsageError, zipTrees, type Tree } from './index.js'

class Leaf {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}
const isLeaf = (value: unknown): value is Leaf => value instanceof Leaf
const double = (leaf: Leaf): Leaf => new Leaf(leaf.value * 2)

const model = {
  embedding: new Leaf(1),
  blocks: [
    { attention: { query: new Leaf(2), bias: undefined as Leaf | undefined }, epsilon: 1e-5 },
    { attention: { query: new Leaf(3), bias: new Leaf(4) }, epsilon: 1e-6 },
  ],
} as const

const trees = fc.letrec<{ tree: Tree<Leaf> }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.integer().map((value) => new Leaf(value)),
    fc.array(tie('tree'), { minLength: 1, maxLength: 12 }),
    fc.dictionary(fc.stringMatching(/^[a-z_]{1,5}$/), tie('tree'), { minKeys: 1, maxKeys: 4 }),
  ),
})).tree

describe('trees', () => {
  it('list their leaves by path, in order', () => {
    expect([...leavesOf(model, isLeaf)].map(([path, leaf]) => [path, leaf.value])).toEqual([
      ['embedding', 1],
      ['blocks.0.attention.query', 2],
      ['blocks.1.attention.query', 3],
      ['blocks.1.attention.bias', 4],
    ])
    expect([...leavesOf(new Leaf(5), isLeaf).keys()]).toEqual([''])
  })

  it('map to a tree of the same type, other values as they are', () => {
    const mapped = mapTree(model, isLeaf, double)
    expectTypeOf(mapped).toEqualTypeOf(model)
    expect(mapped.blocks[1].attention.bias.value).toBe(8)
    expect(mapped.blocks[0].attention).toEqual({ query: new Leaf(4), bias: undefined })
    expect(mapped.blocks[1].epsilon).toBe(1e-6)
    expect(model.embedding.value).toBe(1)
  })

  it('zip by name, in the order of the first', () => {
    const paths: string[] = []
    const sum = zipTrees<{ a: Leaf; b: Leaf[] }, Leaf>(
      { a: new Leaf(1), b: [new Leaf(2)] },
      { b: [new Leaf(20)], a: new Leaf(10) },
      isLeaf,
      (one, two, path) => {
        paths.push(path)
        return new Leaf(one.value + two.value)
      },
    )
    expect(sum).toEqual({ a: new Leaf(11), b: [new Leaf(22)] })
    expect(paths).toEqual(['a', 'b.0'])
  })

  it('come back from their paths', () => {
    fc.assert(
      fc.property(trees, (tree) => {
        const leaves = leavesOf(tree, isLeaf)
        expect(fromPaths(leaves)).toEqual(tree)
        const mapped = leavesOf(mapTree(tree, isLeaf, double), isLeaf)
        expect([...mapped].map(([path, leaf]) => [path, leaf.value])).toEqual(
          [...leaves].map(([path, leaf]) => [path, leaf.value * 2]),
        )
      }),
    )
  })

  it('become arrays only where the indices have no gap', () => {
    expect(
      fromPaths(
        new Map([
          ['b.1', 1],
          ['b.0', 0],
        ]),
      ),
    ).toEqual({ b: [0, 1] })
    expect(
      fromPaths(
        new Map([
          ['b.0', 0],
          ['b.2', 2],
        ]),
      ),
    ).toEqual({ b: { 0: 0, 2: 2 } })
    expect(fromPaths(new Map([['b.00', 0]]))).toEqual({ b: { '00': 0 } })
    expect(fromPaths(new Map())).toEqual({})
  })

  it.each([
    [['a', 'a.b']],
    [['a.b', 'a']],
    [['a..b']],
    [['.a']],
    [['', 'a']],
    [['__proto__.polluted']],
    [['a.__proto__']],
    [[Array(1_000_000).fill('a').join('.')]],
  ])('refuse hostile paths %#', (paths) => {
    expect(() => fromPaths(new Map(paths.map((path) => [path, 1])))).toThrow(FormatError)
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  it('refuse what differs in form', () => {
    const join = (leaf: Leaf): Leaf => leaf
    const leaf = new Leaf(1)
    const pairs: [unknown, unknown][] = [
      [{ a: leaf }, { b: leaf }],
      [{ a: leaf }, { a: leaf, b: leaf }],
      [[leaf], [leaf, leaf]],
      [[leaf], { 0: leaf }],
      [leaf, [leaf]],
      [{ a: leaf }, { a: undefined }],
    ]
    for (const [one, two] of pairs) {
      expect(() => zipTrees(one, two, isLeaf, join)).toThrow(UsageError)
      expect(() => zipTrees(two, one, isLeaf, join)).toThrow(UsageError)
    }
  })

  it('refuse foreign objects, names with dots, and themselves inside', () => {
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    for (const wrong of [
      { a: new Float32Array(2) },
      { a: new Map() },
      { 'a.b': new Leaf(1) },
      { '': new Leaf(1) },
      loop,
    ]) {
      expect(() => leavesOf(wrong, isLeaf)).toThrow(UsageError)
    }
  })
})
