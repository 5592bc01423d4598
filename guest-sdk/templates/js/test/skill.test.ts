import assert from "node:assert/strict";
import { test } from "node:test";
import { guest } from "../sdk/coworker-skill";
import { greet, skills } from "../src/skills";

const lines: string[] = [];
const host = { log: (_: string, line: string) => void lines.push(line), progress: () => {} };

test("it greets", () => {
  assert.equal(greet({ name: "Ada", times: 2 }, host).text, "Hello, Ada! Hello, Ada!");
  assert.deepEqual(lines, ["greeting Ada"]);
  assert.throws(() => greet({ name: " " }, host), /empty/);
});

test("a host can call it", () => {
  const component = guest(skills, host);
  assert.equal(component.invoke("{{name}}", '{"name":"Ada"}'), '{"text":"Hello, Ada!"}');
});
