import { describe, expect, test } from "bun:test";
import { RunnerError, RunnerErrors } from "../../src/errors.ts";
import { Catalog, type Change, type LoadJob } from "../../src/jobs/catalog.ts";
import { makeEntity } from "../../src/jobs/definition.ts";
import type { Entity } from "../../src/jobs/entity.ts";
import type { JobDirectory } from "../../src/ports.ts";

function entityOf({ job, path }: JobDirectory): Entity {
  return makeEntity({ schedule: "@daily" }, { job, path, defaults: { timezone: null } });
}

function directory(job: string, { mtimeMs = 1, name = "entity.cfg" } = {}): JobDirectory {
  return { job, path: `/r/${job}`, files: [{ name, mtimeMs, size: 1, inode: 1 }] };
}

const brief = (changes: readonly Change[]) => changes.map(({ kind, job }) => `${kind} ${job}`);

/** A catalog that remembers what it loaded. */
function recorded(load: LoadJob = async (found) => entityOf(found)) {
  const loads: string[] = [];
  const stamps = new Map<string, string | null>();
  const catalog = new Catalog(
    (found, dependsOn) => {
      loads.push(found.job);
      return load(found, dependsOn);
    },
    { stampOf: (path) => stamps.get(path) ?? null },
  );
  return { catalog, loads, stamps };
}

describe("Catalog", () => {
  test("loads what is new or changed, and nothing else", async () => {
    const { catalog, loads } = recorded();
    expect(brief(await catalog.refresh([directory("a"), directory("b")]))).toEqual([
      "added a",
      "added b",
    ]);
    expect(await catalog.refresh([directory("a"), directory("b")])).toEqual([]);
    const changed = directory("b", { mtimeMs: 2 });
    expect(brief(await catalog.refresh([directory("a"), changed]))).toEqual(["changed b"]);
    expect(brief(await catalog.refresh([changed]))).toEqual(["removed a"]);
    expect(loads).toEqual(["a", "b", "b"]);
    expect([...catalog.entities()].map(({ job }) => job)).toEqual(["b"]);
  });

  test("keeps the order of the scan, however long each takes", async () => {
    const slow = Promise.withResolvers<void>();
    const { catalog } = recorded(async (found) => {
      if (found.job === "a") await slow.promise;
      else if (found.job === "c") slow.resolve();
      return entityOf(found);
    });
    const changes = await catalog.refresh(["a", "b", "c"].map((job) => directory(job)));
    expect(brief(changes)).toEqual(["added a", "added b", "added c"]);
  });

  test("names what is wrong with a broken job, and loads the others (I8)", async () => {
    const mistake = new RunnerError("ENTITY", "Cannot do it");
    const { catalog } = recorded(async (found) => {
      if (found.job === "many") throw new RunnerErrors([mistake, mistake]);
      if (found.job === "one") throw mistake;
      if (found.job === "bug") throw new Error("oops");
      return entityOf(found);
    });
    const jobs = ["many", "one", "bug", "sound"].map((job) => directory(job));
    const changes = await catalog.refresh(jobs);
    expect(brief(changes)).toEqual(["broken many", "broken one", "broken bug", "added sound"]);
    expect([...catalog.states()].map(({ errors }) => errors.length)).toEqual([2, 1, 1, 0]);
    expect(catalog.entity("bug")).toBeNull();
    expect(await catalog.refresh(jobs)).toEqual([]);
  });

  test("loads a job again when a file that it depends on has changed, come or gone", async () => {
    const { catalog, loads, stamps } = recorded(async (found, dependsOn) => {
      for (const path of ["/lib/a.ts", "/lib/gone.ts"]) dependsOn(path, stamps.get(path) ?? null);
      return entityOf(found);
    });
    const jobs = [directory("a", { name: "job.ts" })];
    stamps.set("/lib/a.ts", "1");
    await catalog.refresh(jobs);
    await catalog.refresh(jobs);
    expect(loads).toHaveLength(1);
    for (const change of [
      () => stamps.set("/lib/a.ts", "2"),
      () => stamps.set("/lib/gone.ts", "1"),
      () => stamps.delete("/lib/a.ts"),
    ]) {
      change();
      expect(brief(await catalog.refresh(jobs))).toEqual(["changed a"]);
      expect(await catalog.refresh(jobs)).toEqual([]);
    }
  });

  test("watches the files of a broken job too", async () => {
    const { catalog, stamps } = recorded(async (found, dependsOn) => {
      const stamp = stamps.get("/lib/a.ts") ?? null;
      dependsOn("/lib/a.ts", stamp);
      if (stamp === null) throw new RunnerError("ENTITY", "Cannot find import");
      return entityOf(found);
    });
    const jobs = [directory("a", { name: "job.ts" })];
    expect(brief(await catalog.refresh(jobs))).toEqual(["broken a"]);
    expect(await catalog.refresh(jobs)).toEqual([]);
    stamps.set("/lib/a.ts", "1");
    expect(brief(await catalog.refresh(jobs))).toEqual(["added a"]);
  });

  test("looks at a file that many jobs depend on once in a scan", async () => {
    let looks = 0;
    const catalog = new Catalog(
      async (found, dependsOn) => {
        dependsOn("/lib/a.ts", "1");
        return entityOf(found);
      },
      {
        stampOf: () => {
          looks++;
          return "1";
        },
      },
    );
    const jobs = Array.from({ length: 100 }, (_, index) => directory(`job${index}`));
    await catalog.refresh(jobs);
    expect(looks).toBe(0);
    await catalog.refresh(jobs);
    expect(looks).toBe(1);
  });

  describe("with a job that takes its time", () => {
    const impatient = async (): Promise<void> => {};

    function slowCatalog() {
      const slow = Promise.withResolvers<Entity>();
      const before = recorded((found) =>
        found.job === "slow" ? slow.promise : Promise.resolve(entityOf(found)),
      );
      return { ...before, finish: () => slow.resolve(entityOf(directory("slow"))) };
    }

    test("tells of the others, and of that job later (I8)", async () => {
      const { catalog, loads, finish } = slowCatalog();
      const jobs = [directory("quick"), directory("slow", { name: "job.ts" })];
      await catalog.refresh([directory("quick")]);
      expect(await catalog.refresh(jobs, impatient)).toEqual([]);
      expect(await catalog.refresh(jobs, impatient)).toEqual([]);
      const { loading } = catalog;
      expect(loading).not.toBeNull();
      finish();
      await loading;
      expect(catalog.loading).toBeNull();
      expect(brief(await catalog.refresh(jobs, impatient))).toEqual(["added slow"]);
      expect(loads).toEqual(["quick", "slow"]);
    });

    test("forgets it when it is gone before it is loaded", async () => {
      const { catalog, finish } = slowCatalog();
      await catalog.refresh([directory("slow")], impatient);
      const { loading } = catalog;
      finish();
      await loading;
      expect(await catalog.refresh([])).toEqual([]);
      expect(catalog.entity("slow")).toBeNull();
    });

    test("loads it again when it changed meanwhile", async () => {
      const { catalog, loads, finish } = slowCatalog();
      await catalog.refresh([directory("slow")], impatient);
      const { loading } = catalog;
      finish();
      await loading;
      const jobs = [directory("slow", { mtimeMs: 2 })];
      expect(brief(await catalog.refresh(jobs))).toEqual(["added slow"]);
      expect(loads).toEqual(["slow", "slow"]);
    });

    test("does not ask for patience when there is nothing to wait for", async () => {
      const { catalog } = recorded();
      await catalog.refresh([directory("a")]);
      await catalog.refresh([directory("a")], () => {
        throw new Error("asked");
      });
    });

    test("ends its patience when all is loaded", async () => {
      const { catalog } = recorded();
      let given: AbortSignal | null = null;
      await catalog.refresh([directory("a")], (signal) => {
        given = signal;
        return new Promise(() => {});
      });
      expect(given).toMatchObject({ aborted: true });
    });
  });
});
