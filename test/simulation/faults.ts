// Faults: the kinds of faults that worlds suffer, by the names under which they are counted.

/** Each kind, and which counted names are of it. In a search of many seeds each must strike. */
export const FAULT_KINDS: Readonly<Record<string, RegExp>> = {
  "a delay": /^delay$/,
  "an error before the effect":
    / fails$|^http (refused|lost|serverBefore|htmlBefore)$|^key locked$/,
  "an error after the effect":
    / fails late$|^http (cutAfter|serverAfter|refusedAfter|htmlAfter|garbageAfter)$/,
  "a torn write": /^spool\.write fails/,
  "a short read": /^http (tornBody|stalledBody)$/,
  "a connection that is reset": /^http (lost|cutAfter|tornBody)$/,
  "HTTP 401": /^http unauthorized$/,
  "HTTP 429": /^http tooMany$/,
  "HTTP 500": /^http (server(Before|After)|refusedAfter)$/,
  "HTML instead of an answer": /^http html(Before|After)$/,
  "no answer": /^http hang(Before|After)$|^outage: hangBefore$/,
  "an API that is down": /^outage$/,
  "a clock that jumps ahead": /^jump ahead$/,
  "a clock that jumps back": /^jump back$/,
  "a clock that is hours or days ahead for a while": /^glitch ahead$/,
  "a clock that is hours or days behind for a while": /^glitch back$/,
  "a full disk": / ENOSPC/,
  "a journal that another process holds": /^journal busy$/,
  "EIO on fsync of a result": /^spool\.(fsync|syncDirectory) fails/,
  "EIO on fsync of the journal": /^journal fsync EIO/,
  "a crash at a port call": /^crash$/,
  "kill -9": /^kill$/,
  "a power loss": /^power loss$/,
  SIGTERM: /^terminate$/,
  "a plugin that fails, hangs or is gone": /^plugin /,
  "a step of a workflow that fails": /^step fails/,
  "`run` from outside": /^request$/,
  "`drop` from outside": /^drop$/,
  "a calendar that is installed, replaced or withdrawn": /^(install|withdraw)$/,
  "`redeliver` from outside": /^redeliver$/,
  "an edited, broken or removed job": /^(touch|reschedule|breakEntity|breakTemplate|remove)$/,
  "a record of the original, sound or broken": /^legacy /,
};

/** The same of a cluster, beside what befalls each of its hosts as one that is alone. */
export const CLUSTER_FAULT_KINDS: Readonly<Record<string, RegExp>> = {
  "a call to PostgreSQL that is lost": /^PostgreSQL: call lost$/,
  "a call to PostgreSQL whose answer is lost": /^PostgreSQL: answer lost$/,
  "a call that arrives after it was given up": /^PostgreSQL: call late$/,
  "PostgreSQL restarted, also in the middle of a commit": /^restart PostgreSQL$/,
  "PostgreSQL down for up to a minute": /^PostgreSQL down$/,
  "a partition between a host and PostgreSQL": /^cut$/,
  "a partition between a host and the API": /^cut off API$/,
  "an API that is down": /^outage$/,
  "an exchange with the API that fails": /^http /,
  "kill -9 of a host": /^kill$/,
  "kill -9 of all hosts at once": /^kill all$/,
  "a crash at a port call": /^crash$/,
  "SIGTERM of a host": /^terminate$/,
  "SIGSTOP for about a lease and SIGCONT": /^pause$/,
  "a machine that sleeps for about a lease": /^sleep$/,
  "a stop between connecting and sending": /^stopped before a request$/,
  "another machine in place of a host": /^host replaced$/,
  "a clock that jumps": /^jump$/,
  "a host that is drained and undrained": /^drain$/,
  "a full disk": /^disk full$/,
  "a disk that fails": /^spool\./,
  "a plugin that fails or hangs": /^plugin /,
  "`run` and `drop` from outside": /^(request|drop)$/,
  "`pause` and `unpause` from outside": /^(pause|unpause) job$/,
};

/** How often each kind struck, in the order of the kinds. */
export function countKinds(
  counts: Readonly<Record<string, number>>,
  kinds = FAULT_KINDS,
): ReadonlyMap<string, number> {
  const names = Object.entries(counts);
  return new Map(
    Object.entries(kinds).map(([kind, pattern]) => [
      kind,
      names.reduce((sum, [name, count]) => sum + (pattern.test(name) ? count : 0), 0),
    ]),
  );
}
