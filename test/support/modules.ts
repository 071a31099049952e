// Modules: jobs that are wrong in every way, with what the operator is told under each runtime.

/** A job that cannot be loaded. */
export interface BrokenJob {
  readonly name: string;
  /** The text of job.ts. */
  readonly text: string;
  /** Files beside it. */
  readonly beside?: Readonly<Record<string, string>>;
  /** What is told, with DIR for the job's directory. */
  readonly told: string;
  /** Where Deno says something else. */
  readonly toldByDeno?: string;
}

const HEAD = 'import { job } from "mig-runner";\n';
const LOAD = "Cannot load job: ";
const DEFAULT = "(Write: export default job({ … }))";
const RELATIVE = "(Paths are relative to the file that imports)";
const PACKAGES = "(Packages are looked for in node_modules beside the job and above)";

/** Jobs whose mistake is found without waiting. */
export const BROKEN_JOBS: readonly BrokenJob[] = [
  {
    name: "a syntax error",
    text: `${HEAD}export default job({ retries: = 1 });\n`,
    told:
      "DIR/job.ts:2:31: Cannot read the program: Unexpected =\n" +
      `1 | ${HEAD}2 | export default job({ retries: = 1 });\n  |                               ^`,
    toldByDeno:
      "DIR/job.ts:2:31: Cannot read the program: Expression expected\n" +
      `1 | ${HEAD}2 | export default job({ retries: = 1 });\n  |                               ^`,
  },
  {
    name: "a syntax error in a helper",
    text: `${HEAD}import { a } from "./lib/a.ts";\nexport default job({ expiry: a });\n`,
    beside: { "lib/a.ts": "\n\nexport let a: = 3;\n" },
    told:
      "DIR/lib/a.ts:3:15: Cannot read the program: Unexpected =\n" +
      "2 |\n3 | export let a: = 3;\n  |               ^",
    toldByDeno:
      "DIR/lib/a.ts:3:15: Cannot read the program: Unexpected token `=`\n" +
      "2 |\n3 | export let a: = 3;\n  |               ^",
  },
  {
    name: "an import that does not exist",
    text: `${HEAD}import { a } from "./gone.ts";\nexport default job({ expiry: a });\n`,
    told:
      `DIR/job.ts:2:19: Cannot find import "./gone.ts" ${RELATIVE}\n` +
      `1 | ${HEAD}2 | import { a } from "./gone.ts";\n  |                   ^`,
  },
  {
    name: "a package that does not exist",
    text: `${HEAD}import { a } from "left/pad";\nexport default job({ expiry: a });\n`,
    told:
      `DIR/job.ts:2:19: Cannot find import "left/pad" ${PACKAGES}\n` +
      `1 | ${HEAD}2 | import { a } from "left/pad";\n  |                   ^`,
  },
  {
    name: "a package by the name of a registry",
    text: `${HEAD}import { a } from "npm:left@1";\nexport default job({ expiry: a });\n`,
    told:
      'DIR/job.ts:2:19: Cannot find import "npm:left@1" ' +
      "(Install the package into a node_modules folder beside the job, and import it by name)\n" +
      `1 | ${HEAD}2 | import { a } from "npm:left@1";\n  |                   ^`,
  },
  {
    name: "a part of the SDK that does not exist",
    text: `${HEAD}import { a } from "mig-runner/a";\nexport default job({ expiry: a });\n`,
    told:
      'DIR/job.ts:2:19: Cannot find import "mig-runner/a" ' +
      '(The runner serves "mig-runner" and "valibot")\n' +
      `1 | ${HEAD}2 | import { a } from "mig-runner/a";\n  |                   ^`,
  },
  {
    name: "a name that the SDK does not export",
    text: 'import { job, jobs } from "mig-runner";\nexport default job({ expiry: jobs });\n',
    told:
      'DIR/job.ts:1:27: Cannot import jobs: "mig-runner" does not export it\n' +
      '1 | import { job, jobs } from "mig-runner";\n  |                           ^',
  },
  {
    name: "a name that a helper does not export",
    text: `${HEAD}import { b } from "./a.ts";\nexport default job({ expiry: b });\n`,
    beside: { "a.ts": "export const a = 1;\n" },
    told:
      'DIR/job.ts:2:10: Cannot import b: "DIR/a.ts" does not export it\n' +
      `1 | ${HEAD}2 | import { b } from "./a.ts";\n  |          ^`,
    toldByDeno:
      'DIR/job.ts:2:19: Cannot import b: "./a.ts" does not export it\n' +
      `1 | ${HEAD}2 | import { b } from "./a.ts";\n  |                   ^`,
  },
  {
    name: "a throw",
    text: `${HEAD}interface Unseen {}\nboom();\nfunction boom() {\nthrow new TypeError("no");\n}\n`,
    told:
      `DIR/job.ts:5:11: ${LOAD}it threw TypeError: no\n` +
      '4 | function boom() {\n5 | throw new TypeError("no");\n  |           ^',
    toldByDeno:
      `DIR/job.ts:5:7: ${LOAD}it threw TypeError: no\n` +
      '4 | function boom() {\n5 | throw new TypeError("no");\n  |       ^',
  },
  {
    name: "a throw in a helper",
    text: `${HEAD}import { boom } from "./a.ts";\nexport default job({ expiry: boom(1) });\n`,
    beside: {
      "a.ts": "export enum Kind {}\nexport function boom(x: number): never {\nthrow x;\n}\n",
    },
    told: `DIR/job.ts: ${LOAD}it threw 1`,
  },
  {
    name: "parameters that agents would refuse",
    text:
      'import { job, modules } from "mig-runner";\n' +
      'const parameters = { pkgmatch: { matches: ["("] } };\n' +
      "modules.pkg(parameters);\n",
    told:
      'DIR/job.ts:3:9: Cannot use modules.pkg pkgmatch.matches[0] "(": missing closing ): `(` ' +
      "(agents take RE2, the syntax of Go)\n" +
      '2 | const parameters = { pkgmatch: { matches: ["("] } };\n' +
      "3 | modules.pkg(parameters);\n  |         ^",
  },
  {
    name: "an empty file",
    text: "",
    told: `DIR/job.ts: ${LOAD}the default export is an object, not made by job() ${DEFAULT}`,
    toldByDeno: `DIR/job.ts: ${LOAD}no default export ${DEFAULT}`,
  },
  {
    name: "no default export",
    text: `${HEAD}export const daily = job({});\n`,
    told: `DIR/job.ts: ${LOAD}no default export ${DEFAULT}`,
  },
  {
    name: "a default export that is not made by job()",
    text: 'export default { schedule: "@daily" };\n',
    told: `DIR/job.ts: ${LOAD}the default export is an object, not made by job() ${DEFAULT}`,
  },
  {
    name: "a definition that is no JSON",
    text: `${HEAD}export default job({ plugin: [() => 1] });\n`,
    told: "DIR/job.ts: Cannot set plugin.0 to a function: it is not JSON",
  },
  {
    name: "process.exit",
    text: "process.exit(7);\n",
    told: `DIR/job.ts: ${LOAD}it called process.exit(7)`,
  },
];
