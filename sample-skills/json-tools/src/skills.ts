import { InvalidInput, type Skill } from "../../../guest-sdk/js/coworker-skill";
import { readCsv, writeCsv } from "./csv";
import { select } from "./path";

const format = { type: "string", enum: ["json", "csv"] };

interface Input {
  text: string;
  from?: "json" | "csv";
  path?: string;
  to?: "json" | "csv";
}

/** Reads, selects, writes. */
export function transform({ text, from = "json", path = "$", to = "json" }: Input) {
  let data: unknown;
  try {
    data = from === "csv" ? readCsv(text) : JSON.parse(text);
  } catch (error) {
    throw new InvalidInput(`\`text\` is no ${from.toUpperCase()}: ${(error as Error).message}`);
  }
  const found = select(data, path);
  const rows = found.length === 1 && Array.isArray(found[0]) ? found[0] : found;
  return { text: to === "csv" ? writeCsv(rows) : JSON.stringify(found.length === 1 ? found[0] : found), count: rows.length };
}

export const skills: Skill[] = [
  {
    name: "transform",
    version: "1.0.0",
    category: "compute",
    description:
      "Selects parts of JSON or CSV by a path such as `$.items[?price > 10].{name,price}` and returns them as JSON or CSV.",
    whenToUse: "Data has to be picked apart, filtered, or turned from JSON to CSV or back",
    input: {
      type: "object",
      additionalProperties: false,
      required: ["text"],
      properties: {
        text: { type: "string", description: "The JSON or CSV; the first line of CSV names its columns." },
        from: { ...format, description: "What `text` is (default json)." },
        path: {
          type: "string",
          maxLength: 1000,
          description: "$ the whole, .key, [0], [-1], [1:3], [*] or .* all, [?key > 1] those that fit, .{a,b} some fields.",
        },
        to: { ...format, description: "What to return (default json)." },
      },
    },
    output: {
      type: "object",
      additionalProperties: false,
      required: ["text", "count"],
      properties: {
        text: { type: "string", description: "The parts found; one alone stands for itself, several as a list." },
        count: { type: "integer", description: "How many parts, or rows, there are." },
      },
    },
    run: transform,
  },
];
