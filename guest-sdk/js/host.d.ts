/** What the host offers; only `src/main.ts` imports it, so that everything else runs under Node as well. */
declare module "coworker:skill/progress@0.1.0" {
  export function report(done: number | undefined, text: string): void;
}

declare module "coworker:skill/log@0.1.0" {
  export function write(level: "debug" | "info" | "warn" | "error", line: string): void;
}
