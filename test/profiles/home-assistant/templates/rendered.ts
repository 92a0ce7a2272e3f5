import { parseJson } from '../../../../src/core/json.ts'
import {
  compileTemplate,
  TemplateFailure,
} from '../../../../src/profiles/home-assistant/templates/template.ts'
import { pythonJson } from '../../../../src/profiles/home-assistant/templates/texts.ts'

/** It is New Year's midnight of 2026. */
const clock = { nowMs: () => 0, wallMs: () => Date.parse('2026-01-01T00:00:00Z') }

/** The variables of a payload: its text, and what it says where it is JSON. */
export function variablesOf(payload: string): Readonly<Record<string, unknown>> {
  const json = parseJson(payload)
  return { value: payload, ...(json !== undefined && { value_json: pythonJson(payload, json) }) }
}

/** What a template makes of these variables: a text, or why there is none. */
export function rendered(
  template: string,
  variables: Readonly<Record<string, unknown>> = {},
): string | TemplateFailure {
  const compiled = compileTemplate(template, clock)
  return compiled instanceof TemplateFailure ? compiled : compiled.render(variables)
}

/** Why there is none. */
export function reasonIn(
  template: string,
  variables: Readonly<Record<string, unknown>> = {},
): string {
  const result = rendered(template, variables)
  return result instanceof TemplateFailure ? result.reason : `none: it is ${JSON.stringify(result)}`
}
