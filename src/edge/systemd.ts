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
