// Webhook: stub.
import { plugin } from "mig-runner";

export default plugin({
  async deliver(result) {
    let n = 0;
    for await (const _ of result.commands) n++;
    console.log("read", n);
  },
});
