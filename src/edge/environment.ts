// Environment: what of the runner's own environment programs, modules and jobs get to see.

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Never more: the rest may hold secrets, or change what another program of this runtime does. */
const PASSED = new RegExp(
  `^(?:${[
    "PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_[A-Z]+|TZ|TMPDIR|SSL_CERT_(?:FILE|DIR)",
    "(?:https?|no|all)_proxy|(?:HTTPS?|NO|ALL)_PROXY",
  ].join("|")})$`,
);

/** The variables that may be passed on. */
export function passedEnvironment(environment: Environment): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && PASSED.test(name)) passed[name] = value;
  }
  return passed;
}
