import fc from 'fast-check'
import t from 'tap'
import { TemplateFailure } from '../../../../src/profiles/home-assistant/templates/template.ts'
import { reasonIn, rendered } from './rendered.ts'

const payload = { x: 21.5, list: [1, 'a', null, { y: true }], text: 'ON', big: 'a'.repeat(1000) }
const variables = { value: 'ON', value_json: payload }

/** The processor time of rendering `template`, in milliseconds. */
function costMs(template: string): number {
  const start = process.cpuUsage()
  rendered(template, variables)
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

t.test('nothing but own data is reached', async (t) => {
  const names = [
    'constructor',
    '__proto__',
    'prototype',
    'toString',
    '__class__',
    'hasOwnProperty',
    'mro',
  ]
  for (const name of names) {
    for (const value of [
      'value',
      'value_json',
      'value_json.list',
      '1',
      'true',
      'now()',
      '{}',
      '[]',
    ]) {
      for (const template of [`{{ ${value}.${name} }}`, `{{ ${value}['${name}'] }}`]) {
        t.equal(rendered(template, variables), '', template)
      }
      t.match(reasonIn(`{{ ${value}.${name}() }}`, variables), /method that the hub knows/)
    }
    t.equal(rendered(`{{ ${name} is defined }}`, variables), 'False')
    t.equal(rendered(`{{ value_json|map(attribute='${name}')|list|length }}`, variables), '4')
    t.match(reasonIn(`{{ ${name}() }}`, variables), /function that the hub knows/)
    t.match(reasonIn(`{{ 1|${name} }}`, variables), /filter that the hub knows/)
    t.match(reasonIn(`{{ 1 is ${name} }}`, variables), /test that the hub knows/)
    t.equal(rendered(`{{ '%(${name})s' % value_json }}`, variables), '')
    t.match(reasonIn(`{{ '{${name}}'.format(1) }}`, variables), /expected a value for/)
  }
  t.equal(Object.hasOwn(Object.prototype, 'x'), false)
})

t.test('what would take long, or much memory, ends', async (t) => {
  const many = 'expected at most 20000 steps, got more'
  const long = 'expected texts of at most 65536 characters, got a longer one'
  const reasons = {
    '{% for i in range(1000000000) %}{% endfor %}': many,
    '{% for i in range(9000) %}{% for j in range(9000) %}{{ i * j }}{% endfor %}{% endfor %}': many,
    "{{ 'a' * 100000 }}": long,
    "{{ 'a' * 1e400|int(9999999) }}": long,
    '{{ [1] * 1000000 }}': many,
    '{{ range(0, 1e400) }}': many,
    "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}":
      long,
    "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}":
      long,
    '{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}':
      many,
    '{% set ns = namespace(x=[1]) %}{% for i in range(30) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}':
      many,
    '{% set ns = namespace(x=1) %}{% for i in range(99) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}':
      'expected at most 40 levels, got more',
    '{% set ns = namespace(x=1) %}{% for i in range(99) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x|to_json }}':
      'expected at most 40 levels, got more',
    "{{ 'aaaa'.replace('', 'a' * 60000) }}": long,
    "{{ ('a' * 60000)|replace('a', 'bb') }}": long,
    "{{ ('a,' * 300).split(',')|join('b' * 600) }}": long,
    "{{ '%100000d' % 1 }}": long,
    "{{ '%s%s' % ('a' * 40000, 'a' * 40000) }}": long,
    "{{ '{:>100000}'.format(1) }}": long,
    "{{ 'a'.ljust(100000) }}": long,
    "{{ 'a'|center(100000) }}": long,
    "{{ 'a'|indent(100000) }}": long,
    "{{ 'a'.zfill(100000) }}": long,
    '{{ [1]|batch(100000, 1) }}': many,
    '{{ [1]|slice(100000) }}': many,
    '{% macro m(a) %}{{ m(a) }}{% endmacro %}{{ m(1) }}': 'expected at most 40 levels, got more',
    '{% macro m(a) %}{{ m(a) if a > 0 }}{{ m(a - 1) if a > 0 }}{% endmacro %}{{ m(30) }}':
      'expected at most 40 levels, got more',
    '{% macro m(a) %}{% if a > 0 %}{{ m(a - 1) }}{{ m(a - 1) }}{% endif %}{% endmacro %}{{ m(30) }}':
      many,
    "{% for i in range(9000) %}{{ 'aaaaaaaaaaaaaaaaaaaa' }}{% endfor %}": many,
    "{% set a = 'a' * 60000 %}{{ a }}{{ a }}": long,
    "{% for i in range(9000) %}{{ value_json.big.count('b') }}{% endfor %}": many,
    '{% for i in range(9000) %}{{ value_json.big|upper }}{% endfor %}': many,
  }
  for (const [template, reason] of Object.entries(reasons)) {
    t.equal(reasonIn(template, variables), reason, template)
    const ms = costMs(template)
    t.ok(ms < 250, `${template} takes ${ms} ms`)
  }
})

t.test('what is too long, too deep or too much is not compiled', async (t) => {
  const reasons: [template: string, reason: RegExp][] = [
    ['a'.repeat(20_000), /at most 16384 characters, got 20000/],
    [`{{ ${'('.repeat(100)}1${')'.repeat(100)} }}`, /at most 40 levels/],
    [`{{ ${'- '.repeat(100)}1 }}`, /at most 40 levels/],
    [`{{ ${'['.repeat(100)}${']'.repeat(100)} }}`, /at most 40 levels/],
    [`{{ ${'1 if 1 else '.repeat(100)}1 }}`, /at most 40 levels/],
    [`{{ value${'.a'.repeat(3000)} }}`, /at most 2000 parts/],
    [`{{ value${'|lower'.repeat(2500)} }}`, /at most 2000 parts/],
    [`{{ 1${'+1'.repeat(3000)} }}`, /at most 2000 parts/],
    [`{{ [${'1,'.repeat(3000)}] }}`, /at most 2000 parts/],
    [`{{ 1${' ** 1'.repeat(2000)} }}`, /at most 2000 parts/],
    ['{% if 1 %}'.repeat(100) + '{% endif %}'.repeat(100), /at most 40 levels of blocks/],
  ]
  for (const [template, reason] of reasons) {
    t.match(reasonIn(template, variables), reason, template.slice(0, 40))
  }
  t.equal(rendered(`{{ ${'not '.repeat(3000)}1 }}`), 'True')
})

/** Pieces of the language, put together by somebody who means no good. */
const piece = fc.constantFrom(
  ...[
    'value',
    'value_json',
    'x',
    '1',
    '1e308',
    "'a'",
    '[]',
    '{}',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ',',
  ],
  ...[
    ':',
    '.',
    '|',
    '~',
    '+',
    '-',
    '*',
    '**',
    '//',
    '/',
    '%',
    '==',
    '<',
    'in',
    'not',
    'is',
    'and',
    'or',
  ],
  ...[
    'if',
    'else',
    'for',
    'endfor',
    'endif',
    'set',
    '=',
    'namespace',
    'range',
    '(9999)',
    'now',
    'm',
    'ns',
  ],
  ...[
    'join',
    'replace',
    "('','a')",
    'map',
    'select',
    'list',
    'format',
    "'%999d'",
    'center',
    'batch',
    'sort',
  ],
  ...[
    'tojson',
    'constructor',
    '__proto__',
    'macro',
    'endmacro',
    'get',
    'items',
    'loop',
    'default',
    'true',
  ],
)
const tag = fc
  .tuple(fc.constantFrom('{{', '{%', '{%-', '{{-'), fc.array(piece, { maxLength: 12 }))
  .map(([open, pieces]) => `${open} ${pieces.join(' ')} ${open.startsWith('{{') ? '}}' : '%}'}`)
const anyTemplate = fc.array(fc.oneof(tag, fc.string({ maxLength: 5 })), { maxLength: 6 })

t.test('whatever a template is, it ends quickly, throws nothing and changes nothing', async (t) => {
  const before = JSON.stringify(variables)
  const isHarmless = (pieces: readonly string[]) => {
    const result = rendered(pieces.join(''), variables)
    return typeof result === 'string' || (result instanceof TemplateFailure && result.reason !== '')
  }
  const start = process.cpuUsage()
  t.doesNotThrow(() => fc.assert(fc.property(anyTemplate, isHarmless), { numRuns: 2000 }))
  t.doesNotThrow(() => fc.assert(fc.property(fc.string(), (text) => isHarmless([text]))))
  const { user } = process.cpuUsage(start)
  t.ok(user / 1000 < 10_000, `${user / 1000} ms`)
  t.equal(JSON.stringify(variables), before)
})
