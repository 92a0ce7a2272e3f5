import { join } from 'node:path'
import { Ajv, type SchemaObject } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'
import { pascalCase, readSchema, schemaNames, schemas } from './schema-files.ts'

/** A check that is made ahead, so that no start has to compile a schema. */
interface Plan {
  readonly name: string
  readonly schema: SchemaObject
}

/** What a plan is exported as: the type of what keeps the schema, and the module beside it that has the type. */
interface TypedPlan extends Plan {
  readonly type: string
  readonly from: string
}

/** The text of each generated module and of its types, by the name of its file. */
export function generateValidators(): [file: string, text: string][] {
  const stored = schemaNames(join(schemas, 'stored')).map((kind) =>
    typedPlan(`stored/${kind}`, `${pascalCase(kind)}Entry`, 'stored'),
  )
  const requests = [
    typedPlan('command', 'CommandRequest'),
    typedPlan('lock', 'LockRequest'),
    typedPlan('ban', 'BanRequest'),
    typedPlan('unban', 'UnbanRequest'),
    typedPlan('acknowledge', 'AcknowledgeRequest'),
    typedPlan('password', 'PasswordRequest'),
    typedPlan('setup', 'SetupRequest'),
    typedPlan('share', 'ShareRequest'),
    typedPlan('unshare', 'UnshareRequest'),
    typedPlan('unlock', 'UnlockRequest'),
    typedPlan('label', 'LabelRequest'),
    typedPlan('forget', 'ForgetRequest'),
    typedPlan('replace', 'ReplaceRequest'),
    typedPlan('publish', 'PublishRequest'),
    typedPlan('add-user', 'AddUserRequest'),
    typedPlan('change-user', 'ChangeUserRequest'),
    typedPlan('remove-user', 'RemoveUserRequest'),
    typedPlan('add-token', 'AddTokenRequest'),
    typedPlan('remove-token', 'RemoveTokenRequest'),
    typedPlan('disconnect', 'DisconnectRequest'),
  ]
  const modules: [name: string, plans: TypedPlan[]][] = [
    ['validate-config', [typedPlan('config', 'CheckedConfig')]],
    ['validate-users', [typedPlan('users', 'UsersFile')]],
    ['validate-requests', requests],
    ['validate-stored', stored],
    ['validate-receipt', [typedPlan('receipt', 'Receipt', 'receipt')]],
  ]
  return [
    ['validator.ts', validatorInterface],
    ...modules.flatMap(([name, plans]): [string, string][] => [
      [`${name}.js`, moduleOf(plans)],
      [`${name}.d.ts`, typesOf(plans)],
    ]),
    ['clown-kinds.js', clownKindsModule()],
    ['clown-kinds.d.ts', clownKindsTypes],
  ]
}

const validatorInterface = `import type { ErrorObject, SchemaObject } from 'ajv'

/** Whether a value keeps a schema; if not, why is in \`errors\` until the next call. */
export interface Validator<T> {
  (value: unknown): value is T
  readonly schema: SchemaObject
  readonly errors?: readonly ErrorObject[] | null
}
`

const validatorImport = "import type { Validator } from './validator.ts'"

const clownKindsTypes = `${validatorImport}

export const clownKinds: readonly {
  readonly topics: readonly string[]
  readonly validate: Validator<unknown>
}[]
`

/**
 * The kinds of Clown.Model: their topics, and how to check what travels there.
 *
 * @throws Error naming the file, when one in `folder` cannot be read or is no strict JSON Schema with topics.
 */
export function clownKindsModule(folder = join(schemas, 'clown-model')): string {
  const ajv = openStrictAjv()
  const kinds = schemaNames(folder).map((kind) => compiledKind(ajv, kind, folder))
  const entries = kinds.map(
    (plan) => `{ topics: ${constantOf(ajv, plan)}.topics, validate: ${validatorOf(ajv, plan)} },\n`,
  )
  return `${codeOf(ajv, kinds)}export const clownKinds = [\n${entries.join('')}]\n`
}

function compiledKind(ajv: Ajv, kind: string, folder: string): Plan {
  try {
    const plan = { name: kind, schema: readSchema(kind, folder) }
    compiled(ajv, plan)
    if (plan.schema['topics'] === undefined) throw new Error('it has none')
    return plan
  } catch (cause) {
    throw new Error(
      `expected a JSON Schema with topics in ${join(folder, kind)}.schema.json: ${cause}`,
      {
        cause,
      },
    )
  }
}

function typedPlan(file: string, type: string, from = file): TypedPlan {
  return { name: `validate${type}`, schema: readSchema(file), type, from }
}

/** A module that exports a `Validator` for each plan. */
function moduleOf(plans: readonly TypedPlan[]): string {
  const ajv = openStrictAjv()
  const code = codeOf(ajv, plans)
  return (
    code + plans.map((plan) => `export const ${plan.name} = ${validatorOf(ajv, plan)}\n`).join('')
  )
}

function typesOf(plans: readonly TypedPlan[]): string {
  const imports = plans.map(({ type, from }) => `import type { ${type} } from './${from}.ts'\n`)
  const values = plans.map(({ name, type }) => `export const ${name}: Validator<${type}>\n`)
  return `${imports.join('')}${validatorImport}\n\n${values.join('')}`
}

/** What the code that ajv makes needs of ajv when it runs. */
const runtime = /require\("ajv\/dist\/runtime\/(\w+)"\)/g

/** The functions and schemas of all plans, without what exports them. */
function codeOf(ajv: Ajv, plans: readonly Plan[]): string {
  for (const plan of plans) compiled(ajv, plan)
  const code = standalone
    .default(ajv, Object.fromEntries(plans.map(({ name }) => [name, name])))
    .replace('"use strict";\n', '')
    .replaceAll(/^exports.* = \w+;\n/gm, '')
    .replaceAll(/^\/\*# sourceURL=.*\n/gm, '')
  const helpers = new Set([...code.matchAll(runtime)].map(([, helper]) => helper))
  const imports = [...helpers].map((name) => `import ${name} from 'ajv/dist/runtime/${name}.js'\n`)
  const head = '/* c8 ignore start: what ajv makes of a schema. */\n'
  return `${head}${imports.join('')}\n${code.replaceAll(runtime, '$1')}\n`
}

function validatorOf(ajv: Ajv, plan: Plan): string {
  return `Object.assign(${compiled(ajv, plan)?.validateName}, { schema: ${constantOf(ajv, plan)} })`
}

/** The name that ajv has given to the schema of a plan. */
function constantOf(ajv: Ajv, plan: Plan): string {
  const constants = [...new Set(compiled(ajv, plan)?.scopeValues['schema'])]
  return String(constants.find(({ value }) => value?.ref === plan.schema))
}

function compiled(ajv: Ajv, { name, schema }: Plan) {
  if (ajv.getSchema(name) === undefined) ajv.addSchema(schema, name)
  return ajv.getSchema(name)?.source
}

/** A schema that is wrong, or has a keyword by mistake, is refused. Defaults are filled in unless told otherwise. */
export function openStrictAjv(useDefaults = true): Ajv {
  const code = { source: true, lines: true, optimize: true }
  const ajv = new Ajv({ strict: true, allowUnionTypes: true, useDefaults, code })
  ajv.addKeyword({
    keyword: 'topics',
    metaSchema: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 },
  })
  // Whose a limit is, what happens past it, and what counts it: for the documents, not for validation.
  return ajv.addVocabulary(['whose', 'onExcess', 'counter'])
}
