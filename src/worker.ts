// Worker: where every process of this program but the main one begins. Its role says what it does;
// programs that are not ours (jobs, plugins) run only here.
import { openChannel } from "./edge/channel.ts";
import { confineProcess, followDaemon } from "./edge/confine.ts";
import { evaluateSource, registerSdk } from "./edge/modules/evaluate.ts";
import { useHostZone } from "./edge/timezone.ts";
import type { Worker, WorkerRole } from "./edge/worker.ts";
import { messageOf } from "./errors.ts";
import { compileAsUsual } from "./lib/os/runtime.ts";

type Start = (worker: Worker) => void | Promise<void>;

/** The module of each role. It sets its listener before it resolves. */
const ROLES: Readonly<Partial<Record<WorkerRole, () => Promise<{ readonly start: Start }>>>> = {
  load: () => import("./edge/modules/load.ts"),
  workflow: () => import("./edge/workflow/worker.ts"),
  test: () => import("./testkit/worker.ts"),
  check: () => import("./edge/journal-check.ts"),
  plugin: async () => {
    const { startPlugin } = await import("./edge/plugins/host.ts");
    return { start: (worker) => startPlugin(worker, SHIPPED) };
  },
};

/** The plugins that come with the runner. In a worker that runs one of them only that is loaded. */
const SHIPPED = {
  elastic: () => import("../plugins/elastic.ts"),
  email: () => import("../plugins/email.ts"),
  "mozdef-compliance": () => import("../plugins/mozdef-compliance.ts"),
  "mozdef-scribe": () => import("../plugins/mozdef-scribe.ts"),
  slack: () => import("../plugins/slack.ts"),
  splunk: () => import("../plugins/splunk.ts"),
  webhook: () => import("../plugins/webhook.ts"),
} as const;

followDaemon();
const channel = openChannel();
let uncaught: (error: unknown) => void = fail;
process.on("uncaughtException", (error) => uncaught(error));
process.on("unhandledRejection", (error) => uncaught(error));
// A service manager that stops the runner may tell all its processes. The runner ends its workers
// itself, when they have had their time.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
useHostZone();

const { data, memoryMax } = channel.receive() as { data: unknown; memoryMax: number };
confineProcess(memoryMax);
const role = process.argv.at(-1) ?? "";
const module = await ROLES[role as WorkerRole]?.();
if (module === undefined) throw new Error(`Cannot start worker "${role}"`);
await registerSdk({
  "mig-runner": await import("./sdk/index.ts"),
  valibot: await import("valibot"),
});
compileAsUsual();
await module.start({
  data,
  evaluate: evaluateSource,
  send: (message) => channel.send(message),
  onMessage: (listener) => channel.listen(listener),
  onUncaught(listener) {
    uncaught = listener;
  },
});
channel.ready();

function fail(error: unknown): void {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  channel.fail({ message: messageOf(error), stack });
  process.exit(1);
}
