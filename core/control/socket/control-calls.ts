import type { Readable } from "node:stream";
import type { FromSchema } from "json-schema-to-ts";
import { schemaCheck } from "../../config/schema-check.js";
import { allowedList, quote, suggestion } from "../../config/wording.js";
import { VmmschedError } from "../../errors.js";
import type { PluginsControl } from "./plugins-control.js";
import { problemsOnOneLine } from "./protocol.js";

/**
 * Something that can be called over the control socket. It returns (or promises) plain data; or a Readable, whose bytes
 * then are all that the connection carries. That stream is destroyed when the client goes away.
 */
export type ControlCall = (args: object) => unknown;

/** By name: `<concept>.<verb>`. */
export type ControlCalls = Readonly<Record<string, ControlCall>>;

/** A call whose arguments follow a JSON Schema, from which the type of `args` is derived. It throws ERR_CONTROL_PROTOCOL for others. */
export function checkedCall(schema: object, call: (args: never) => unknown): ControlCall {
  const check = schemaCheck(schema);
  return (args) => {
    const problems = check(args);
    if (problems.length === 0) return call(args as never);
    throw new VmmschedError("ERR_CONTROL_PROTOCOL", `wrong arguments: ${problemsOnOneLine(problems)}`);
  };
}

/** The call of this name. Throws ERR_CONTROL_PROTOCOL. */
export function callNamed(calls: ControlCalls, name: string): ControlCall {
  const call = Object.hasOwn(calls, name) ? calls[name] : undefined;
  if (call !== undefined) return call;
  const known = Object.keys(calls);
  throw new VmmschedError(
    "ERR_CONTROL_PROTOCOL",
    `there is no call ${quote(name)}${suggestion(name, known)}; ${allowedList(known)}`,
  );
}

const nothing = { type: "object", additionalProperties: false } as const;
const plugin = {
  type: "object",
  additionalProperties: false,
  required: ["name"],
  properties: { name: { type: "string" } },
} as const;
const pluginWithOptions = {
  type: "object",
  additionalProperties: false,
  required: ["name"],
  properties: { name: { type: "string" }, options: { type: "object" } },
} as const;
const policySet = {
  type: "object",
  additionalProperties: false,
  required: ["set"],
  properties: { set: { type: "string" } },
} as const;

const oneDomain = {
  type: "object",
  additionalProperties: false,
  required: ["domain"],
  properties: { domain: { type: "string" } },
} as const;

const domainAndProcess = {
  type: "object",
  additionalProperties: false,
  required: ["domain"],
  properties: {
    domain: { type: "string" },
    pid: { type: ["integer", "string"] },
  },
} as const;

type Plugin = FromSchema<typeof plugin>;
type PluginWithOptions = FromSchema<typeof pluginWithOptions>;
type PolicySet = FromSchema<typeof policySet>;
type OneDomain = FromSchema<typeof oneDomain>;
type DomainAndProcess = FromSchema<typeof domainAndProcess>;

/** Calls `scheduler.*`. */
export function statusCalls(control: {
  status(): Promise<object>;
  explain(domain: string, pid: string | undefined): Promise<object>;
  trust(domain: string): Promise<object>;
}): ControlCalls {
  return {
    "scheduler.status": checkedCall(nothing, () => control.status()),
    "scheduler.explain": checkedCall(domainAndProcess, ({ domain, pid }: DomainAndProcess) =>
      control.explain(domain, pid === undefined ? undefined : String(pid)),
    ),
    "scheduler.trust": checkedCall(oneDomain, ({ domain }: OneDomain) => control.trust(domain)),
  };
}

/** Calls `record.*`. */
export function recordCalls(recorder: { record(): Readable }): ControlCalls {
  return { "record.start": checkedCall(nothing, () => recorder.record()) };
}

/** {@link PluginsControl}, as calls `plugins.*`. */
export function pluginsCalls(control: PluginsControl): ControlCalls {
  return {
    "plugins.list": checkedCall(nothing, () => control.list()),
    "plugins.show": checkedCall(plugin, ({ name }: Plugin) => control.show(name)),
    "plugins.enable": checkedCall(pluginWithOptions, ({ name, options }: PluginWithOptions) =>
      control.enable(name, options),
    ),
    "plugins.disable": checkedCall(plugin, ({ name }: Plugin) => control.disable(name)),
    "plugins.switch": checkedCall(policySet, ({ set }: PolicySet) => control.switchTo(set)),
    "plugins.restore": checkedCall(nothing, () => control.restore()),
  };
}
