// One section for each object; its grid is drawn when it is opened, and again when the filters change.
const MOST_ROWS_OPENED = 150;
const sections = new Map();
const cellOf = new WeakMap();
const elementOf = new Map();

function makeSection(object, number) {
  const body = make("div", { class: "grid-body", id: `object-${number}-grid`, hidden: true });
  const counts = make("span", { class: "counts" });
  const toggle = make(
    "button",
    { type: "button", class: "toggle", "aria-expanded": "false", "aria-controls": body.id },
    make("span", { class: "twist", "aria-hidden": "true" }, "▸"),
    make("span", { class: "object-name" }, object.name), " ",
    make("small", { class: "kind" }, object.kind), " ",
    counts,
  );
  const element = make("section", { class: "object", id: `object-${number}` }, make("h3", {}, toggle), body);
  const section = { object, element, toggle, body, counts, open: false };
  toggle.addEventListener("click", () => setOpen(section, !section.open));
  sections.set(object, section);
  return element;
}

function setOpen(section, open) {
  section.open = open;
  section.toggle.setAttribute("aria-expanded", String(open));
  section.body.hidden = !open;
  if (open) drawGrid(section);
  else section.body.replaceChildren();
}

function refresh() {
  filters = readFilters();
  const found = new Map(objects.map((object) => [object, cellsOf(object).filter(matches)]));
  let rowsLeft = MOST_ROWS_OPENED;
  for (const [object, cells] of found) {
    const section = sections.get(object);
    section.element.hidden = cells.length === 0;
    section.matching = new Set(cells);
    drawCounts(section, cells);
    const rows = new Set(cells.map((cell) => cell.question)).size;
    const asked = isNarrowed() || filters.object !== "";
    if (asked && cells.length && rowsLeft > 0 && !section.open) {
      section.opened = true;
      setOpen(section, true);
    } else if (!asked && section.opened) {
      section.opened = false;
      setOpen(section, false);
    } else if (section.open) drawGrid(section);
    if (section.open) rowsLeft -= rows;
  }
  const total = [...found.values()].reduce((sum, cells) => sum + cells.length, 0);
  byId("nothing").hidden = total > 0;
  byId("status").textContent = `${total.toLocaleString("en")} of ${allCells.length.toLocaleString("en")} cells`;
}

function drawCounts(section, cells) {
  const tally = (of) => cells.flatMap(of).reduce((counts, key) => counts.set(key, (counts.get(key) ?? 0) + 1), new Map());
  const byOutcome = tally((cell) => cell.outcome);
  const byDirection = tally((cell) => cell.directions);
  section.counts.replaceChildren(
    ...Object.entries(directions).filter(([direction]) => byDirection.has(direction)).map(([direction, symbol]) =>
      make("span", { class: `badge moved-${direction}` }, `${symbol} ${byDirection.get(direction)} ${direction}`)),
    ...Object.entries(outcomes).filter(([outcome]) => outcome !== "error" || byOutcome.has(outcome))
      .map(([outcome, [symbol, word]]) => make(
        "span", { class: byOutcome.has(outcome) ? "count" : "count zero", title: word },
        make("span", { class: `dot o-${outcome}`, "aria-hidden": "true" }, symbol),
        ` ${byOutcome.get(outcome) ?? 0} `, make("span", { class: "hidden-text" }, `${word},`),
      )),
  );
}

function drawGrid(section) {
  const { object, matching } = section;
  const columns = object.columns.map((column, number) => ({ number, persona: column[0], rows: column[1] }))
    .filter((column) => showsPersona(column.persona));
  const rows = object.rows.filter((row) => row.cells.some((cell) => matching.has(cell)));
  const table = make(
    "table", { role: "grid", "aria-label": object.name, "aria-readonly": "true" }, drawHead(columns),
    make("tbody", { role: "rowgroup" }, ...rows.map((row, n) => drawRow(row, columns, matching, rows[n - 1]))),
  );
  table.querySelector("td.cell")?.setAttribute("tabindex", "0");
  section.body.replaceChildren(make("div", { class: "scroller" }, table), ...drawGaps(object));
}

function drawHead(columns) {
  const people = [...new Set(columns.map((column) => column.persona))];
  const width = (persona) => columns.filter((column) => column.persona === persona).length;
  return make(
    "thead", { role: "rowgroup" },
    make("tr", { role: "row" },
      make("th", { role: "columnheader", rowspan: "2", class: "corner" }, "What is tried"),
      ...people.map((persona) => make(
        "th", { role: "columnheader", colspan: width(persona), class: "persona first", title: personas[persona].role },
        personas[persona].name))),
    make("tr", { role: "row" }, ...columns.map((column, n) => make(
      "th", { role: "columnheader", class: isFirst(columns, n) ? "rows first" : "rows" },
      column.rows === "-" ? "" : column.rows))),
  );
}

const isFirst = (columns, n) => n === 0 || columns[n - 1].persona !== columns[n].persona;

function drawRow(row, columns, matching, before) {
  const starts = before?.action !== row.action;
  const line = make(
    "tr", { role: "row", class: starts ? "starts" : false },
    make("th", { role: "rowheader", scope: "row", title: `${row.action} ${row.variant}` }, make("span", { class: "action" }, row.action), " ",
      row.variant === "-" ? make("span", { class: "whole" }, wholeOf(row.action)) : make("code", {}, row.variant)),
  );
  const byColumn = new Map(row.cells.map((cell) => [cell.column, cell]));
  for (let n = 0; n < columns.length; n++) {
    const cell = byColumn.get(columns[n].number);
    const first = isFirst(columns, n) ? " first" : "";
    line.append(cell ? drawCell(cell, first, matching.has(cell)) : make("td", { role: "gridcell", class: `none${first}` }));
    if (cell) n += cell.span - 1;
  }
  return line;
}

const wholeOf = (action) => ({ truncate: "table", execute: "", usage: "" })[action] ?? "row";

function drawCell(cell, first, matched) {
  const [symbol, word] = outcomes[cell.outcome];
  const [moved] = cell.directions;
  const more = cell.numbers.length > 1 ? ` +${cell.numbers.length - 1}` : "";
  const label = [personas[cell.persona].name, cell.rows === "-" ? "" : cell.rows].filter(Boolean).join(" · ");
  const element = make(
    "td",
    {
      role: "gridcell", tabindex: "-1", "data-label": label, colspan: cell.span > 1 ? cell.span : null,
      class: `cell o-${cell.outcome}${first}${matched ? "" : " dim"}${moved ? ` moved-${moved}` : ""}`,
      title: more ? "differs between rows of this class" : null,
    },
    ...cell.directions.flatMap((direction) => [make("span", { class: `moved moved-${direction}` }, directions[direction],
      make("span", { class: "hidden-text" }, ` ${direction}: `)), " "]),
    make("span", { class: "symbol", "aria-hidden": "true" }, symbol), ` ${word}${more}`,
  );
  cellOf.set(element, cell);
  elementOf.set(cell, element);
  return element;
}

function drawGaps(object) {
  if (!object.gaps.length) return [];
  const named = object.gaps.map(([persona, rows]) => `${personas[persona].name} ${rows}`).join(", ");
  return [make("p", { class: "note" }, `Not tried, because the world has no such row: ${named}.`)];
}

// Bring a cell into view, whatever is filtered away.
function reveal(cell) {
  if (!matches(cell)) {
    form.reset();
    refresh();
  }
  const section = sections.get(cell.object);
  if (!section.open) setOpen(section, true);
  focusCell(elementOf.get(cell));
}

function focusCell(element) {
  for (const other of element.closest("table").querySelectorAll('td[tabindex="0"]')) other.tabIndex = -1;
  element.tabIndex = 0;
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block: "nearest", inline: "nearest" });
}
