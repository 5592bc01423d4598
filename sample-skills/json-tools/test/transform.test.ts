import assert from "node:assert/strict";
import { test } from "node:test";
import { guest } from "../../../guest-sdk/js/coworker-skill";
import { skills, transform } from "../src/skills";

const shop = JSON.stringify({
  items: [
    { name: "pen", price: 2, tags: ["ink"], "in stock": true },
    { name: "desk, oak", price: 250.5, tags: [] },
    { name: "lamp", price: 40, tags: ["light", "led"], maker: { city: "Łódź" } },
  ],
});
const at = (path: string) => JSON.parse(transform({ text: shop, path }).text);

test("steps select", () => {
  assert.equal(at("$.items[0].name"), "pen");
  assert.equal(at("items[-1].name"), "lamp");
  assert.deepEqual(at("$.items[*].price"), [2, 250.5, 40]);
  assert.deepEqual(at("$.items[1:].name"), ["desk, oak", "lamp"]);
  assert.equal(at("$.items[0]['in stock']"), true);
  assert.deepEqual(at("$.items[*].tags[*]"), ["ink", "light", "led"]);
  assert.deepEqual(at("$.items[?maker.city == 'Łódź'].{name, price}"), { name: "lamp", price: 40 });
  assert.deepEqual(at("$.nothing"), []);
});

test("filters compare only what is alike", () => {
  assert.deepEqual(at("$.items[?price >= 40].name"), ["desk, oak", "lamp"]);
  assert.deepEqual(at("$.items[?name > 5].name"), []);
  assert.deepEqual(at("$.items[?maker].name"), "lamp");
});

test("JSON to CSV and back", () => {
  const csv = transform({ text: shop, path: "$.items[*].{name,price}", to: "csv" });
  assert.deepEqual(csv, { text: 'name,price\npen,2\n"desk, oak",250.5\nlamp,40', count: 3 });
  const back = transform({ text: csv.text, from: "csv", path: "[?price < 100].name" });
  assert.deepEqual(back, { text: '["pen","lamp"]', count: 2 });
});

test("CSV keeps what a number would spoil", () => {
  const { text } = transform({ text: 'zip,said\r\n01234,"he ""left"""\r\n', from: "csv" });
  assert.deepEqual(JSON.parse(text), [{ zip: "01234", said: 'he "left"' }]);
});

test("mistakes are told to the caller", () => {
  assert.throws(() => transform({ text: "{", path: "$" }), /no JSON/);
  assert.throws(() => transform({ text: 'a\n"b', from: "csv" }), /never closed/);
  assert.throws(() => at("$.items[?price ~ 3]"), /cannot be read from “\[\?price ~ 3\]” on/);
  assert.deepEqual(at("$.__proto__"), []);
});

test("a caller sees one skill, and its errors as the host knows them", () => {
  const component = guest(skills, { log() {}, progress() {} });
  assert.deepEqual(component.describe().map((skill) => [skill.name, skill.minTier]), [["transform", "known"]]);
  assert.equal(component.invoke("transform", '{"text":"[1,2]","path":"[1]"}'), '{"text":"2","count":1}');
  try {
    component.invoke("transform", '{"text":"nope"}');
    assert.fail("refused");
  } catch (failure: any) {
    assert.equal(failure.tag, "invalid-input");
  }
});
