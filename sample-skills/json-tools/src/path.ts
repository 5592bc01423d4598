import { InvalidInput } from "../../../guest-sdk/js/coworker-skill";

type Step = (value: any) => unknown[];

const own = (value: any, key: string) => (value !== null && typeof value === "object" && Object.hasOwn(value, key) ? [value[key]] : []);
const all: Step = (value) => (value !== null && typeof value === "object" ? Object.values(value) : []);
const scalar = String.raw`-?\d+(?:\.\d+)?|"[^"]*"|'[^']*'|true|false|null`;

/** What a path may hold; each is tried at the start of what is left. */
const grammar: [RegExp, (...parts: string[]) => Step][] = [
  [/^\.?\{([^}]+)\}/, (names) => (value) => [Object.fromEntries(names.split(",").map((name) => [name.trim(), own(value, name.trim())[0] ?? null]))]],
  [/^(?:\.\*|\[\*\])/, () => all],
  [/^\.([\p{L}_$][\p{L}\p{N}_$-]*)/u, (key) => (value) => own(value, key)],
  [/^\[(?:"([^"]*)"|'([^']*)')\]/, (a, b) => (value) => own(value, a ?? b)],
  [/^\[(-?\d+)\]/, (index) => (value) => (Array.isArray(value) ? value.slice(+index, +index + 1 || undefined) : [])],
  [/^\[(-?\d+)?:(-?\d+)?\]/, (from, to) => (value) => (Array.isArray(value) ? value.slice(+(from ?? 0), to === undefined ? undefined : +to) : [])],
  [
    new RegExp(String.raw`^\[\?\s*([\p{L}_][\p{L}\p{N}_.-]*)\s*(?:(==|!=|<=|>=|<|>)\s*(${scalar})\s*)?\]`, "u"),
    (key, operator, text) => {
      const wanted = text === undefined ? undefined : JSON.parse(text.replace(/^'(.*)'$/s, (_, inner) => JSON.stringify(inner)));
      return (value) => all(value).filter((item) => holds(key.split(".").reduce((at: any, name) => own(at, name)[0], item), operator, wanted));
    },
  ],
];

function holds(found: any, operator: string | undefined, wanted: any): boolean {
  if (operator === undefined) return found !== undefined && found !== null && found !== false;
  if (operator === "==" || operator === "!=") return (found === wanted) === (operator === "==");
  if (typeof found !== typeof wanted) return false;
  return operator === "<" ? found < wanted : operator === ">" ? found > wanted : operator === "<=" ? found <= wanted : found >= wanted;
}

/** Returns what the path selects, in the order of the data. */
export function select(data: unknown, path: string): unknown[] {
  let rest = path.trim().replace(/^\$/, "");
  if (rest !== "" && !/^[.[{]/.test(rest)) rest = `.${rest}`;
  let found = [data];
  while (rest !== "") {
    const rule = grammar.find(([pattern]) => pattern.test(rest));
    if (!rule) throw new InvalidInput(`\`path\` cannot be read from “${rest.slice(0, 40)}” on`);
    const [whole, ...parts] = rule[0].exec(rest)!;
    found = found.flatMap(rule[1](...parts));
    rest = rest.slice(whole.length);
  }
  return found;
}
