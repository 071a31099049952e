// Timezone: values of TZ that name a file of the tz database.
import { describe, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { nameTimezone, zoneOfPath } from "../../src/edge/timezone.ts";
import { Scratch } from "../support/edge.ts";

describe("zoneOfPath()", () => {
  test("is the name below zoneinfo/ that the path leads to", () => {
    using scratch = new Scratch();
    const file = scratch.file("zoneinfo/America/Argentina/Ushuaia");
    scratch.file("zoneinfo/posix/Asia/Tokyo");
    symlinkSync(file, scratch.in("localtime"));
    expect(zoneOfPath(`:${scratch.in("localtime")}`)).toBe("America/Argentina/Ushuaia");
    expect(zoneOfPath(file)).toBe("America/Argentina/Ushuaia");
    expect(zoneOfPath(scratch.in("zoneinfo/posix/Asia/Tokyo"))).toBe("Asia/Tokyo");
  });

  test("is null for a name, for nothing, and for a file that tells no name", () => {
    using scratch = new Scratch();
    const copy = scratch.file("localtime");
    for (const tz of [undefined, "", ":", "Europe/Berlin", ":Europe/Berlin", copy, "/no/such"]) {
      expect(zoneOfPath(tz)).toBeNull();
    }
  });
});

describe("nameTimezone()", () => {
  test("changes TZ only when it names a file", () => {
    using scratch = new Scratch();
    const environment = { TZ: `:${scratch.file("zoneinfo/Europe/Berlin")}` };
    nameTimezone(environment);
    expect(environment.TZ).toBe("Europe/Berlin");
    nameTimezone(environment);
    expect(environment.TZ).toBe("Europe/Berlin");
  });
});
