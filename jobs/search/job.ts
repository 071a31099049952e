// Search: which hosts have a file with this content? Fired by hand, when an indicator comes in:
//   mig-runner run search --set sha256=275a021bbfb6489e54d471899f7db9d1…
// `mig-runner history search` tells later who looked for what, and what was found.
import { job, modules } from "mig-runner";
import * as v from "valibot";

const params = v.object({
  sha256: v.pipe(v.string(), v.hash(["sha256"]), v.description("of the file")),
  paths: v.optional(v.pipe(v.array(v.string()), v.minLength(1)), ["/usr", "/opt", "/home"]),
});

export default job({ params, expiry: "15m" }, async (run) => {
  const { paths, sha256 } = run.params;
  const files = await run.collect("files", {
    target: "environment->>'os'='linux' AND mode='daemon'",
    operations: [modules.file({ searches: { content: { paths, sha2: [sha256] } } })],
  });
  const unknown = files.agents.filter(({ success }) => !success);
  if (unknown.length > 0) run.log("warning", `${unknown.length} hosts were not looked at`);
  const hosts = files.agents.filter(({ found }) => found).map(({ name }) => name);
  if (hosts.length === 0) return;
  run.log("warning", `${sha256} is on ${hosts.join(", ")}`);
  await run.deliver("slack", files);
});
