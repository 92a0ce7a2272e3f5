/** What the API is, for programs: OpenAPI 3.1, with the JSON Schemas that requests are checked by. */
import type { GetRoute } from '../core/route.ts'
import { sendJson } from './json-exchange.ts'
import {
  type Answer,
  type ApiOperation,
  answerSchemas,
  manyOf,
  refTo,
  text,
} from './openapi-answers.ts'
import { apiPaths } from './openapi-paths.ts'

/** `GET /api/openapi.json`: for everybody, since it says nothing of this hub but its version. */
export function openApiRoute(version: string): GetRoute {
  let document: unknown
  return {
    isPublic: true,
    get: ({ response }) => {
      document ??= openApiOf(version)
      sendJson(response, document)
    },
  }
}

function openApiOf(version: string): unknown {
  return {
    openapi: '3.1.0',
    info: { title: 'Clown.Hub', version, license: { name: 'MIT', identifier: 'MIT' } },
    // Wherever a proxy has put it.
    servers: [{ url: '..' }],
    security: [{ basic: [] }, { token: [] }, {}],
    paths: Object.fromEntries(
      Object.entries(apiPaths()).map(([path, { get, post }]) => [
        path,
        {
          ...(get && { get: operationOf(path, get) }),
          ...(post && { post: operationOf(path, post) }),
        },
      ]),
    ),
    components: {
      schemas: answerSchemas,
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic' },
        token: { type: 'http', scheme: 'bearer', description: 'ch_…, of clown-hub user token' },
      },
    },
  }
}

function operationOf(path: string, { summary, query = {}, body, answers, refusals }: ApiOperation) {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    ...{ name, in: 'path', required: true, schema: text },
  }))
  const inQuery = Object.entries(query).map(([name, description]) => ({
    ...{ name, in: 'query', description, schema: name === 'filter' ? manyOf(text) : text },
  }))
  return {
    summary,
    parameters: [...inPath, ...inQuery],
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: body } } },
    }),
    responses: Object.fromEntries([
      ...Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)]),
      ...refusals.map((status) => [status, refusalOf(status)]),
    ]),
  }
}

function answerOf(answer: Answer) {
  if (answer === undefined) return { description: 'done' }
  if (typeof answer === 'string') return { description: 'done', content: { [answer]: {} } }
  return { description: 'done', content: { 'application/json': { schema: answer } } }
}

function refusalOf(status: number) {
  // Who is not signed in is told so in plain text, by a challenge.
  if (status === 401) return { description: 'expected a user and password of the hub' }
  const content = { 'application/json': { schema: refTo('Error') } }
  return { description: 'why not, by a code of docs/errors.md', content }
}
