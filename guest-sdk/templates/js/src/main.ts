import { write } from "coworker:skill/log@0.1.0";
import { report } from "coworker:skill/progress@0.1.0";
import { guest as serve } from "../sdk/coworker-skill";
import { skills } from "./skills";

export const guest = serve(skills, { log: write, progress: report });
