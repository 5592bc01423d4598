import { type Host, InvalidInput, type Skill } from "../sdk/coworker-skill";

export function greet({ name, times = 1 }: { name: string; times?: number }, host: Host) {
  if (name.trim() === "") throw new InvalidInput("`name` is empty");
  host.log("info", `greeting ${name}`);
  return { text: Array(times).fill(`Hello, ${name}!`).join(" ") };
}

export const skills: Skill[] = [
  {
    name: "{{name}}",
    version: "0.1.0",
    category: "compute",
    description: "Greets somebody by name.",
    whenToUse: "Somebody is to be greeted",
    input: {
      type: "object",
      additionalProperties: false,
      required: ["name"],
      properties: {
        name: { type: "string", description: "Whom to greet." },
        times: { type: "integer", minimum: 1, maximum: 5, description: "How often (default once)." },
      },
    },
    output: {
      type: "object",
      additionalProperties: false,
      required: ["text"],
      properties: { text: { type: "string", description: "The greeting." } },
    },
    run: greet,
  },
];
