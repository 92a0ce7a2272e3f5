import t from 'tap'
import { parseYaml } from '../../src/core/yaml.ts'

t.test('YAML becomes a value, and a document that keeps its comments', async (t) => {
  const { value, document } = parseYaml('# mine\na: { b: "x" }\n', 'it')
  t.same(value, { a: { b: 'x' } })
  document.setIn(['a', 'b'], 'y')
  t.equal(String(document), '# mine\na: { b: "y" }\n')
  t.equal(parseYaml('', 'it').value, null)
})

t.test('what is no YAML is refused with its line, and without its text', async (t) => {
  t.throws(() => parseYaml('a: 1\nb: !secret x', 'it'), {
    code: 'bad-config',
    message: 'it line 2: Unresolved tag',
  })
  t.throws(() => parseYaml('a: &x 1\nb: *x', 'it'), {
    code: 'bad-config',
    message: 'it: expected no aliases: put a text that starts with * in quotes',
  })
})
