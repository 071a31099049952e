// Paths: where things have their pages.

/** Where a job has its page. A name that ends as a JSON page would keeps its own. */
export function jobPath(job: string): string {
  return `/jobs/${encodeURIComponent(job).replace(/\.json$/, "%2Ejson")}`;
}
