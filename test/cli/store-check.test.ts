import { describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { askStore, storeMistakes } from "../../src/cli/store-check.ts";
import type { BucketConfig } from "../../src/config/results.ts";
import { Secret } from "../../src/config/secret.ts";
import { systemClock } from "../../src/edge/clock.ts";
import type { RunnerError } from "../../src/errors.ts";
import { Scratch } from "../support/edge.ts";
import { STORE_KEYS, startStore } from "../support/store.ts";

const PLACE = { path: "r.cfg", line: 2 };

const BUCKET: BucketConfig = {
  kind: "bucket",
  bucket: "results",
  prefix: "site",
  region: "us-east-1",
  endpoint: "http://127.0.0.1:1",
  credentialsFile: null,
  keys: null,
  place: PLACE,
  credentialsPlace: { path: "r.cfg", line: 3 },
};

const KEYS = "aws_access_key_id = id\naws_secret_access_key = key\n";

const JOBS = "/srv/runner/runners";

const said = (mistakes: readonly RunnerError[]): readonly string[] =>
  mistakes.map(({ message }) => message);

describe("storeMistakes()", () => {
  test("a folder has to be there, and to be a place to write", async () => {
    using scratch = new Scratch();
    const folder = { kind: "folder", place: PLACE } as const;
    expect(await storeMistakes(null, JOBS)).toEqual([]);
    expect(await storeMistakes({ ...folder, path: scratch.path }, JOBS)).toEqual([]);
    const [mistake, ...others] = await storeMistakes({ ...folder, path: scratch.in("gone") }, JOBS);
    expect([mistake?.message, others.length]).toEqual([
      `Cannot keep results in "${scratch.in("gone")}": there is no such folder`,
      0,
    ]);
    expect(mistake?.detail).toMatchObject(PLACE);
    chmodSync(scratch.folder("open"), 0o777);
    const open = said(await storeMistakes({ ...folder, path: scratch.in("open") }, JOBS));
    const held = await storeMistakes({ ...folder, path: scratch.path }, scratch.in("runners"));
    expect(said(held)[0]).toBe(
      `Cannot keep results in "${scratch.path}": the jobs of this host are in it`,
    );
    const file = scratch.file("plain", "", 0o600);
    expect(said(await storeMistakes({ ...folder, path: file }, JOBS))).toEqual([
      `Cannot keep results in "${file}": there is no such folder`,
    ]);
    expect(open[0]).toContain(`Cannot trust folder of results "${scratch.in("open")}"`);
  });

  test("keys have to be there, and to be a secret", async () => {
    using scratch = new Scratch();
    expect(said(await storeMistakes(BUCKET, JOBS))).toEqual([
      "Cannot use the store of results: there are no keys for it",
    ]);
    const secret = scratch.file("keys", KEYS, 0o600);
    expect(await storeMistakes({ ...BUCKET, credentialsFile: secret }, JOBS)).toEqual([]);
    const open = scratch.file("open", KEYS, 0o644);
    expect(said(await storeMistakes({ ...BUCKET, credentialsFile: open }, JOBS))).toEqual([
      "every user of this host can read the keys of the store in it (mode 0644)",
    ]);
    const foreign = scratch.file("foreign", KEYS, 0o602);
    const [distrust] = said(await storeMistakes({ ...BUCKET, credentialsFile: foreign }, JOBS));
    expect(distrust).toContain(`Cannot trust keys of the store "${foreign}"`);
  });
});

describe("askStore()", () => {
  const accessKey = STORE_KEYS.AWS_ACCESS_KEY_ID;
  const keys = { accessKey, secretKey: new Secret(STORE_KEYS.AWS_SECRET_ACCESS_KEY) };
  const around = { environment: {}, clock: systemClock(), random: { next: () => 0 } };

  test("writes, reads and removes; says what is refused", async () => {
    using scratch = new Scratch();
    await using service = await startStore();
    const { endpoint } = service;
    const ask = async (store: BucketConfig) => {
      const mistakes: RunnerError[] = [];
      const config = { directory: scratch.path, store };
      return { view: await askStore(mistakes, { config, ...around }), mistakes };
    };
    expect(await ask({ ...BUCKET, endpoint, keys })).toEqual({
      view: { place: "s3://results/site", works: true },
      mistakes: [],
    });
    expect((await service.objects()).size).toBe(0);
    const wrong = await ask({ ...BUCKET, endpoint, keys: { ...keys, accessKey: "other" } });
    expect(wrong.view?.works).toBe(false);
    expect(said(wrong.mistakes)[0]).toMatch(/Cannot write "s3:.*the store answers 403 \(\w+\)$/);
    const gone = await ask({ ...BUCKET, bucket: "missing", endpoint, keys });
    expect(said(gone.mistakes)[0]).toContain("the store answers 404 (NoSuchBucket)");
    expect(gone.mistakes[0]?.detail.hint).toContain("look at store and endpoint in [results]");
  });

  test("a folder is not asked", async () => {
    const store = { kind: "folder", path: "/mnt/x", place: PLACE } as const;
    const config = { directory: "/r", store };
    expect(await askStore([], { config, ...around })).toBe(null);
  });
});
