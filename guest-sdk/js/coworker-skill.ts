/** Write a coworker-host skill in TypeScript: a list of skills in, the component's export out. */

/** What callers learn of a skill, and the function that runs it. */
export interface Skill {
  /** `[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`. */
  name: string;
  /** One or two sentences for the caller. */
  description: string;
  version?: string;
  whenToUse?: string;
  /** `compute`, `action`, `orchestration`, `meta`, `query`, or a word of your own. */
  category?: string;
  /** The least trust a caller needs; `known` if absent. */
  minTier?: "untrusted" | "known" | "internal" | "privileged";
  /** JSON Schema of the input; the host checks it before `run`. */
  input: object;
  /** JSON Schema of the output; the host checks it after `run`. */
  output: object;
  run(input: any, host: Host): unknown;
}

/** What a skill may tell while it runs. There is no `console`. */
export interface Host {
  /** Writes a line for the owner; callers never see it. */
  log(level: "debug" | "info" | "warn" | "error", line: string): void;
  /** Tells callers how far the work is: 0 to 1 where it is known. */
  progress(done: number | undefined, text: string): void;
}

/** Thrown by `run` for an input that makes no sense; callers see the text. */
export class InvalidInput extends Error {}

/** Thrown by `run` for work that failed; callers see the text, but of no other error. */
export class Failed extends Error {}

/** Returns the export `guest` of the component. */
export function guest(skills: Skill[], host: Host) {
  return {
    describe: () =>
      skills.map((skill) => ({
        name: skill.name,
        version: skill.version,
        description: skill.description,
        whenToUse: skill.whenToUse,
        category: skill.category,
        inputSchema: JSON.stringify(skill.input),
        outputSchema: JSON.stringify(skill.output),
        minTier: skill.minTier ?? "known",
      })),
    invoke: (name: string, input: string) => {
      const skill = skills.find((skill) => skill.name === name);
      if (!skill) throw failure("failed", "no such skill in this component");
      try {
        return JSON.stringify(skill.run(JSON.parse(input), host));
      } catch (error) {
        if (error instanceof InvalidInput) throw failure("invalid-input", error.message);
        if (error instanceof Failed) throw failure("failed", error.message);
        host.log("error", error instanceof Error ? `${error} ${error.stack}` : String(error));
        throw failure("failed", "the skill failed");
      }
    },
  };
}

function failure(tag: "invalid-input" | "failed", val: string) {
  return { tag, val };
}
