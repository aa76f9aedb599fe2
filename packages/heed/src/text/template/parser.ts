/** A template's tokens as a tree of statements and expressions. */
import { templateError, type Token } from './lexer.js'

/** An expression. `at`: where it begins in the template. */
export type Expression = { readonly at: number } & (
  | { readonly kind: 'value'; readonly value: string | number | boolean | null }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly items: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: 'member'; readonly of: Expression; readonly key: Expression; readonly dotted: boolean }
  | { readonly kind: 'slice'; readonly of: Expression; readonly bounds: readonly (Expression | undefined)[] }
  | { readonly kind: 'call'; readonly of: Expression; readonly given: Arguments }
  | { readonly kind: 'filter'; readonly of: Expression; readonly name: string; readonly given: Arguments }
  | {
      readonly kind: 'test'
      readonly of: Expression
      readonly name: string
      readonly given: Arguments
      readonly negated: boolean
    }
  | { readonly kind: 'unary'; readonly operator: 'not' | '-' | '+'; readonly of: Expression }
  | {
      readonly kind: 'binary'
      readonly operator: string
      readonly left: Expression
      readonly right: Expression
    }
  | {
      readonly kind: 'choice'
      readonly condition: Expression
      readonly then: Expression
      readonly otherwise: Expression | undefined
    }
)

/** What a function or a filter is given. */
export interface Arguments {
  readonly list: readonly Expression[]
  readonly named: readonly (readonly [string, Expression])[]
}

/** A statement. */
export type Statement = { readonly at: number } & (
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly of: Expression }
  | {
      readonly kind: 'if'
      readonly branches: readonly { readonly condition: Expression; readonly body: readonly Statement[] }[]
      readonly otherwise: readonly Statement[]
    }
  | {
      readonly kind: 'for'
      readonly names: readonly string[]
      readonly of: Expression
      readonly condition: Expression | undefined
      readonly body: readonly Statement[]
      readonly otherwise: readonly Statement[]
    }
  | {
      readonly kind: 'set'
      readonly name: string
      /** The member of a namespace. */
      readonly member: string | undefined
      readonly value: Expression | readonly Statement[]
    }
  | {
      readonly kind: 'macro'
      readonly name: string
      readonly parameters: readonly { readonly name: string; readonly absent: Expression | undefined }[]
      readonly body: readonly Statement[]
    }
  | { readonly kind: 'break' | 'continue' }
)

const deepest = 100
const comparisons: readonly string[] = ['==', '!=', '<', '>', '<=', '>=']

/** Throws FormatError for what is no template, or none that heed reads. */
export function parseTemplate(tokens: readonly Token[]): readonly Statement[] {
  const parser = new Parser(tokens)
  const body = parser.body([])
  return body
}

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  /** Statements up to a tag with one of these names, or to the end. */
  body(ends: readonly string[]): Statement[] {
    const found: Statement[] = []
    for (;;) {
      const token = this.#tokens[this.#at]
      if (token === undefined) {
        if (ends.length > 0) this.#refuse(`{% ${ends.join(' or ')} %}`)
        return found
      }
      const { at } = token
      this.#at++
      if (token.kind === 'text') found.push({ kind: 'text', text: token.text, at })
      else if (token.text === '{{') {
        found.push({ kind: 'output', of: this.#expression(), at })
        this.#brace('}}')
      } else {
        const name = this.#tokens[this.#at]?.text ?? ''
        if (ends.includes(name)) {
          this.#at--
          return found
        }
        this.#at++
        const made = this.#nested(() => this.#statement(name, at))
        if (made !== undefined) found.push(...made)
      }
    }
  }

  #statement(name: string, at: number): readonly Statement[] {
    switch (name) {
      case 'if':
        return [this.#if(at)]
      case 'for':
        return [this.#for(at)]
      case 'set':
        return [this.#set(at)]
      case 'macro':
        return [this.#macro(at)]
      case 'break':
      case 'continue':
        this.#brace('%}')
        return [{ kind: name, at }]
      case 'generation': {
        // What of a conversation is trained on: it changes nothing of the text.
        this.#brace('%}')
        const body = this.body(['endgeneration'])
        this.#end('endgeneration')
        return body
      }
      default:
        throw templateError(at, 'a tag if, for, set, macro, break, continue or generation', `'${name}'`)
    }
  }

  #if(at: number): Statement {
    const branches: { condition: Expression; body: readonly Statement[] }[] = []
    let otherwise: readonly Statement[] = []
    let name = 'if'
    while (name === 'if' || name === 'elif') {
      const condition = this.#expression()
      this.#brace('%}')
      branches.push({ condition, body: this.body(['elif', 'else', 'endif']) })
      name = this.#open()
    }
    if (name === 'else') {
      this.#brace('%}')
      otherwise = this.body(['endif'])
      name = this.#open()
    }
    this.#brace('%}')
    return { kind: 'if', branches, otherwise, at }
  }

  #for(at: number): Statement {
    const names = [this.#name()]
    while (this.#take(',')) names.push(this.#name())
    if (!this.#take('in')) this.#refuse("'in'")
    const of = this.#or()
    const condition = this.#take('if') ? this.#expression() : undefined
    this.#brace('%}')
    const body = this.body(['else', 'endfor'])
    let otherwise: readonly Statement[] = []
    if (this.#open() === 'else') {
      this.#brace('%}')
      otherwise = this.body(['endfor'])
      this.#open()
    }
    this.#brace('%}')
    return { kind: 'for', names, of, condition, body, otherwise, at }
  }

  #set(at: number): Statement {
    const name = this.#name()
    const member = this.#take('.') ? this.#name() : undefined
    if (this.#take('=')) {
      const value = this.#expression()
      this.#brace('%}')
      return { kind: 'set', name, member, value, at }
    }
    this.#brace('%}')
    const value = this.body(['endset'])
    this.#end('endset')
    return { kind: 'set', name, member, value, at }
  }

  #macro(at: number): Statement {
    const name = this.#name()
    const parameters: { name: string; absent: Expression | undefined }[] = []
    this.#need('(')
    while (!this.#take(')')) {
      const parameter = this.#name()
      parameters.push({ name: parameter, absent: this.#take('=') ? this.#expression() : undefined })
      if (!this.#take(',') && this.#peek() !== ')') this.#refuse("',' or ')'")
    }
    this.#brace('%}')
    const body = this.body(['endmacro'])
    this.#end('endmacro')
    return { kind: 'macro', name, parameters, body, at }
  }

  /** The name of the tag that begins here. */
  #open(): string {
    this.#at++
    return this.#tokens[this.#at++]?.text ?? ''
  }

  #end(name: string): void {
    if (this.#open() !== name) this.#refuse(`{% ${name} %}`)
    this.#brace('%}')
  }

  #expression(): Expression {
    return this.#nested(() => {
      const then = this.#or()
      if (!this.#take('if')) return then
      const condition = this.#or()
      const otherwise = this.#take('else') ? this.#expression() : undefined
      return { kind: 'choice', condition, then, otherwise, at: then.at }
    })
  }

  #or(): Expression {
    return this.#left(['or'], () => this.#left(['and'], () => this.#not()))
  }

  #not(): Expression {
    const { at } = this.#here()
    if (this.#take('not')) return { kind: 'unary', operator: 'not', of: this.#nested(() => this.#not()), at }
    return this.#comparison()
  }

  #comparison(): Expression {
    let left = this.#left(['+', '-'], () => this.#concatenation())
    for (;;) {
      const operator = this.#peek()
      const { at } = left
      if (operator === 'not' && this.#tokens[this.#at + 1]?.text === 'in') this.#at += 2
      else if ([...comparisons, 'in'].includes(operator) && this.#here().kind !== 'string') this.#at++
      else return left
      const right = this.#left(['+', '-'], () => this.#concatenation())
      const compared: Expression = {
        kind: 'binary',
        operator: operator === 'not' ? 'in' : operator,
        left,
        right,
        at,
      }
      left = operator === 'not' ? { kind: 'unary', operator: 'not', of: compared, at } : compared
    }
  }

  #concatenation(): Expression {
    return this.#left(['~'], () => this.#left(['*', '/', '//', '%'], () => this.#unary()))
  }

  #unary(): Expression {
    const token = this.#here()
    if (token.kind === 'operator' && (token.text === '-' || token.text === '+')) {
      this.#at++
      return { kind: 'unary', operator: token.text, of: this.#nested(() => this.#unary()), at: token.at }
    }
    const base = this.#postfix(this.#primary())
    if (!this.#take('**')) return base
    return {
      kind: 'binary',
      operator: '**',
      left: base,
      right: this.#nested(() => this.#unary()),
      at: base.at,
    }
  }

  #left(operators: readonly string[], next: () => Expression): Expression {
    let left = next()
    while (operators.includes(this.#peek()) && this.#here().kind !== 'string') {
      const operator = this.#tokens[this.#at++]!.text
      left = { kind: 'binary', operator, left, right: next(), at: left.at }
    }
    return left
  }

  #primary(): Expression {
    const token = this.#here()
    const { at } = token
    this.#at++
    if (token.kind === 'string') {
      let value = token.text
      while (this.#tokens[this.#at]?.kind === 'string') value += this.#tokens[this.#at++]!.text
      return { kind: 'value', value, at }
    }
    if (token.kind === 'number') return { kind: 'value', value: Number(token.text), at }
    if (token.kind === 'name') {
      const known: Readonly<Record<string, boolean | null>> = {
        true: true,
        True: true,
        false: false,
        False: false,
        none: null,
        None: null,
      }
      const value = Object.hasOwn(known, token.text) ? known[token.text]! : undefined
      return value === undefined ? { kind: 'name', name: token.text, at } : { kind: 'value', value, at }
    }
    if (token.text === '[') return { kind: 'list', items: this.#list(']'), at }
    if (token.text === '(') {
      const first = this.#expression()
      if (this.#take(')')) return first
      this.#need(',')
      return { kind: 'list', items: [first, ...this.#list(')')], at }
    }
    if (token.text === '{') {
      const items: (readonly [Expression, Expression])[] = []
      while (!this.#take('}')) {
        const key = this.#expression()
        this.#need(':')
        items.push([key, this.#expression()])
        if (!this.#take(',') && this.#peek() !== '}') this.#refuse("',' or '}'")
      }
      return { kind: 'dict', items, at }
    }
    this.#at--
    return this.#refuse('an expression')
  }

  #list(end: string): Expression[] {
    const items: Expression[] = []
    while (!this.#take(end)) {
      items.push(this.#expression())
      if (!this.#take(',') && this.#peek() !== end) this.#refuse(`',' or '${end}'`)
    }
    return items
  }

  #postfix(first: Expression): Expression {
    let of = first
    for (;;) {
      const { at } = of
      if (this.#take('.')) {
        const isIndex = this.#here().kind === 'number'
        const value = isIndex ? Number(this.#tokens[this.#at++]!.text) : this.#name()
        const key: Expression = { kind: 'value', value, at }
        of = { kind: 'member', of, key, dotted: true, at }
      } else if (this.#take('[')) of = this.#subscript(of)
      else if (this.#take('(')) of = { kind: 'call', of, given: this.#arguments(), at }
      else if (this.#take('|')) {
        const name = this.#name()
        of = { kind: 'filter', of, name, given: this.#take('(') ? this.#arguments() : nothing, at }
      } else if (this.#take('is')) {
        const negated = this.#take('not')
        const name = this.#name()
        let given = nothing
        if (this.#take('(')) given = this.#arguments()
        else if (['equalto', 'eq', 'in', 'sameas', 'divisibleby', 'ne'].includes(name))
          given = { list: [this.#postfix(this.#primary())], named: [] }
        of = { kind: 'test', of, name, given, negated, at }
      } else return of
    }
  }

  #subscript(of: Expression): Expression {
    const { at } = of
    const bounds: (Expression | undefined)[] = []
    let sliced = false
    for (;;) {
      const isEmpty = [':', ']'].includes(this.#peek()) && this.#here().kind === 'operator'
      bounds.push(isEmpty ? undefined : this.#expression())
      if (this.#take(']')) break
      this.#need(':')
      sliced = true
    }
    if (sliced) return { kind: 'slice', of, bounds, at }
    const [key] = bounds
    return key === undefined ? this.#refuse('an index') : { kind: 'member', of, key, dotted: false, at }
  }

  #arguments(): Arguments {
    const list: Expression[] = []
    const named: (readonly [string, Expression])[] = []
    while (!this.#take(')')) {
      const isNamed = this.#here().kind === 'name' && this.#tokens[this.#at + 1]?.text === '='
      if (isNamed) {
        const name = this.#name()
        this.#at++
        named.push([name, this.#expression()])
      } else list.push(this.#expression())
      if (!this.#take(',') && this.#peek() !== ')') this.#refuse("',' or ')'")
    }
    return { list, named }
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > deepest) this.#refuse(`at most ${deepest} parts within each other`)
    const made = read()
    this.#depth--
    return made
  }

  #here(): Token {
    return this.#tokens[this.#at] ?? this.#refuse('more')
  }

  /** The text of the next token, where it is no string. */
  #peek(): string {
    const token = this.#tokens[this.#at]
    return token === undefined || token.kind === 'string' || token.kind === 'text' ? '' : token.text
  }

  #take(text: string): boolean {
    if (this.#peek() !== text) return false
    this.#at++
    return true
  }

  #need(text: string): void {
    if (!this.#take(text)) this.#refuse(`'${text}'`)
  }

  #brace(text: string): void {
    if (this.#tokens[this.#at]?.kind !== 'brace' || !this.#take(text)) this.#refuse(`'${text}'`)
  }

  #name(): string {
    const token = this.#here()
    if (token.kind !== 'name') this.#refuse('a name')
    this.#at++
    return token.text
  }

  #refuse(expected: string): never {
    const token = this.#tokens[this.#at]
    const found = token === undefined ? 'the end of the template' : `'${token.text.slice(0, 40)}'`
    throw templateError(token?.at ?? this.#tokens.at(-1)?.at ?? 0, expected, found)
  }
}

const nothing: Arguments = { list: [], named: [] }
