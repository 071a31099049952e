// Abbreviation: the letters of a time zone as Go prints them, such as CET and CEST.
//
// JavaScript does not tell the letters of the tz database, but it tells the English names of zones,
// and those lead to the letters. Checked against tz 2025b for every zone in January and July 2026:
// all agree, but for Troll (GMT for +00), Colombo (IST for +0530), Casey (AWST for +08), Minsk
// (MSK for +03), and Guernsey, Jersey and the Isle of Man in summer (+01 for BST). Letters of
// former years follow today's names. They are only shown to people: nothing is decided by them.
import type { Instant } from "../../time.ts";

/** Standard time and, where there is one, summer time, under the English name without "Time". */
const LETTERS: Readonly<Record<string, string>> = {
  Alaska: "AKST AKDT",
  "American Samoa": "SST",
  Atlantic: "AST ADT",
  "Australian Central": "ACST ACDT",
  "Australian Eastern": "AEST AEDT",
  "Australian Western": "AWST",
  British: "GMT BST",
  Central: "CST CDT",
  "Central Africa": "CAT",
  "Central European": "CET CEST",
  "Central Indonesia": "WITA",
  Chamorro: "ChST",
  China: "CST",
  "Coordinated Universal": "UTC",
  Cuba: "CST CDT",
  "East Africa": "EAT",
  Eastern: "EST EDT",
  "Eastern European": "EET EEST",
  "Eastern Indonesia": "WIT",
  "Greenwich Mean": "GMT",
  "Hawaii-Aleutian": "HST HDT",
  "Hong Kong": "HKT",
  India: "IST",
  Irish: "IST",
  Israel: "IST IDT",
  Japan: "JST",
  Korean: "KST",
  "Mexican Pacific": "MST",
  Moscow: "MSK",
  Mountain: "MST MDT",
  "New Zealand": "NZST NZDT",
  Newfoundland: "NST NDT",
  Pacific: "PST PDT",
  Pakistan: "PKT",
  Philippine: "PST",
  "South Africa": "SAST",
  Taiwan: "CST",
  Volgograd: "MSK",
  "West Africa": "WAT",
  "Western European": "WET WEST",
  "Western Indonesia": "WIB",
  Yukon: "MST",
};

/** The letters of the zone `name`, which has the offset `offsetSeconds`, at `at`. */
export function abbreviationIn(name: string, when: { at: Instant; offsetSeconds: number }): string {
  const format = new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "long" });
  const parts = format.formatToParts(when.at);
  const long = parts.find((part) => part.type === "timeZoneName")?.value ?? "";
  const [, base = "", season] = /^(.*?)(?: (Standard|Daylight|Summer))? Time$/.exec(long) ?? [];
  const [standard, summer] = LETTERS[base]?.split(" ") ?? [];
  const letters = season === "Daylight" || season === "Summer" ? summer : standard;
  return letters ?? numbersOf(when.offsetSeconds);
}

/** The tz database's form for a zone without letters: "+03", "-0930". */
function numbersOf(offsetSeconds: number): string {
  const minutes = Math.floor(Math.abs(offsetSeconds) / 60);
  const hour = String(Math.floor(minutes / 60)).padStart(2, "0");
  const rest = minutes % 60 === 0 ? "" : String(minutes % 60).padStart(2, "0");
  return `${offsetSeconds < 0 ? "-" : "+"}${hour}${rest}`;
}
