// Version: of what bodies and the engine say to each other, and of what the journal has of a run.
//
//   1  collect, dispatch, step, sleep, deliver
//   2  also state, lists and questions to people
//
// A run keeps the version that it began with. One of an earlier version goes on: all that it asks
// for means today what it meant then. One of a later version is paused, until a program of that
// version is there: this one would ask for other things, or miss what is new.

/** What is written and said by this program. */
export const WORKFLOW_VERSION = 2;

/** Why a run cannot be worked on by this program; null when it can. */
export function versionFault(version: number): string | null {
  if (version <= WORKFLOW_VERSION) return null;
  const state = `it was begun by a newer mig-runner (workflows ${version}, this one ${WORKFLOW_VERSION})`;
  return `${state}: start that one again, then resume the run`;
}

/** Why a body cannot take what the engine says; null when it can. */
export function messagesFault(version: number | undefined): string | null {
  if (version === WORKFLOW_VERSION) return null;
  const engine = version ?? "an earlier one";
  return (
    `the program has changed under the running mig-runner (workflows ${engine}, ` +
    `its workers ${WORKFLOW_VERSION}): restart it`
  );
}
