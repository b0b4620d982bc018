// What the page knows, and what all of it shares. Values reach the page as text only.
const { personas, objects, answers, texts, entries, outcomes, directions } =
  JSON.parse(document.getElementById("document").textContent);

const byId = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

class Cell {
  constructor(object, action, variant, [column, span, numbers, moves]) {
    this.object = object;
    this.action = action;
    this.variant = variant;
    this.column = column;
    this.span = span;
    this.numbers = numbers;
    this.entries = moves.map((number) => entries[number]);
    [this.persona, this.rows] = object.columns[column];
    if (span > 1 || action === "truncate") this.rows = "-";
  }

  get outcome() { return answers[this.numbers[0]][0]; }

  // Which ways access moved: for some rows one way, for others the other; what was gained comes first.
  get directions() { return [...new Set(this.entries.map((entry) => entry.direction))]; }

  get answers() {
    return this.numbers.map((number) => {
      const [outcome, sqlstate, footprint, when, why, statement, row, tried] = answers[number];
      return {
        outcome, sqlstate, tried,
        footprint: footprint.map((line) => texts[line]),
        when: texts[when], why: texts[why], statement: texts[statement], row: texts[row],
      };
    });
  }

  get question() {
    return this.variant === "-" ? this.action : `${this.action} ${this.variant}`;
  }

  get whose() { return this.rows === "-" ? "" : `${this.rows} rows`; }

  // Everything that the search looks into, in lower case.
  get haystack() {
    this.found ??= [
      personas[this.persona].name, personas[this.persona].role, this.question, this.object.name, this.whose,
      outcomes[this.outcome][1],
      ...this.answers.flatMap((a) => [a.sqlstate, a.when, a.why, a.statement, a.row, ...a.footprint]),
    ].join("\n").toLowerCase();
    return this.found;
  }
}

for (const object of objects) {
  object.rows = object.rows.map(([action, variant, cells]) => ({
    action, variant, cells: cells.map((cell) => new Cell(object, action, variant, cell)),
  }));
}
const cellsOf = (object) => object.rows.flatMap((row) => row.cells);
const allCells = objects.flatMap(cellsOf);

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
  byId("theme").setAttribute("aria-label", `Use ${theme === "dark" ? "light" : "dark"} colours`);
}

function initTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
  byId("theme").addEventListener("click", () =>
    setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
}
