// Own jobs: the spool of a host of a cluster: of the jobs that lie here, those that are its own
// now. The others are not there for it: nothing of them is launched, adopted or judged twice.
import type { Spool } from "../ports.ts";

/** @param owner Whether the rows of a job are here. */
export function ownJobs(spool: Spool, owner: { has(job: string): boolean }): Spool {
  let elsewhere: ReadonlySet<string> = new Set();
  return {
    async scan() {
      const all = await spool.scan();
      const own = all.filter(({ job }) => owner.has(job));
      const names = new Set(own.map(({ job }) => job));
      elsewhere = new Set(all.map(({ job }) => job).filter((job) => !names.has(job)));
      return own;
    },
    elsewhere: () => elsewhere,
    async inflight(skip) {
      return (await spool.inflight(skip)).filter(({ job }) => owner.has(job));
    },
    read: (...order) => spool.read(...order),
    stamp: (...order) => spool.stamp(...order),
    changedAt: (...order) => spool.changedAt(...order),
    writeInflight: (...order) => spool.writeInflight(...order),
    removeInflight: (...order) => spool.removeInflight(...order),
    trace: (...order) => spool.trace(...order),
    setAside: (...order) => spool.setAside(...order),
  };
}
