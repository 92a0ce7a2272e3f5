import fc from 'fast-check'

/** Characters in which topics of real programs differ, and those by which records are cut into parts. */
const characters = [
  ...[
    'a',
    'B',
    '0',
    '-',
    '_',
    ' ',
    '.',
    ':',
    '%',
    '"',
    "'",
    ',',
    ';',
    '=',
    '&',
    '?',
    '\\',
    '{',
    '}',
  ],
  ...[
    'č',
    'ا',
    '\u200c',
    '\u200d',
    '\u00ad',
    '\ufeff',
    '\ufffd',
    '\u2028',
    '👨‍👩‍👧',
    '🏳️‍🌈',
    '\u{10fffd}',
  ],
]

/** A level of a topic: some are empty, some are longer than most. */
const anyLevel = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('', 'set', 'boot', 'relay', 'devices', '-') },
  { weight: 3, arbitrary: fc.string({ unit: fc.constantFrom(...characters), maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constant('level'.repeat(30)) },
)

/** Any topic that clients may publish on, of up to 20 levels. */
export const anyTopic = fc
  .array(anyLevel, { minLength: 1, maxLength: 20 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic !== '')

/** Topics that programs which people run have, and some that are hard to take. */
export const hardTopics: readonly string[] = [
  '/devices/wb-mr6c_21/controls/K1',
  '/%sysname%/BME280/Temperature',
  'a//b/',
  '/',
  '//',
  '/a',
  'a/',
  'lamp',
  Array.from({ length: 17 }, (_, at) => `level ${at}`).join('/'),
  `home/${'x'.repeat(200)}/state`,
  'home/👨‍👩‍👧‍👦/🏳️‍🌈',
  'می‌خواهم/دما',
  'Wohn\u00adzimmer/Licht',
  'homie/5/lamp/$state',
]
