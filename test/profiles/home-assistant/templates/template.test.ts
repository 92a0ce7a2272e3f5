import { readFileSync } from 'node:fs'
import t from 'tap'
import { TemplateFailure } from '../../../../src/profiles/home-assistant/templates/template.ts'
import { reasonIn, rendered, variablesOf } from './rendered.ts'

interface PublicSample {
  readonly template: string
  readonly payload: string | null
  readonly vars: Readonly<Record<string, unknown>>
  readonly expect: { readonly out?: string; readonly undefined?: true }
}

interface Sample {
  readonly template: string
  readonly payload?: string
  readonly out?: string
  /** What Jinja2 says of a template that it does not understand, or has no result of. */
  readonly fails?: string
}

function read<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as T
}

t.test('what public programs send is what it is for Home Assistant', async (t) => {
  const samples = read<PublicSample[]>('../../../fixtures/devices/templates.json')
  t.ok(samples.length > 100)
  for (const { template, payload, vars, expect } of samples) {
    // Regular expressions from outside stay out.
    if (template.includes('regex_')) continue
    const variables = { ...vars, ...(payload !== null && variablesOf(payload)) }
    const result = rendered(template, variables)
    if (expect.undefined) t.type(result, TemplateFailure, template)
    else t.equal(result, expect.out, template)
  }
})

t.test('each part of the language is what Jinja2 3.1.6 makes of it', async (t) => {
  const samples = read<Sample[]>('./samples.json')
  t.ok(samples.length > 100)
  for (const { template, payload, out, fails } of samples) {
    const result = rendered(template, payload === undefined ? {} : variablesOf(payload))
    if (fails === undefined) t.equal(result, out, template)
    else t.type(result, TemplateFailure, `${template}: ${fails}`)
  }
})

t.test('a template that is not understood says what is not', async (t) => {
  const reasons = {
    "{{ value|regex_replace('a') }}": 'expected a filter that the hub knows, got regex_replace',
    '{{ value is match }}': 'expected a test that the hub knows, got match',
    "{{ states('sun.sun') }}": 'expected a function that the hub knows, got states',
    '{{ value.encode() }}': 'expected a method that the hub knows, got encode()',
    "{% include 'a' %}": 'expected a block that the hub knows, got include',
    '{{ value': 'expected a tag to be closed, got the end',
    '{{ value ! }}': 'expected an expression, got "! }}"',
    '{{ (value }}': 'expected no } that closes nothing',
    '{{ value) }}': 'expected no ) that closes nothing',
    '{{ }}': 'expected an expression, got "}}"',
    '{# a': 'expected #}, got the end of the template',
    '{% raw %}a': 'expected {% endraw %}, got the end of the template',
    '{% if value %}a': 'expected endif, got the end of the template',
    '{% set 5 = 1 %}': 'expected a name, got "5"',
    '{{ a b }}': 'expected the end of the tag, got "b"',
    '{{ (1)(2) }}': 'expected a filter, a function or a method that the hub knows',
  }
  for (const [template, reason] of Object.entries(reasons)) {
    t.equal(reasonIn(template, { value: 'a' }), reason)
  }
})

t.test('a template that has no result says why', async (t) => {
  const variables = { value: 'a', value_json: { list: [1], time: 5, none: null } }
  const reasons = {
    '{{ value_json.nothing.x }}': 'expected a value that has "x", got nothing',
    '{{ value|float }}': 'expected a number, or a default for none, got a text',
    '{{ nothing|int(0) }}': 'expected a value, got nothing',
    '{{ value + 1 }}': 'expected a number, got a text',
    '{{ 1 + none }}': 'expected a number, got None',
    '{{ value_json.list > 1 }}': 'expected two that can be compared, got a list and a number',
    '{{ value_json.list.split() }}': 'expected a value that has split(), got a list',
    '{{ value_json.items().get(1) }}': 'expected a value that has get(), got a list',
    '{{ {value_json.list: 1} }}': 'expected a key that is a text, a number or None, got a list',
    '{{ 5|list }}': 'expected a list, got a number',
    '{{ true|items }}': 'expected a dict, got true or false',
    '{{ 1 + value_json }}': 'expected a number, got a dict',
    '{{ 1 + now() }}': 'expected a number, got a time, or something else without parts',
    "{{ '%d'|format }}": 'expected a number, got a dict',
    "{{ '%s%s' % 1 }}": 'expected a value for each %',
    "{{ '{}{}'.format(1) }}": 'expected a value for {1}',
    "{{ '{:q1}'.format(1) }}": 'expected a format such as .1f, got "q1"',
    "{{ '%q' % 1 }}": 'expected a format such as d, f, x or s, got "q"',
    '{{ 1.5|bitwise_and(1) }}': 'expected whole numbers, got another one',
    '{{ []|average }}': 'expected at least one number',
    "{{ 'ab'.index('c') }}": 'expected a part that is there',
    "{{ 'ab'.split('') }}": 'expected a separator, got an empty text',
    '{{ [1][::0] }}': 'expected a step other than 0',
    '{{ [1][1.5:] }}': 'expected whole numbers as bounds, got another one',
    '{{ 5[1:] }}': 'expected a list or a text, got a number',
    '{{ range(1, 2, 0) }}': 'expected a step other than 0',
    "{{ [1]|map('nope') }}": 'expected a filter that the hub knows, got nope',
    "{{ [1]|select('nope') }}": 'expected a test that the hub knows, got nope',
    '{% set a, b = 1 %}': 'expected 2 values to set',
    '{% set value.x = 1 %}': 'expected a namespace to set a part of',
    '{% if false %}{% macro m() %}{% endmacro %}{% endif %}{{ m() }}': 'expected m to be a macro',
    '{{ value|from_json }}': 'expected JSON, got another text',
    '{{ now|to_json }}': 'expected what JSON can hold',
    '{{ 1 in 5 }}': 'expected a list, got a number',
    "{{ 'x'|as_timestamp }}": 'expected a time such as 2026-01-01T12:00:00Z',
    '{{ none|as_timestamp }}': 'expected a time, got None',
    '{{ 1e15|as_datetime }}': 'expected a time in the years that Python has',
    "{{ strptime('1', '%H:%M') }}": 'expected a time as "%H:%M" has it, got "1"',
    "{{ strptime('1:2:3', '%H:%M') }}": 'expected a time as "%H:%M" has it, got "1:2:3"',
  }
  for (const [template, reason] of Object.entries(reasons)) {
    t.equal(reasonIn(template, variables), reason, template)
  }
})

t.test('what Jinja2 refuses and devices do not send is of no harm', async (t) => {
  const results = {
    '{% break %}a': '',
    "{{ 'a'.x }}{{ 5 .hour }}": '',
    '{{ {}|to_json(pretty_print=true) }}': '{}',
    "{{ '{' | from_json(default='d') }}": 'd',
    '{{ (1,2)|to_json }}{{ 1e400|to_json }}{{ {none: 1}|to_json }}': '[1,2]null{"None":1}',
    '{{ now()|to_json }}': '"2026-01-01T00:00:00+00:00"',
    '{{ namespace(a=1) }}': "<Namespace {'a': 1}>",
    '{{ namespace(a=1).a }}{% macro m() %}{% endmacro %}{{ m }}': '1{}',
    "{{ 'é' | slugify }}{{ 'Öl Tank-1'|slugify(separator='-') }}{{ '-'|slugify }}": 'eol-tank-1',
    "{{ '%c'|default('') }}": '%c',
    "{{ '%s %(b)s' | format(b=2) }}": "{'b': 2} 2",
    '{{ zip() }}{{ [1, 2]|median }}{{ average(1, 2, 6) }}{{ 8|log(2) }}': '[]1.53.03.0',
    '{{ 0|sin }}{{ 0|cos }}{{ 0|tan }}{{ 0|asin }}{{ 1|acos }}{{ 0|atan }}{{ 1|log }}':
      '0.01.00.00.00.00.00.0',
    '{{ none|is_number }}{{ inf|is_number }}{{ e > 2.7 }}{{ tau > 6 }}': 'FalseFalseTrueTrue',
  }
  for (const [template, result] of Object.entries(results)) {
    t.equal(rendered(template), result, template)
  }
})
