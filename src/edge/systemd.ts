// Systemd: tells the service manager that the daemon is ready, alive or leaving.
import { openUnixDatagram } from "../lib/os/runtime.ts";

/** Sends a state such as "READY=1", "STOPPING=1" or "STATUS=12 jobs". Never waits or throws. */
export type Notify = (state: string) => void;

/**
 * Connects to the service manager that started this process, if any did.
 *
 * @param environment Its NOTIFY_SOCKET names the socket.
 * @returns A function that does nothing where there is no service manager.
 * @see sd_notify(3)
 */
export async function openNotify(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Notify> {
  const path = environment.NOTIFY_SOCKET ?? "";
  const socket = path === "" ? null : await openUnixDatagram(path);
  if (socket === null) return () => {};
  const encoder = new TextEncoder();
  return (state) => {
    socket.send(encoder.encode(state));
  };
}

/** Who watches a service wants to hear of it at least this often, in parts of its patience. */
const BEATS = 4;

/**
 * What the main loop calls at each turn, so that a loop that stands still is noticed: then the
 * service manager ends the process and starts it again.
 *
 * @param environment WATCHDOG_USEC is how long it waits; WATCHDOG_PID, if set, whom it watches.
 * @returns A function that does nothing where nobody watches.
 * @see sd_watchdog_enabled(3)
 */
export function openWatchdog(
  environment: Readonly<Record<string, string | undefined>>,
  {
    notify,
    now,
    pid = process.pid,
  }: { readonly notify: Notify; readonly now: () => number; readonly pid?: number },
): () => void {
  const patienceMs = Number(environment.WATCHDOG_USEC ?? "") / 1_000;
  const watched = environment.WATCHDOG_PID ?? "";
  if (!(patienceMs > 0) || (watched !== "" && watched !== String(pid))) return () => {};
  let beatAt: number | null = null;
  return () => {
    const at = now();
    if (beatAt !== null && at >= beatAt && at - beatAt < patienceMs / BEATS) return;
    beatAt = at;
    notify("WATCHDOG=1");
  };
}
