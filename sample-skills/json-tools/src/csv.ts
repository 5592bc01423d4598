type Row = Record<string, unknown>;

/** Reads CSV with quotes as RFC 4180 has them; numbers and true/false become values. */
export function readCsv(text: string): Row[] {
  const lines: string[][] = [[""]];
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const [char, line] = [text[at], lines[lines.length - 1]];
    if (quoted) {
      if (char !== '"') line[line.length - 1] += char;
      else if (text[at + 1] === '"') line[line.length - 1] += text[++at];
      else quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === ",") line.push("");
    else if (char === "\n") lines.push([""]);
    else if (char !== "\r") line[line.length - 1] += char;
  }
  if (quoted) throw new Error("a quote is never closed");
  const [names, ...rows] = lines.filter((line) => line.length > 1 || line[0] !== "");
  return rows.map((row) => Object.fromEntries((names ?? []).map((name, at) => [name, value(row[at] ?? "")])));
}

/** Keeps as text what a number would spoil: leading zeros, long digits. */
function value(cell: string): unknown {
  if (cell === "true" || cell === "false") return cell === "true";
  return cell !== "" && String(Number(cell)) === cell ? Number(cell) : cell;
}

/** Writes rows of objects; the columns are all keys, in the order they first appear. */
export function writeCsv(rows: unknown[]): string {
  const objects = rows.map((row) => (row !== null && typeof row === "object" ? (row as Row) : { value: row }));
  const names = [...new Set(objects.flatMap((row) => Object.keys(row)))];
  const cell = (value: unknown) => {
    const text = value == null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [names, ...objects.map((row) => names.map((name) => row[name]))].map((line) => line.map(cell).join(",")).join("\n");
}
