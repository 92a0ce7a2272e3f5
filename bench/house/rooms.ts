// The source, read with TypeScript's own parser.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { median, quantile } from '../processes.ts'

const source = fileURLToPath(new URL('../../src', import.meta.url))

/** A file of the source, and what of it is counted. */
interface Room {
  readonly path: string
  readonly lines: number
  /** Lines of imports, interfaces and type aliases. */
  readonly declaringLines: number
  readonly functions: readonly { readonly lines: number; readonly parameters: number }[]
  /** Paths of the files of ours that it imports. */
  readonly imports: ReadonlySet<string>
  readonly exported: readonly string[]
}

/** Figures of `src`, but for what is generated, as words and the figure of each. */
export function measureRooms(): Record<string, string> {
  const rooms = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/^generated|\.d\.ts$/.test(file))
    .sort()
    .map((file) => readRoom(resolve(source, file)))
  const lines = rooms.map((room) => room.lines)
  const all = sum(lines)
  const functions = rooms.flatMap((room) => room.functions)
  const spans = functions.map((each) => each.lines)
  return {
    files: `${rooms.length}, ${all} lines`,
    'lines of a file': `median ${median(lines)}, most ${Math.max(...lines)}`,
    'files of at most 40 lines': String(lines.filter((each) => each <= 40).length),
    'imports and types of all lines': share(sum(rooms.map((each) => each.declaringLines)), all),
    'lines of a function': `median ${median(spans)}, of nine in ten at most ${quantile(spans, 0.9)}, most ${Math.max(...spans)}`,
    'functions with more than three parameters': String(
      functions.filter(({ parameters }) => parameters > 3).length,
    ),
    'imports of ours in a file': `of nine in ten at most ${quantile(
      rooms.map((each) => each.imports.size),
      0.9,
    )}, most ${Math.max(...rooms.map((each) => each.imports.size))}`,
    'files that only one of their folder imports': listed(lonely(rooms)),
    'exported names declared twice': listed(twice(rooms)),
  }
}

function readRoom(path: string): Room {
  const text = readFileSync(path, 'utf8')
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const linesOf = (node: ts.Node) => {
    const [start, end] = [node.getStart(), node.getEnd()].map(
      (at) => file.getLineAndCharacterOfPosition(at).line,
    )
    return (end ?? 0) - (start ?? 0) + 1
  }
  const functions: { lines: number; parameters: number }[] = []
  const visit = (node: ts.Node) => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      functions.push({ lines: linesOf(node), parameters: node.parameters.length })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  const imports = file.statements
    .filter((each) => ts.isImportDeclaration(each) || ts.isExportDeclaration(each))
    .flatMap(({ moduleSpecifier: from }) => (from && ts.isStringLiteral(from) ? from.text : []))
    .filter((from) => from.startsWith('.'))
    .map((from) => resolve(dirname(path), from))
  return {
    path,
    lines: text.split('\n').length - 1,
    declaringLines: sum(file.statements.filter(isDeclaring).map(linesOf)),
    functions,
    imports: new Set(imports),
    exported: file.statements.filter(isExported).flatMap(namesOf),
  }
}

function isDeclaring(node: ts.Statement): boolean {
  return (
    ts.isImportDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node)
  )
}

function isExported(node: ts.Statement): boolean {
  if (!ts.canHaveModifiers(node)) return false
  return ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false
}

function namesOf(node: ts.Statement): string[] {
  if (ts.isVariableStatement(node)) {
    return node.declarationList.declarations.map(({ name }) => name.getText())
  }
  const isNamed =
    ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node)
  return isNamed && node.name !== undefined ? [node.name.text] : []
}

/** Files that a single file imports, which is in the same folder. */
function lonely(rooms: readonly Room[]): string[] {
  return rooms
    .filter(({ path }) => {
      const importers = rooms.filter(({ imports }) => imports.has(path))
      return importers.length === 1 && dirname(importers[0]?.path ?? '') === dirname(path)
    })
    .map(({ path }) => path.slice(source.length + 1))
}

/** Names that two files export, each by a declaration of its own. */
function twice(rooms: readonly Pick<Room, 'exported'>[]): string[] {
  const names = rooms.flatMap(({ exported }) => [...new Set(exported)]).sort()
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))]
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? '0' : `${names.length} (${names.join(', ')})`
}

function share(part: number, whole: number): string {
  return `${((part / whole) * 100).toFixed(1)} %`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0)
}
