// Params: what a person sets for a run, checked by the schema of its job in a worker of its own.
import { RunnerError, RunnerErrors } from "../../errors.ts";
import { MINUTE_MS, type Milliseconds, SECOND_MS } from "../../time.ts";
import type { ReadParams } from "../../workflow/params.ts";
import { describeEnd, startWorker } from "../worker.ts";
import { parseParamsAnswer } from "./answer.ts";
import { bundleJob } from "./bundle.ts";

/** How long the module of the job and its schema may take, once the worker has begun. */
const TIME_MAX_MS: Milliseconds = 10 * SECOND_MS;

/** How many bytes of memory they may take: as much as at each load of the job. */
const MEMORY_MAX = 512 * 1024 * 1024;

/** Bounds of a check. */
export interface ParamsLimits {
  /** @default 10 s */
  readonly timeMaxMs?: Milliseconds;
  /** @default 512 MiB */
  readonly memoryMax?: number;
}

/** Whose parameters they are. */
export interface ParamsOf {
  readonly job: string;
  /** The file of its module. */
  readonly path: string;
  /** The runner directory, which it is in. */
  readonly below: string;
}

/**
 * The parameters of a run as JSON.
 *
 * @param set Texts by the names of parameters.
 * @throws {RunnerErrors} ENTITY, with each parameter that is wrong or missing.
 */
export async function checkParams(
  { job, path, below }: ParamsOf,
  set: Readonly<Record<string, string>>,
  { timeMaxMs = TIME_MAX_MS, memoryMax = MEMORY_MAX }: ParamsLimits = {},
): Promise<string> {
  const { source } = await bundleJob(path, { below });
  const worker = startWorker({ role: "load", memoryMax });
  const { promise: answered, resolve: settle } = Promise.withResolvers<ReadParams>();
  const fail = (problem: string): void => settle({ kind: "broken", problems: [problem] });
  let timer = setTimeout(() => fail("Cannot check the parameters: no process began"), MINUTE_MS);
  try {
    worker.onMessage((message) => settle(parseParamsAnswer(message)));
    void worker.exited.then((end) => fail(`Cannot check the parameters: ${describeEnd(end)}`));
    void worker.ready.then(() => {
      clearTimeout(timer);
      const late = `it has not come to its end within ${timeMaxMs / SECOND_MS} s`;
      timer = setTimeout(() => fail(`Cannot check the parameters: ${late}`), timeMaxMs);
    });
    worker.send({ source, set });
    const read = await answered;
    if (read.kind === "sound") return read.json;
    throw new RunnerErrors(
      read.problems.map((problem) => new RunnerError("ENTITY", problem, { job, path })),
    );
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
