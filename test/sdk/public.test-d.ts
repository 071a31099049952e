// Public types: what the type checker must accept and must refuse in a job or plugin. Nothing here
// runs; `tsc` fails when a line marked as an error is none.
import * as v from "valibot";
import type { RawDefinition, RawSchedule } from "../../src/jobs/keys.ts";
import {
  type Command,
  type Duration,
  type IfJson,
  isDuration,
  type JobDefinition,
  type JobSchedule,
  job,
  modules,
  type PluginModule,
  plugin,
  type Run,
  type Schema,
  type SchemaOutput,
  type StepWork,
  sql,
} from "../../src/sdk/index.ts";

type Same<Left, Right> =
  (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;

/** Fails to compile unless both types are the same. */
function same<Left, Right>(..._: Same<Left, Right> extends true ? [] : [never]): void {}

// A definition is what the rule for all forms of a job takes, key for key.
export const raw: RawDefinition = {} as JobDefinition;
same<keyof JobDefinition, keyof RawDefinition>();
same<keyof JobSchedule, keyof RawSchedule>();
/** A duration is a text for all forms of a job, and one of some texts for an editor. */
type Texts<Value> = Value extends Duration
  ? string
  : Value extends JobSchedule
    ? { readonly [Key in keyof Value]: Texts<Value[Key]> }
    : Value;
type Written = { readonly [Key in keyof JobDefinition]: Texts<JobDefinition[Key]> };
export const written: Omit<Written, "action"> = {} as Omit<RawDefinition, "action">;

job({});
job({ schedule: "@daily", plugin: ["a", "b"], expiry: undefined });
job({ schedule: { cron: "0 3 * * *", onMissed: "last", overlap: "queue" } });
job({ action: "./action.json" }, async () => {});
// @ts-expect-error: a schedule has an expression
job({ schedule: { timezone: "UTC" } });
// @ts-expect-error: one of skip, last, all
job({ schedule: { cron: "@daily", onMissed: "never" } });
// @ts-expect-error: there is no such key
job({ scheduel: "@daily" });
// @ts-expect-error: an action has operations
job({ action: { target: "status='online'" } });
// @ts-expect-error: durations are texts
job({ expiry: 600 });
// Of a length of time with its units.
const texts: readonly Duration[] = ["0", "90s", "1.5h", "1h30m", "250ms", "2h5m10s", `${7}m`];
job({ schedule: { cron: "@daily", spread: "30m" }, deadline: "6h", expiry: texts[1] });
// @ts-expect-error: a number has a unit
job({ expiry: "10" });
// @ts-expect-error: there is no unit of days
job({ expiry: "1d" });
// @ts-expect-error: nor a word for one
job({ deadline: "10 minutes" });
// @ts-expect-error: the number comes first
job({ schedule: { cron: "@daily", spread: "m10" } });
// What it gives is of no use, and no harm.
job({}, (run) => run.step("a", () => 1));
job({}, async (run) => {
  const one = await run.step("a", { simulated: () => 2 }, () => 1);
  same<typeof one, number>();
  // @ts-expect-error: what stands in for a function gives what that gives
  await run.step("b", { simulated: () => "2" }, () => 1);
  await run.step("c", { simulated: () => {} }, async () => {});
  // @ts-expect-error: there is no such option
  await run.step("d", { retires: 5 }, () => 1);
  // @ts-expect-error: nor such an action
  await run.collect("e", { expirey: "5m" });
});
// @ts-expect-error: a workflow is asynchronous
job({}, () => 1);

// Parameters have the types that the schema gives them.
job({ params: v.object({ sha256: v.string(), days: v.optional(v.number(), 7) }) }, async (run) => {
  same<typeof run.params.sha256, string>();
  same<typeof run.params.days, number>();
  // @ts-expect-error: there is no such parameter
  run.log(run.params.sha265);
});
const wait = v.optional(v.pipe(v.string(), v.guard(isDuration)), "10m");
job({ params: v.object({ wait, limit: wait }) }, async (run) => {
  same<typeof run.params.wait, Duration>();
  await run.sleep("wait", run.params.wait);
  await run.approval("ok", { timeout: run.params.limit });
});
job({ params: v.object({ wait: v.string() }) }, async (run) => {
  // @ts-expect-error: any text is no duration
  await run.sleep("wait", run.params.wait);
});
// @ts-expect-error: parameters need a schema
job({ params: { sha256: "ab" } }, async () => {});
job({}, async (run) => {
  // @ts-expect-error: the job declares none
  run.log(run.params.sha256.toLowerCase());
});

// A function that takes `run` takes that of any job; one that wants parameters, of jobs that have them.
async function tell(run: Run, text: string): Promise<void> {
  await run.step(text, () => 1);
  // @ts-expect-error: not every job has it
  run.log(run.params.days);
}
async function since(run: Run<{ readonly days: number }>): Promise<void> {
  await run.sleep("days", `${run.params.days * 24}h`);
}
job({}, (run) => tell(run, "done"));

job({ params: v.object({ days: v.optional(v.number(), 7), sha256: v.string() }) }, async (run) => {
  await tell(run, run.params.sha256);
  await since(run);
});
// @ts-expect-error: its runs have no such parameter
job({}, (run) => since(run));
// @ts-expect-error: its runs have one of another type
job({ params: v.object({ days: v.string() }) }, (run) => since(run));

modules.file({ searches: { a: { paths: ["/"], options: { mismatch: ["name"] } } } });
// @ts-expect-error: a search has paths
modules.file({ searches: { a: { names: ["x"] } } });
// @ts-expect-error: there is no such check
modules.file({ searches: { a: { paths: ["/"], options: { mismatch: ["names"] } } } });
// @ts-expect-error: there is no such parameter
modules.file({ searches: { a: { paths: ["/"], name: ["x"] } } });
// @ts-expect-error: ports are texts
modules.netstat({ listeningport: [22] });
modules.ping({ destination: "a", protocol: "icmp" });
modules.ping({ destination: "a", protocol: "tcp", destinationport: 22 });
// @ts-expect-error: tcp needs a port
modules.ping({ destination: "a", protocol: "tcp" });
// @ts-expect-error: icmp has none
modules.ping({ destination: "a", protocol: "icmp", destinationport: 22 });
const evr = { operation: "<=", value: "1" } as const;
// @ts-expect-error: agents know three operators
modules.scribe({ scribedoc: { tests: [{ test: "t", object: "o", evr }] } });
// @ts-expect-error: both are required
modules.agentdestroy({ pid: 5 });
modules.fswatch();
// @ts-expect-error: it takes no parameters
modules.fswatch({ path: "/etc" });
// @ts-expect-error: the option is called compress
modules.sshkey({}, { compressed: true });
modules.raw("any", { thing: 1 });

export function results(command: Command): void {
  const file = modules.file.read(command.results[0]);
  same<typeof file.success, boolean>();
  const size: number | undefined = file.elements?.label?.[0]?.fileinfo.size;
  const pid: number | undefined = modules.memory.read(command.results[1]).elements?.a?.[0]?.process
    .pid;
  const paths: string[] = modules.file.hits(command.results[0]).map((match) => match.file);
  // @ts-expect-error: only searches have hits
  modules.pkg.hits;
  const text: string | null = modules.agentdestroy.read(null).elements;
  // @ts-expect-error: nobody has read it yet
  command.results[0]?.elements?.label;
  console.log(size, pid, text, paths);
}

export async function workflow(run: Run): Promise<void> {
  const base = await run.collect("base");
  await run.collect("deep", { target: base.agents.filter((agent) => agent.found) });
  await run.collect("sql", { target: sql`name IN ${["a", "b"]}`, maxAgents: 10 });
  const answer = await run.step(
    "call",
    { retry: { max: 3, cap: "1m" } },
    async ({ key, attempt }) => {
      return { key, attempt };
    },
  );
  same<typeof answer, { key: string; attempt: number }>();
  const plain = await run.step("plain", () => 5);
  same<typeof plain, number>();
  const both = await run.parallel({
    left: () => run.collect("x"),
    right: async () => run.step("y", () => "z"),
  });
  const right: string = both.right;
  const agents: number = both.left.agents.length;
  run.log("done");
  run.log("warning", `${right} ${agents} ${run.now()}`);
  await run.deliver("slack", both.left);
  // @ts-expect-error: a name comes first
  await run.collect({ target: "x" });
  // @ts-expect-error: agents have ids
  await run.collect("x", { target: ["web1"] });
  // @ts-expect-error: there is no such severity
  run.log("fatal", "x");
  // @ts-expect-error: a result is delivered, not its name
  await run.deliver("slack", "deep");
  // @ts-expect-error: a duration is a text
  await run.sleep("wait", 5);
  // @ts-expect-error: nor any text
  await run.sleep("wait", "a while");
  await run.sleep("wait", `${both.left.agents.length}m`);
  // @ts-expect-error: the wait of a retry is a duration
  await run.step("a", { retry: { max: 3, first: "soon" } }, () => 1);
  // @ts-expect-error: so is the time of a try
  await run.step("a", { timeout: "forever" }, () => 1);
  // @ts-expect-error: branches are functions
  await run.parallel({ left: run.collect("x") });
}

const config = v.strictObject({ url: v.string(), batch: v.optional(v.number(), 100) });
same<SchemaOutput<typeof config>, { url: string; batch: number }>();
export const schema: Schema<
  { url: string; batch?: number | undefined },
  { url: string; batch: number }
> = config;
export const webhook: PluginModule = plugin({
  config,
  async deliver(result, context) {
    same<typeof context.config, { url: string; batch: number }>();
    for await (const command of result.commands) {
      await context.fetch(context.config.url, { method: "POST", body: command.agent.name });
    }
  },
});
plugin({
  deliver(_, context) {
    same<typeof context.config, undefined>();
  },
});
// @ts-expect-error: a plugin delivers
plugin({ config });
// @ts-expect-error: a schema, not its values
plugin({ config: { url: "x" }, deliver() {} });

// @ts-expect-error: null has no literal
sql`id = ${null}`;

interface Host {
  readonly name: string;
  readonly seenAt?: number;
  readonly owner: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly ports: readonly (number | null)[];
  readonly kind: "web" | "db";
}

interface Tree {
  readonly value: number;
  readonly children: readonly Tree[];
}

/** What JSON holds comes back with the type that it went in with. */
export async function saved(run: Run, host: Host, tree: Tree, thing: unknown): Promise<void> {
  const hosts = await run.step("hosts", async () => [host]);
  same<typeof hosts, Host[]>();
  const one = await run.step("one", () => (run.random() > 1 ? host : null));
  same<typeof one, Host | null>();
  const root = await run.step("tree", () => tree);
  same<typeof root, Tree>();
  const pair = await run.step("pair", () => [1, "a"] as [number, string]);
  same<typeof pair, [number, string]>();
  const table = await run.step("table", () => ({}) as Record<string, Host>);
  same<typeof table, Record<string, Host>>();
  const any = await run.step("unknown", () => thing);
  same<typeof any, unknown>();
  await run.step("parsed", async ({ fetch }) => await (await fetch("https://x")).json());
  await run.step("nothing", async () => {});
  await run.step("sometimes", async () => {
    if (host.kind === "web") return;
    return { name: host.name };
  });
  await run.step("never", () => {
    throw new Error("no");
  });
  // @ts-expect-error: a Date comes back as a text
  await run.step("date", () => new Date());
  // @ts-expect-error: wherever it is
  await run.step("date", async () => ({ hosts: [{ at: new Date() }] }));
  // @ts-expect-error: with options too
  await run.step("map", { retry: 3 }, () => new Map([["a", 1]]));
  // @ts-expect-error: a Set has nothing that JSON keeps
  await run.step("set", async () => ({ names: new Set(["a"]) }));
  // @ts-expect-error: nor has a function
  await run.step("function", () => ({ name: "a", call: () => 1 }));
  // @ts-expect-error: JSON has no bigint
  await run.step("bigint", () => 5n);
  // @ts-expect-error: undefined in a list would be null
  await run.step("list", () => [1, undefined]);
  // @ts-expect-error: bytes are no list
  await run.step("bytes", () => new Uint8Array(3));
  // @ts-expect-error: a response is read first
  await run.step("response", async ({ fetch }) => await fetch("https://x"));
  // @ts-expect-error: nothing of an error is in its JSON
  await run.step("error", () => new Error("no"));
}

export async function kept(run: Run, host: Host): Promise<void> {
  await run.state.set("host", host);
  await run.state.set("host", null);
  const known = await run.state.get<Host>("host");
  same<typeof known, Host | null>();
  // @ts-expect-error: a Date comes back as a text
  await run.state.set("at", { at: new Date() });
  // @ts-expect-error: null forgets a key
  await run.state.set("host", undefined);
  // @ts-expect-error: a key is a text
  await run.state.get(5);
}

export function wrapped<Value>(run: Run, work: StepWork<Value> & IfJson<Value>): Promise<Value> {
  return run.step("wrapped", { retry: 3 }, work);
}

export async function mapped(run: Run, hosts: readonly Host[]): Promise<void> {
  const names = await run.map("all", hosts, async ({ name }) => name, { concurrency: 2 });
  same<typeof names, readonly string[]>();
  // @ts-expect-error: a function of it is asynchronous
  await run.map("all", hosts, ({ name }) => name);
  // @ts-expect-error: there is no such option
  await run.map("all", hosts, async () => {}, { concurency: 2 });
}
