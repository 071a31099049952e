// Results: result documents as the runner writes them, for tests of plugins.

export interface CommandChanges {
  readonly id?: unknown;
  readonly host?: string;
  readonly status?: string;
  readonly agent?: object;
  /** The modules that were asked, in order. @default file */
  readonly modules?: readonly string[];
  readonly results?: unknown;
}

/** A result of a module that ran well. */
export function answer(elements: unknown, changes: object = {}): object {
  return {
    foundanything: true,
    success: true,
    elements,
    statistics: null,
    errors: null,
    ...changes,
  };
}

/** What the file module gives for a search that found a file, or nothing. */
export function fileElements(file = "/etc/ssh/sshd_config", label = "rootlogin"): object {
  const search = {
    paths: ["/etc/ssh"],
    contents: ["^PermitRootLogin no$"],
    options: { matchall: true, mismatch: null },
  };
  return { [label]: [{ file, search, fileinfo: { size: 0, mode: "", lastmodified: "" } }] };
}

/** What scribe gives for one test that came out true. */
export function scribeElements(name = "USN-1", severity = "high", changes: object = {}): object {
  const tags = [{ key: "severity", value: severity }];
  const results = [{ result: true, identifier: "openssl" }];
  const test = {
    testid: name,
    name,
    tags,
    iserror: false,
    masterresult: true,
    results,
    ...changes,
  };
  return { results: [test], humanoutput: false, jsonoutput: false };
}

/** A command that ended well: by default one that found a file. */
export function command(changes: CommandChanges = {}): object {
  const { agent = {}, host = "web1.example.net", id = 1, modules = ["file"] } = changes;
  const { status = "success", results = modules.map(() => answer(fileElements())) } = changes;
  const environment = { os: "linux", addresses: ["10.22.75.4/24"] };
  return {
    id,
    action: actionOf(modules),
    agent: { id: 4892412351434, name: host, version: "1", environment, tags: {}, ...agent },
    status,
    results,
    starttime: "2026-11-20T10:00:02Z",
    finishtime: "2026-11-20T10:00:09Z",
  };
}

/** A command of a host that gave no answer. */
export function expired(host: string, changes: CommandChanges = {}): object {
  return command({ host, status: "expired", results: [], ...changes });
}

/** The result document of these commands. */
export function resultOf(...commands: readonly object[]): object {
  const action = actionOf(["file"]);
  return { action, commands, name: "nightly", plugin: "shipped" };
}

function actionOf(modules: readonly string[]): object {
  return {
    id: 7,
    name: "sshd hardening",
    target: "status='online'",
    description: { url: "https://wiki.example.net/sshd" },
    threat: { ref: "sysmediumssh1", level: "medium", type: "system" },
    validfrom: "2026-11-20T10:00:00Z",
    expireafter: "2026-11-20T10:10:00Z",
    operations: modules.map((module) => ({
      module,
      parameters: { searches: { rootlogin: { paths: ["/etc/ssh"] } } },
    })),
    status: "completed",
  };
}
