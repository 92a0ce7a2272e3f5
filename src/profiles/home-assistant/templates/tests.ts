/** The tests of templates: what `is` asks. */
import { isLower, isUpper } from './methods.ts'
import { isNumber } from './numbers.ts'
import { operators } from './operators.ts'
import { str } from './texts.ts'
import {
  asNumber,
  type Call,
  isDict,
  isFloat,
  isIn,
  itemsIn,
  Moment,
  numberIn,
  Tuple,
} from './values.ts'

/** A test by an operator, which has several names. */
function byOperator(sign: string, names: readonly string[]): [string, Call][] {
  const test: Call = (value, given, rendering) =>
    operators[sign]?.(value, given.at(0, 'other'), rendering)
  return [sign, ...names].map((name) => [name, test])
}

/** Every test, by its name. */
export const tests: ReadonlyMap<string, Call> = new Map<string, Call>([
  ...byOperator('==', ['eq', 'equalto', 'sameas']),
  ...byOperator('!=', ['ne']),
  ...byOperator('<', ['lt', 'lessthan']),
  ...byOperator('<=', ['le']),
  ...byOperator('>', ['gt', 'greaterthan']),
  ...byOperator('>=', ['ge']),
  ...byOperator('in', []),
  ['defined', (value) => value !== undefined],
  ['undefined', (value) => value === undefined],
  ['none', (value) => value === null],
  ['number', (value) => numberIn(value) !== undefined],
  ['integer', (value) => typeof value === 'number' && !isFloat(value)],
  ['float', isFloat],
  ['string', (value) => typeof value === 'string'],
  ['boolean', (value) => typeof value === 'boolean'],
  ['true', (value) => value === true],
  ['false', (value) => value === false],
  ['mapping', isDict],
  [
    'sequence',
    (value) => typeof value === 'string' || itemsIn(value) !== undefined || isDict(value),
  ],
  [
    'iterable',
    (value) => typeof value === 'string' || itemsIn(value) !== undefined || isDict(value),
  ],
  ['list', (value) => Array.isArray(value)],
  ['tuple', (value) => value instanceof Tuple],
  ['datetime', (value) => value instanceof Moment],
  ['is_number', isNumber],
  ['even', (value) => asNumber(value) % 2 === 0],
  ['odd', (value) => Math.abs(asNumber(value) % 2) === 1],
  ['divisibleby', (value, given) => asNumber(value) % asNumber(given.at(0, 'num')) === 0],
  ['lower', (value, _given, rendering) => isLower(str(value, rendering))],
  ['upper', (value, _given, rendering) => isUpper(str(value, rendering))],
  ['contains', (value, given, rendering) => isIn(given.at(0, 'value'), value, rendering)],
])
