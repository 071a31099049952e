// Check: the verb that finds every mistake of a runner directory at once, and changes nothing.

import { errorLines, type RunnerError } from "../errors.ts";
import { isSignedAhead } from "../jobs/entity.ts";
import { plural } from "../view/text.ts";
import { apiLines } from "./api-check.ts";
import type { Findings } from "./findings.ts";
import { findMistakes } from "./runner-check.ts";
import { renderTable } from "./text.ts";
import { JSON_FLAG, type Verb } from "./verb.ts";

export const check: Verb = {
  usage: "[JOB...] [--api] [--json]",
  flags: [
    {
      name: "api",
      kind: "switch",
      help: "Ask the API and the store too: key, rights, clocks, targets",
    },
    JSON_FLAG,
  ],
  help:
    "Finds every mistake in the configuration, the key, the jobs, the plugins and the journal at\n" +
    "once, each as `path:line:column: what is wrong (how to mend it)`. With names only those jobs\n" +
    "are looked at. Changes nothing. Ends with 1 when there is a mistake; warnings alone are not\n" +
    "mistakes. With --api it also asks the API, and posts nothing: can it be reached, does it accept\n" +
    "the key, may the key search and post, how far do the clocks differ, and how many agents does\n" +
    "the target of each job match now. Where results are kept in a bucket, it writes a small object\n" +
    "there, reads it and removes it.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg check\n" +
    "  mig-runner -c runner.cfg check --api\n" +
    "  mig-runner -c runner.cfg check sshd-config --json",
  async run(call) {
    const findings = await findMistakes(call, call.positionals);
    if (call.flags.has("json")) call.terminal.json(encodeFindings(findings));
    else call.terminal.out(describe(findings));
    return findings.mistakes.length > 0 ? 1 : 0;
  },
};

/** With `api` and `store` only when they were to be asked. */
function encodeFindings({ jobs, mistakes, warnings, ahead, ...asking }: Findings): string {
  const { api, store, cluster } = asking;
  const asked = {
    ...(api === null ? {} : { api }),
    ...(store === null ? {} : { store }),
    ...(cluster === null ? {} : { cluster }),
  };
  return JSON.stringify({ jobs, mistakes: mistakes.map(plainMistake), warnings, ahead, ...asked });
}

function plainMistake({ code, message, detail }: RunnerError) {
  const { job, path, line, column, hint } = detail;
  return { code, message, job, path, line, column, hint };
}

/** Told where some job is signed ahead: on other hosts nobody has asked. */
function aheadLines({ ahead }: Findings): string[] {
  if (!ahead.some(isSignedAhead)) return [];
  const rows = ahead.map(({ job, signing, can, reason }) => {
    const what = can ? "can be signed ahead" : "cannot be signed ahead";
    return [job, signing, reason === null ? what : `${what}: ${reason}`];
  });
  return renderTable(rows, "");
}

function storeLines({ store }: Findings): string[] {
  if (store === null) return [];
  const { place, works } = store;
  const what = works ? "results can be written, read and removed" : "it does not work";
  return [`store ${place}: ${what}`];
}

function clusterLines({ cluster }: Findings): string[] {
  if (cluster === null) return [];
  const { database, works } = cluster;
  const what = works ? "its tables are there" : "it cannot be worked with";
  return [`PostgreSQL of the cluster, ${database}: ${what}`];
}

function describe(findings: Findings): string[] {
  const { jobs, mistakes, warnings } = findings;
  const looked = jobs === null ? "jobs not looked at" : plural(jobs, "job");
  const count = mistakes.length === 0 ? "no mistakes" : plural(mistakes.length, "mistake");
  const more = warnings.length === 0 ? "" : `, ${plural(warnings.length, "warning")}`;
  return [
    ...mistakes.flatMap(errorLines),
    ...warnings.map((warning) => `warning: ${warning}`),
    ...aheadLines(findings),
    ...(findings.api === null ? [] : apiLines(findings.api)),
    ...storeLines(findings),
    ...clusterLines(findings),
    `${looked}, ${count}${more}`,
  ];
}
