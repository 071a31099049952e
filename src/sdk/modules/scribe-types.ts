// Scribe types: a document of tests, as authors write it.

/** A text that `${key}` stands for in paths, files and package names of a document. */
export interface ScribeVariable {
  readonly key: string;
  readonly value: string;
}

/** The version of an installed package. */
export interface ScribePackage {
  readonly name: string;
  /** A pattern on names, in place of the one exact name. */
  readonly collectmatch?: string | undefined;
  /** Take the newest version only. @default false */
  readonly onlynewest?: boolean | undefined;
}

/** What the groups of a pattern find in lines of files. Directories are searched 10 deep. */
export interface ScribeFileContent {
  readonly path: string;
  /** A pattern on the file's name. */
  readonly file: string;
  /** A pattern on lines, with at least one group: the groups are the values. */
  readonly expression: string;
  /** Put the values of a file together, with this between them. */
  readonly concat?: string | undefined;
  /** Objects that are evaluated for each file found, with its path as `${chain_root}`. */
  readonly "import-chain"?: readonly string[] | undefined;
}

/** What the group of a pattern finds in paths of files. */
export interface ScribeFileName {
  readonly path: string;
  /** A pattern on the file's name, with one group: it is the value. */
  readonly file: string;
}

/** Whether files have a line: the value is "true" or "false". */
export interface ScribeHasLine {
  readonly path: string;
  /** A pattern on the file's name. */
  readonly file: string;
  /** A pattern on lines. */
  readonly expression: string;
}

/** Values that are written into the document. */
export interface ScribeRaw {
  readonly identifiers: readonly { readonly identifier: string; readonly value: string }[];
}

/** Where values come from: exactly one source. */
export interface ScribeObject {
  /** Its id, unique in the document. */
  readonly object: string;
  readonly package?: ScribePackage | undefined;
  readonly filecontent?: ScribeFileContent | undefined;
  readonly filename?: ScribeFileName | undefined;
  readonly hasline?: ScribeHasLine | undefined;
  readonly raw?: ScribeRaw | undefined;
}

/** A word about a test, such as its severity. No double quotes. */
export interface ScribeTag {
  readonly key?: string | undefined;
  readonly value?: string | undefined;
}

/** A test of an object's values, by at most one criterion; without one any value will do. */
export interface ScribeTest {
  /** Its id, unique in the document. */
  readonly test: string;
  readonly name?: string | undefined;
  /** The id of the object. */
  readonly object: string;
  readonly description?: string | undefined;
  /** Compare as versions of packages (epoch, version, release). */
  readonly evr?: { readonly operation: "<" | ">" | "="; readonly value: string } | undefined;
  /** A pattern. */
  readonly regexp?: { readonly value: string } | undefined;
  readonly exactmatch?: { readonly value: string } | undefined;
  readonly tags?: readonly ScribeTag[] | undefined;
  /** Ids of tests that must be true as well. */
  readonly if?: readonly string[] | undefined;
  /** Only for tools that test documents, as the next one. */
  readonly expectedresult?: boolean | undefined;
  readonly expecterror?: boolean | undefined;
}

/** A document of tests. */
export interface ScribeDocument {
  readonly variables?: readonly ScribeVariable[] | undefined;
  readonly objects?: readonly ScribeObject[] | undefined;
  readonly tests?: readonly ScribeTest[] | undefined;
}
