// Worker: where every thread but the first begins. Its role says what it does; programs that are
// not ours (jobs, plugins) run only here.
import { parentPort, workerData } from "node:worker_threads";
import { evaluateSource, registerSdk } from "./edge/modules/evaluate.ts";
import { useHostZone } from "./edge/timezone.ts";
import { READY, type Thread, type WorkerRole } from "./edge/worker.ts";

type Start = (thread: Thread) => void | Promise<void>;

/** The module of each role. It sets its listener before it resolves. */
const ROLES: Readonly<Partial<Record<WorkerRole, () => Promise<{ readonly start: Start }>>>> = {
  load: () => import("./edge/modules/load.ts"),
  workflow: () => import("./edge/workflow/thread.ts"),
  test: () => import("./testkit/thread.ts"),
  check: () => import("./edge/journal/check.ts"),
  plugin: async () => {
    const { startPlugin } = await import("./edge/plugins/host.ts");
    return { start: (thread) => startPlugin(thread, SHIPPED) };
  },
};

/** The plugins that come with the runner. Of a thread that runs one of them only that is loaded. */
const SHIPPED = {
  elastic: () => import("../plugins/elastic.ts"),
  "mozdef-compliance": () => import("../plugins/mozdef-compliance.ts"),
  "mozdef-scribe": () => import("../plugins/mozdef-scribe.ts"),
  slack: () => import("../plugins/slack.ts"),
  splunk: () => import("../plugins/splunk.ts"),
  webhook: () => import("../plugins/webhook.ts"),
} as const;

useHostZone();
const { role, data } = workerData as { readonly role: WorkerRole; readonly data: unknown };
const port = parentPort;
const module = await ROLES[role]?.();
if (module === undefined || port === null) throw new Error(`Cannot start worker "${role}"`);
await registerSdk({
  "mig-runner": await import("./sdk/index.ts"),
  valibot: await import("valibot"),
});
await module.start({
  data,
  evaluate: evaluateSource,
  send: (message) => port.postMessage(message),
  onMessage: (listener) => void port.on("message", listener),
});
port.postMessage(READY);
