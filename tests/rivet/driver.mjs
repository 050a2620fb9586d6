// The client of `rivetkit`, told by lines of JSON on stdin what to do; it answers by such lines on stdout.
//
// It is run by `node --input-type=module --eval` in the folder with the packages. Values are written as in values.py.
import { createInterface } from "node:readline";

const answerTo = process.stdout.write.bind(process.stdout);
// What the client logs must not come between the answers.
process.stdout.write = process.stderr.write.bind(process.stderr);
for (const level of ["log", "info", "debug", "warn", "error", "trace"])
  console[level] = (...said) => process.stderr.write(`${level}: ${said.map(String).join(" ")}\n`);

const requests = [];
const fetchOfNode = globalThis.fetch;
globalThis.fetch = (resource, init) => {
  const asked = resource instanceof Request ? resource : { url: String(resource) };
  const { pathname, search } = new URL(asked.url);
  requests.push(`${init?.method ?? asked.method ?? "GET"} ${pathname}${search}`);
  return fetchOfNode(resource, init);
};

const bytesOf = (text) => new Uint8Array(Buffer.from(text, "base64"));

const fromJson = (said) => {
  if (Array.isArray(said)) return said.map(fromJson);
  if (said === null || typeof said !== "object") return said;
  switch (said.t) {
    case "undefined": return undefined;
    case "bigint": return BigInt(said.v);
    case "number": return { nan: NaN, inf: Infinity, "-inf": -Infinity, "-0.0": -0 }[said.v];
    case "Uint8Array": return bytesOf(said.v);
    case "ArrayBuffer": return bytesOf(said.v).buffer;
    case "Date": return new Date(said.v);
    case "object": return Object.fromEntries(said.v.map(([name, value]) => [name, fromJson(value)]));
    default: throw new TypeError(`unknown type ${said.t}`);
  }
};

const toJson = (value) => {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (value === undefined) return { t: "undefined" };
  if (typeof value === "bigint") return { t: "bigint", v: String(value) };
  if (typeof value === "number") {
    if (Number.isNaN(value)) return { t: "number", v: "nan" };
    if (!Number.isFinite(value)) return { t: "number", v: value > 0 ? "inf" : "-inf" };
    return Object.is(value, -0) ? { t: "number", v: "-0.0" } : value;
  }
  if (value instanceof Uint8Array) return { t: "Uint8Array", v: Buffer.from(value).toString("base64") };
  if (value instanceof ArrayBuffer) return { t: "ArrayBuffer", v: Buffer.from(value).toString("base64") };
  if (value instanceof Date) return { t: "Date", v: value.getTime() };
  if (Array.isArray(value)) return Array.from(value, toJson);
  const kind = Object.getPrototypeOf(value);
  if (typeof value === "object" && (kind === Object.prototype || kind === null))
    return { t: "object", v: Object.entries(value).map(([name, each]) => [name, toJson(each)]) };
  throw new TypeError(`the driver cannot carry a ${value?.constructor?.name ?? typeof value}`);
};

const say = (message) => answerTo(JSON.stringify(message) + "\n");

const errorToJson = (error) => ({
  name: error?.constructor?.name ?? typeof error,
  group: error?.group ?? null,
  code: error?.code == null ? null : String(error.code),
  message: String(error?.message ?? error),
  metadata: toJson(error?.metadata),
});

const { kind, ...options } = JSON.parse(process.env.HATCHWAY_TEST_CLIENT);
const { createClient } = await import("rivetkit/client");
const client = createClient(options);

const objects = new Map(); // handles and connections, by number
const subscriptions = new Map();
let numbered = 0;
const keep = (object) => {
  objects.set(++numbered, object);
  return numbered;
};

const doing = {
  echo: ({ value }) => value,
  requests: () => requests.splice(0),
  handle: async ({ how, of, options: given }) => keep(await client[kind][how](of, given)),
  call: ({ object, name, values }) => objects.get(object)[name](...values),
  resolve: ({ object }) => objects.get(object).resolve(),
  gatewayUrl: ({ object }) => objects.get(object).getGatewayUrl(),
  fetch: async ({ object, path, init }) => {
    const response = await objects.get(object).fetch(path, init);
    const body = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, headers: [...response.headers], body };
  },
  connect: ({ object }) => {
    const connection = objects.get(object).connect();
    const number = keep(connection);
    connection.onStatusChange((status) => say({ from: number, status }));
    connection.onError((error) => say({ from: number, error: errorToJson(error) }));
    return number;
  },
  subscribe: ({ object, name }) => {
    const listener = (...values) => say({ from: object, event: name, values: toJson(values) });
    subscriptions.set(`${object} ${name}`, objects.get(object).on(name, listener));
  },
  unsubscribe: ({ object, name }) => subscriptions.get(`${object} ${name}`)(),
  dispose: ({ object }) => objects.get(object).dispose(),
};

const answer = async ({ id, what, given }) => {
  try {
    say({ id, value: toJson(await doing[what](fromJson(given))) });
  } catch (error) {
    say({ id, error: errorToJson(error) });
  }
};

say({ ready: process.version });
const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on("line", (line) => void answer(JSON.parse(line)));
lines.on("close", () => process.exit(0));
